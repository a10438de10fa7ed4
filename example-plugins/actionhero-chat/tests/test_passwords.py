"""Tests of passwords at sign-in: timing, and renewal of hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from actionhero import InvalidCredentials
from actionhero.testing import running_app
from actionhero_auth import AuthSettings, Passwords
from actionhero_auth import plugin as auth_plugin
from actionhero_channels import plugin as channels_plugin
from actionhero_chat import plugin as chat_plugin
from actionhero_chat.models import User
from actionhero_db import Database
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actionhero.testing import RunningApp

HIGH_COST = AuthSettings(argon2_memory_kib=16, argon2_passes=2, argon2_lanes=1)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the passwords that argon2 verifies, in order."""
    passwords: list[str] = []
    verify = PasswordHasher.verify

    def record(self: PasswordHasher, hash: str, password: str) -> bool:
        passwords.append(password)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", record)
    return passwords


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[RunningApp]:
    environ = {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_AUTH__ARGON2_MEMORY_KIB": "8",
        "ACTIONHERO_AUTH__ARGON2_PASSES": "1",
        "ACTIONHERO_AUTH__ARGON2_LANES": "1",
    }
    plugins = (
        web_plugin,
        redis_plugin,
        sessions_plugin,
        db_plugin,
        auth_plugin,
        channels_plugin,
        chat_plugin,
    )
    async with running_app(*plugins, environ=environ) as running:
        yield running


async def test_sign_in_with_an_unknown_address_verifies_the_password_too(
    app: RunningApp, verified: list[str]
) -> None:
    """The work before the error does not reveal whether the user exists."""
    caller = app.connect()
    await caller.call("user:create", name="Ada", email="a@b.c", password="correct horse")

    for email in ("a@b.c", "unknown@b.c"):
        with pytest.raises(InvalidCredentials, match="Invalid email or password"):
            await caller.call("session:create", email=email, password="wrong horse")

    assert verified == ["wrong horse", "wrong horse"]


async def test_outdated_hashes_are_renewed_at_sign_in(app: RunningApp) -> None:
    """This requires the right password, and does not change `updatedAt`."""
    caller = app.connect()
    result: dict[str, Any] = await caller.call(
        "user:create", name="Ada", email="a@b.c", password="correct horse"
    )
    high_cost = Passwords(HIGH_COST)
    outdated = await high_cost.hash("correct horse")
    high_cost.close()

    async def stored_hash(hash: str | None = None) -> str:
        async with app.get(Database).activated():
            if hash is not None:
                await User.filter(email="a@b.c").update(password_hash=hash)
            return (await User.get(email="a@b.c")).password_hash

    await stored_hash(outdated)
    with pytest.raises(InvalidCredentials):
        await caller.call("session:create", email="a@b.c", password="wrong horse")
    assert await stored_hash() == outdated

    signed_in = await caller.call("session:create", email="a@b.c", password="correct horse")

    renewed = await stored_hash()
    assert extract_parameters(renewed).memory_cost == 8
    assert signed_in["user"] == result["user"]
    await caller.call("session:create", email="a@b.c", password="correct horse")
    assert await stored_hash() == renewed
