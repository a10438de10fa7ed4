"""Passwords: verification, timing, and renewal of hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import VerifyMismatchError
from plugins.auth.tests.conftest import club

from actionhero import BootError
from actionhero_auth import AuthSettings, Passwords

if TYPE_CHECKING:
    from collections.abc import Iterator

LOW_COST = AuthSettings(argon2_memory_kib=8, argon2_passes=1, argon2_lanes=1)
HIGH_COST = AuthSettings(argon2_memory_kib=16, argon2_passes=2, argon2_lanes=1)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(LOW_COST)
    yield passwords
    passwords.close()


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


async def test_passwords_match_only_their_own_hash(passwords: Passwords) -> None:
    """Case matters."""
    hash = await passwords.hash("correct horse")

    assert await passwords.verify(hash, "correct horse")
    assert not await passwords.verify(hash, "correct Horse")
    assert not await passwords.verify(await passwords.hash("other"), "correct horse")


@pytest.mark.parametrize(
    "hash",
    ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$bad$bad"],
    ids=["empty", "nonsense", "truncated"],
)
async def test_invalid_hashes_match_no_password(passwords: Passwords, hash: str) -> None:
    """A corrupt row prevents the sign-in without an exception."""
    assert not await passwords.verify(hash, "")
    assert not await passwords.verify(hash, "correct horse")


async def test_a_password_without_a_hash_is_verified_too(
    passwords: Passwords, verified: list[str]
) -> None:
    """The verification takes the same time."""
    assert not await passwords.verify(None, "correct horse")
    assert not await passwords.verify(None, "")

    assert verified == ["correct horse", ""]


@pytest.mark.parametrize("hash", [None, "", "!", "$2b$12$other", "$argon2id$v=19$m=8,t=1,p=1$b$b"])
async def test_a_user_without_a_password_is_verified_as_an_unknown_one(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, hash: str | None
) -> None:
    """Otherwise the time would reveal that the user exists: one hash is computed in full."""
    computed: list[bool] = []
    verify = PasswordHasher.verify

    def record(self: PasswordHasher, hash: str, password: str) -> bool:
        try:
            return verify(self, hash, password)
        except VerifyMismatchError:
            computed.append(True)
            raise

    monkeypatch.setattr(PasswordHasher, "verify", record)
    assert not await passwords.verify(hash, "correct horse")

    assert computed == [True]


async def test_the_form_of_characters_makes_no_difference(passwords: Passwords) -> None:
    """A keyboard may compose characters, and another one not."""
    composed, decomposed = "p\u00e9ch\u00e9", "pe\u0301che\u0301"
    for first, second in ((composed, decomposed), (decomposed, composed)):
        assert await passwords.verify(await passwords.hash(first), second)
    # A longer one is not normalized, as that may take very long.
    long = decomposed * 1000
    assert await passwords.verify(await passwords.hash(long), long)
    # Other characters are others.
    assert not await passwords.verify(await passwords.hash("\ufb01sh"), "fish")
    foreign = PasswordHasher(1, 8, 1).hash(decomposed)
    assert await passwords.verify(foreign, decomposed)
    assert not await passwords.verify(foreign, composed)


async def test_hashes_have_the_configured_cost(passwords: Passwords) -> None:
    """A hash with another cost needs a rehash."""
    hash = await passwords.hash("correct horse")

    cost = extract_parameters(hash)
    assert (cost.type, cost.memory_cost, cost.time_cost, cost.parallelism) == (Type.ID, 8, 1, 1)
    assert not passwords.needs_rehash(hash)
    high_cost = Passwords(HIGH_COST)
    assert high_cost.needs_rehash(hash)
    assert await high_cost.verify(hash, "correct horse")
    high_cost.close()


async def test_actions_get_passwords_with_the_settings() -> None:
    """Without a database, too."""
    environ = {
        "ACTIONHERO_AUTH__ARGON2_MEMORY_KIB": "8",
        "ACTIONHERO_AUTH__ARGON2_PASSES": "1",
        "ACTIONHERO_AUTH__ARGON2_LANES": "1",
    }
    async with club(None, **environ) as app:
        hash = await app.get(Passwords).hash("correct horse")
    assert extract_parameters(hash).memory_cost == 8


async def test_too_little_memory_is_an_error_at_start() -> None:
    """The message has the minimum."""
    with pytest.raises(BootError, match="set the memory to at least 32, or use fewer lanes"):
        async with club(None, ACTIONHERO_AUTH__ARGON2_MEMORY_KIB="8"):
            pass
