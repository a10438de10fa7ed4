"""Roles: the permissions of users by settings, by functions, and by the scopes of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from plugins.auth.tests.conftest import caller, club

from actionhero import BootError, Forbidden, PermissionSource, Principal, hookimpl
from actionhero_auth import ApiKeys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero_auth import RoleFunction

ROLES = {
    "ACTIONHERO_AUTH__ROLES": '{"host": ["close", "open"], "guest": []}',
    "ACTIONHERO_AUTH__USERS": '{"ada": ["host", "guest"], "7": ["host"]}',
}


class Staff:
    """A plugin that knows further roles."""

    @hookimpl
    def actionhero_auth_roles(self) -> list[RoleFunction]:
        async def roles_of(principal: Principal) -> Iterable[str]:
            return ["host"] if principal.id.startswith("staff") else ["unknown"]

        return [roles_of]


async def may_close(app: Any, user: Any) -> bool:
    """Return whether a user may call an action that requires a permission."""
    client = app.connect(principal=Principal(user))
    try:
        return bool(await client.call("close"))
    except Forbidden:
        return False


async def test_users_have_the_permissions_of_their_roles() -> None:
    """By the user as text; of the settings and of a function."""
    async with club(None, Staff(), **ROLES) as app:
        users = ["ada", "bob", 7, "7", "staff-1", "8"]
        assert [await may_close(app, user) for user in users] == [
            True, False, True, True, True, False,
        ]  # fmt: skip


@pytest.mark.parametrize("roles", ["host", b"host", None, 7])
async def test_a_function_returns_names_of_roles(
    roles: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The letters of a text are no roles, and the log names the function."""

    class Plugin:
        @hookimpl
        def actionhero_auth_roles(self) -> list[RoleFunction]:
            async def roles_of_user(principal: Principal) -> Any:
                return roles

            return [roles_of_user]

    async with club(None, Plugin(), **ROLES) as app:
        outcome = await app.connect(principal=Principal("bob")).outcome("close")

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert "roles_of_user' of actionhero_auth_roles returned " in caplog.text


async def test_without_roles_another_plugin_knows_the_permissions() -> None:
    """This package does not take the place of another source."""

    class Source(PermissionSource):
        async def permissions_of(self, principal: Principal) -> frozenset[str]:
            return frozenset({"close"})

    class Other:
        @hookimpl(trylast=True)
        def actionhero_permissions(self) -> PermissionSource:
            return Source()

    async with club(None, Other()) as app:
        assert await may_close(app, "bob")


async def test_a_key_has_only_the_permissions_among_its_scopes(sqlite_url: str) -> None:
    """A key of an administrator that may only read cannot close the club."""
    async with club(sqlite_url, **ROLES) as app:
        keys = app.get(ApiKeys)
        for scopes, allowed in ((None, True), (["read"], False), (["close"], True), ([], False)):
            created = await keys.create("ada", "key", scopes=scopes)
            client = caller(app, created.secret)
            if allowed:
                assert await client.call("close") == "closed"
            else:
                with pytest.raises(Forbidden):
                    await client.call("close")
        bob = await keys.create("bob", "key", scopes=["close"])
        with pytest.raises(Forbidden):
            await caller(app, bob.secret).call("close")


@pytest.mark.parametrize("method", ["bearer", "oauth", "club_key"])
async def test_all_credentials_with_scopes_have_only_permissions_among_these(method: str) -> None:
    """An application that an administrator allows to read cannot close the club."""
    async with club(None, **ROLES) as app:
        for scopes, allowed in ((["read"], False), ([], False), (["read", "close"], True)):
            principal = Principal("ada", scopes=frozenset(scopes), method=method)
            client = app.connect(principal=principal)
            if allowed:
                assert await client.call("close") == "closed"
            else:
                with pytest.raises(Forbidden):
                    await client.call("close")


async def test_an_unknown_role_is_an_error_at_start() -> None:
    """The message names the user, the role, and those that exist."""
    environ = {**ROLES, "ACTIONHERO_AUTH__USERS": '{"ada": ["hostess"]}'}
    with pytest.raises(BootError, match=r"'ada' the role 'hostess'.*available: guest, host"):
        async with club(None, **environ):
            pass
