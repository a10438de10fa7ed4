"""Tests of API keys: their creation, their use, and their revocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Forbidden, NotFound, Principal, SignInRequired
from actionhero.testing import running_app
from actionhero_auth import plugin as auth_plugin
from actionhero_channels import captured_broadcasts
from actionhero_channels import plugin as channels_plugin
from actionhero_chat import plugin as chat_plugin
from actionhero_chat.ops import users
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

PASSWORD = "correct horse"
PLUGINS = (
    web_plugin, redis_plugin, sessions_plugin, db_plugin, auth_plugin, channels_plugin, chat_plugin,
)  # fmt: skip


def test_a_key_is_used_in_place_of_a_session(
    member: httpx.Client,
    user: dict[str, Any],
    sign_up: Callable[..., dict[str, Any]],
    open_client: Callable[[], httpx.Client],
    assert_error: Callable[..., Any],
) -> None:
    """It is shown once, writes messages, and cannot create others."""
    created = member.put("/key", json={"name": "script"}).json()
    assert (created["key"]["name"], created["key"]["scopes"]) == ("script", ["messages:write"])
    [listed] = member.get("/keys").json()["keys"]
    assert listed == created["key"]

    script = open_client()
    script.headers["Authorization"] = f"Bearer {created['secret']}"
    message = script.put("/message", json={"body": "Hello"}).json()["message"]
    assert message["user_id"] == user["id"]
    assert script.get("/messages/list").status_code == 200
    for method, path, inputs in (
        ("PUT", "/key", {"name": "another"}),
        ("GET", "/keys", None),
        ("POST", "/user", {"name": "Eve"}),
    ):
        response = script.request(method, path, json=inputs)
        assert response.status_code == 403
        assert "a session, not an API key" in response.json()["error"]["message"]

    other, stranger = open_client(), sign_up()
    other.put("/session", json={"email": stranger["email"], "password": PASSWORD})
    assert other.get("/keys").json() == {"keys": []}
    missing = other.delete(f"/key/{listed['id']}")
    assert_error(missing, "no row", f"Key with id {listed['id']} not found")
    assert_error(open_client().get("/keys"), "anonymous", "Session not found")
    assert member.delete(f"/key/{listed['id']}").json() == {"success": True}
    assert script.put("/message", json={"body": "Hello"}).status_code == 401
    assert member.get("/keys").json() == {"keys": []}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return the variables of an application in one process."""
    return {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_AUTH__ARGON2_MEMORY_KIB": "8",
        "ACTIONHERO_AUTH__ARGON2_PASSES": "1",
        "ACTIONHERO_AUTH__ARGON2_LANES": "1",
    }


async def test_a_key_without_scopes_only_reads(environ: dict[str, str]) -> None:
    """Its calls have no other limit."""
    reader = Principal(1, scopes=frozenset(), method="api_key")
    async with running_app(*PLUGINS, environ=environ) as app:
        client = app.connect(principal=reader)
        assert (await client.call("messages:list"))["messages"] == []
        with pytest.raises(Forbidden, match="the scope 'messages:write'"):
            await client.call("message:create", body="Hello")
        with pytest.raises(SignInRequired):
            await app.call("key:create", name="script")


async def test_an_administrator_may_revoke_the_keys_of_all_users(environ: dict[str, str]) -> None:
    """By its id, if the settings give it a role with that permission."""
    roles = {
        "ACTIONHERO_AUTH__ROLES": '{"admin": ["keys:revoke"]}',
        "ACTIONHERO_AUTH__USERS": '{"8": ["admin"]}',
    }
    async with running_app(*PLUGINS, environ={**environ, **roles}) as app:
        created = await app.connect(principal=session(1)).call("key:create", name="script")
        key = created["key"]["id"]
        with pytest.raises(NotFound, match=f"Key with id {key} not found"):
            await app.connect(principal=session(7)).call("key:revoke", key=key)
        client = app.connect(principal=session(8))
        assert await client.call("key:revoke", key=key) == {"success": True}


async def test_an_administrator_may_delete_messages(environ: dict[str, str]) -> None:
    """Of all users; the readers of the channel are informed."""
    roles = {
        "ACTIONHERO_AUTH__ROLES": '{"admin": ["messages:delete"]}',
        "ACTIONHERO_AUTH__USERS": '{"8": ["admin"]}',
    }
    async with running_app(*PLUGINS, environ={**environ, **roles}) as app:
        inputs = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        user = (await app.call("user:create", **inputs))["user"]["id"]
        author = app.connect(principal=session(user))
        message = (await author.call("message:create", body="Hello"))["message"]["id"]
        with pytest.raises(SignInRequired):
            await app.call("message:delete", message=message)
        with pytest.raises(Forbidden, match="the permission 'messages:delete'"):
            await author.call("message:delete", message=message)
        assert await author.call("permissions:list") == {"permissions": []}

        admin = app.connect(principal=session(8))
        with captured_broadcasts(app) as broadcasts:
            assert await admin.call("message:delete", message=message) == {"deleted": message}

        assert await admin.call("permissions:list") == {"permissions": ["messages:delete"]}
        assert [each.message for each in broadcasts] == [{"deleted": message}]
        assert (await admin.call("messages:list"))["messages"] == []
        with pytest.raises(NotFound, match=f"Message with id {message} not found"):
            await admin.call("message:delete", message=message)


async def test_the_address_of_the_default_user_gives_no_role(environ: dict[str, str]) -> None:
    """A stranger can sign up with it, if there is no such user or its address has changed."""
    roles = {"ACTIONHERO_AUTH__ROLES": '{"admin": ["keys:revoke"]}'}
    inputs = {"name": "Eve", "email": users.DEFAULT_EMAIL, "password": PASSWORD}
    async with running_app(*PLUGINS, environ={**environ, **roles}) as app:
        stranger = (await app.call("user:create", **inputs))["user"]["id"]
        created = await app.connect(principal=session(99)).call("key:create", name="script")
        with pytest.raises(NotFound):
            await app.connect(principal=session(stranger)).call(
                "key:revoke", key=created["key"]["id"]
            )


def session(user: int) -> Principal:
    """Return a user with a session."""
    return Principal(user, method="session")


async def test_without_api_keys_there_are_no_actions(environ: dict[str, str]) -> None:
    """The setting of `actionhero-auth` applies to the chat."""
    variables = {**environ, "ACTIONHERO_AUTH__API_KEYS": "false"}
    async with running_app(*PLUGINS, environ=variables) as app:
        names = {action.name for action in app.app.actions}
    assert "message:create" in names
    assert not names & {"key:create", "keys:list", "key:revoke"}
