"""Passwords are hashed, compared without telling who is here, and hashed anew when that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from actionhero import InvalidCredentials
from actionhero.testing import running_app
from actionhero_channels import plugin as channels_plugin
from actionhero_chat import plugin as chat_plugin
from actionhero_chat.models import User
from actionhero_chat.passwords import Passwords
from actionhero_chat.settings import ChatSettings
from actionhero_db import Database
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from actionhero.testing import RunningApp

CHEAP = ChatSettings(argon2_memory_kib=8, argon2_passes=1, argon2_lanes=1)
DEARER = ChatSettings(argon2_memory_kib=16, argon2_passes=2, argon2_lanes=1)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the passwords that argon2 was asked about, as they come."""
    asked: list[str] = []
    verify = PasswordHasher.verify

    def listen(self: PasswordHasher, hash: str, password: str) -> bool:
        asked.append(password)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", listen)
    return asked


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[RunningApp]:
    environ = {
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_CHAT__ARGON2_MEMORY_KIB": "8",
        "ACTIONHERO_CHAT__ARGON2_PASSES": "1",
        "ACTIONHERO_CHAT__ARGON2_LANES": "1",
    }
    plugins = (
        web_plugin,
        redis_plugin,
        sessions_plugin,
        db_plugin,
        channels_plugin,
        chat_plugin,
    )
    async with running_app(*plugins, environ=environ) as running:
        yield running


async def test_a_password_fits_its_own_hash_alone(passwords: Passwords) -> None:
    """To the letter."""
    hash = await passwords.hash("correct horse")

    assert await passwords.fits(hash, "correct horse")
    assert not await passwords.fits(hash, "correct Horse")
    assert not await passwords.fits(await passwords.hash("other"), "correct horse")


@pytest.mark.parametrize("hash", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$bad$bad"])
async def test_nothing_fits_what_is_no_hash(passwords: Passwords, hash: str) -> None:
    """A row that was spoiled lets nobody in, and breaks nothing."""
    assert not await passwords.fits(hash, "")
    assert not await passwords.fits(hash, "correct horse")


async def test_without_a_hash_a_password_is_compared_all_the_same(
    passwords: Passwords, verified: list[str]
) -> None:
    """So that it takes as long as with one."""
    assert not await passwords.fits(None, "correct horse")
    assert not await passwords.fits(None, "")

    assert verified == ["correct horse", ""]


async def test_a_hash_costs_what_is_set_and_says_so(passwords: Passwords) -> None:
    """One made at another cost is outdated."""
    hash = await passwords.hash("correct horse")

    made = extract_parameters(hash)
    assert (made.type, made.memory_cost, made.time_cost, made.parallelism) == (Type.ID, 8, 1, 1)
    assert not passwords.is_outdated(hash)
    dearer = Passwords(DEARER)
    assert dearer.is_outdated(hash)
    assert await dearer.fits(hash, "correct horse")
    dearer.close()


async def test_an_unknown_address_takes_a_comparison_too(
    app: RunningApp, verified: list[str]
) -> None:
    """Who is here cannot be seen by how much is done before a refusal."""
    caller = app.connect()
    await caller.call("user:create", name="Ada", email="a@b.c", password="correct horse")

    for email in ("a@b.c", "nobody@b.c"):
        with pytest.raises(InvalidCredentials, match="Invalid email or password"):
            await caller.call("session:create", email=email, password="wrong horse")

    assert verified == ["wrong horse", "wrong horse"]


async def test_an_outdated_hash_is_renewed_by_who_signs_in(app: RunningApp) -> None:
    """Only theirs, and only with the right password; it is no change that others would see."""
    caller = app.connect()
    made: dict[str, Any] = await caller.call(
        "user:create", name="Ada", email="a@b.c", password="correct horse"
    )
    dearer = Passwords(DEARER)
    outdated = await dearer.hash("correct horse")
    dearer.close()

    async def kept(hash: str | None = None) -> str:
        async with app.get(Database).activated():
            if hash is not None:
                await User.filter(email="a@b.c").update(password_hash=hash)
            return (await User.get(email="a@b.c")).password_hash

    await kept(outdated)
    with pytest.raises(InvalidCredentials):
        await caller.call("session:create", email="a@b.c", password="wrong horse")
    assert await kept() == outdated

    signed_in = await caller.call("session:create", email="a@b.c", password="correct horse")

    renewed = await kept()
    assert extract_parameters(renewed).memory_cost == 8
    assert signed_in["user"] == made["user"]
    await caller.call("session:create", email="a@b.c", password="correct horse")
    assert await kept() == renewed
