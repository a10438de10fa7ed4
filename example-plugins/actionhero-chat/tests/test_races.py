"""What two do at once ends well, at the very moment at which it could not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actionhero import Conflict, RunMode
from actionhero.testing import running_app
from actionhero_channels import plugin as channels_plugin
from actionhero_chat import plugin as chat_plugin
from actionhero_chat.models import User
from actionhero_chat.ops import users
from actionhero_chat.passwords import Passwords
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
    channels_plugin,
    chat_plugin,
)
MANY = 100


@pytest.fixture
def environ(
    storage: str, tmp_path: Path, servers: Callable[[int], dict[str, str]]
) -> dict[str, str]:
    """Give the variables of an application with an empty database."""
    stores = servers(8) if storage == "servers" else {"ACTIONHERO_REDIS__MODE": "memory"}
    return {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_CHAT__ARGON2_MEMORY_KIB": "8",
        "ACTIONHERO_CHAT__ARGON2_PASSES": "1",
        "ACTIONHERO_CHAT__ARGON2_LANES": "1",
        "PORT": "0",
        **stores,
    }


async def test_who_found_an_address_free_may_still_come_too_late(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred have looked before the first of them writes: the table lets one through."""
    all_have_looked = asyncio.Barrier(MANY)
    hash = Passwords.hash

    async def wait(self: Passwords, password: str) -> str:
        await all_have_looked.wait()
        return await hash(self, password)

    async with running_app(*PLUGINS, environ=environ) as app:
        told = {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}
        callers = [app.connect() for _ in range(MANY)]
        with monkeypatch.context() as patched:
            patched.setattr(Passwords, "hash", wait)
            signing_up = [caller.call("user:create", **told) for caller in callers]
            outcomes = await asyncio.gather(*signing_up, return_exceptions=True)

        refusals = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert len(refusals) == MANY - 1
        assert {(type(one), str(one)) for one in refusals} == {(Conflict, "User already exists")}


async def test_a_server_is_not_stopped_by_a_default_user_that_another_has_just_made(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not there when this one looked, and is when it writes."""

    async def nobody(email: str) -> None:
        return None

    async with running_app(*PLUGINS, environ=environ, mode=RunMode.SERVER):
        pass

    with monkeypatch.context() as patched:
        patched.setattr(users, "find_by_email", nobody)
        async with (
            running_app(*PLUGINS, environ=environ, mode=RunMode.SERVER) as app,
            app.get(Database).activated(),
        ):
            assert [user.name for user in await User.all()] == ["Admin"]
