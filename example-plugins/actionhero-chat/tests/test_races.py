"""Tests of race conditions at sign-up and at the creation of the default user."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actionhero import Conflict, RunMode
from actionhero.testing import running_app
from actionhero_auth import Passwords
from actionhero_auth import plugin as auth_plugin
from actionhero_channels import plugin as channels_plugin
from actionhero_chat import plugin as chat_plugin
from actionhero_chat.models import User
from actionhero_chat.ops import users
from actionhero_db import Database
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLUGINS = (
    web_plugin,
    redis_plugin,
    sessions_plugin,
    db_plugin,
    auth_plugin,
    channels_plugin,
    chat_plugin,
)
CALLERS = 100


@pytest.fixture
def environ(
    storage: str, tmp_path: Path, servers: Callable[[int], dict[str, str]]
) -> dict[str, str]:
    """Return the variables of an application with an empty database."""
    stores = servers(8) if storage == "servers" else {"ACTIONHERO_REDIS__MODE": "memory"}
    return {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_AUTH__ARGON2_MEMORY_KIB": "8",
        "ACTIONHERO_AUTH__ARGON2_PASSES": "1",
        "ACTIONHERO_AUTH__ARGON2_LANES": "1",
        "PORT": "0",
        **stores,
    }


async def test_concurrent_sign_ups_with_one_address_create_one_user(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All callers have checked the address before the first of them inserts its row."""
    all_have_checked = asyncio.Barrier(CALLERS)
    hash = Passwords.hash

    async def wait(self: Passwords, password: str) -> str:
        await all_have_checked.wait()
        return await hash(self, password)

    async with running_app(*PLUGINS, environ=environ) as app:
        inputs = {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}
        callers = [app.connect() for _ in range(CALLERS)]
        with monkeypatch.context() as patched:
            patched.setattr(Passwords, "hash", wait)
            calls = [caller.call("user:create", **inputs) for caller in callers]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)

        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert len(errors) == CALLERS - 1
        assert {(type(one), str(one)) for one in errors} == {(Conflict, "User already exists")}


async def test_a_default_user_from_a_concurrent_server_does_not_stop_the_start(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is created between the lookup and the insert."""

    async def find_none(email: str) -> None:
        return None

    async with running_app(*PLUGINS, environ=environ, mode=RunMode.SERVER):
        pass

    with monkeypatch.context() as patched:
        patched.setattr(users, "find_by_email", find_none)
        async with (
            running_app(*PLUGINS, environ=environ, mode=RunMode.SERVER) as app,
            app.get(Database).activated(),
        ):
            assert [user.name for user in await User.all()] == ["Admin"]
