"""No forged, expired, replayed, truncated or changed key or token is accepted."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwk
from plugins.auth.tests.conftest import caller, club, issuer_settings, issuers

from actionhero import SignInRequired
from actionhero_auth import ApiKeys
from actionhero_auth.api_keys.key_format import KeyFormat, _checksum
from actionhero_auth.api_keys.models import ApiKeyRow
from actionhero_db import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugins.auth.tests.conftest import Clock, Issuer

    from actionhero.testing import RunningApp

SHORT, LONG = 2_000, 100_000
SEED = 20_261_129


def flipped(text: str, chance: random.Random) -> str:
    """Return a text with one bit of one character changed."""
    position = chance.randrange(len(text))
    return (
        text[:position] + chr(ord(text[position]) ^ 1 << chance.randrange(7)) + text[position + 1 :]
    )


def truncated(text: str, chance: random.Random) -> str:
    """Return the beginning of a text."""
    return text[: chance.randrange(1, len(text))]


def spliced(texts: list[str], chance: random.Random) -> str:
    """Return the beginning of one text with the end of another."""
    first, second = chance.sample(texts, 2)
    position = chance.randrange(1, min(len(first), len(second)))
    return first[:position] + second[position:]


def swapped(token: str, chance: random.Random, issuer: Issuer) -> str:
    """Return a token with other claims or another header, and the old signature."""
    header, body, signature = token.split(".")
    claims = issuer.claims(sub="admin", exp=int(time.time()) + chance.randrange(9999))
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return chance.choice(
        [f"{header}.{changed}.{signature}", f"{header}.{body}.", f"{changed}.{body}.{signature}"]
    )


class Forger:
    """Makes credentials that must be refused, of valid ones and of valid ones of before."""

    def __init__(self, issuer: Issuer, keys: list[str], tokens: list[str], old: list[str]) -> None:
        self._chance = random.Random(SEED)
        self._issuer = issuer
        self._attacker = jwk.ECKey.generate_key("P-256", {"kid": issuer.key.kid})
        self._format = KeyFormat("ahk")
        self._keys = keys
        self._tokens = tokens
        self._old = old
        # Signing is slow; the claims are changed for each.
        self._forged = [
            issuer.token(key=self._attacker, sub=f"admin {number}") for number in range(50)
        ]
        self.valid = {*keys, *tokens}

    def make(self, count: int) -> Iterator[tuple[str, str]]:
        """Yield the kind and the text of credentials."""
        chance = self._chance
        kinds: dict[str, Callable[[], str]] = {
            "flipped key": lambda: flipped(chance.choice(self._keys), chance),
            "truncated key": lambda: truncated(chance.choice(self._keys), chance),
            "spliced key": lambda: spliced(self._keys, chance),
            "invented key": lambda: self._format.new().key,
            "stolen identifier": self._with_identifier,
            "flipped token": lambda: flipped(chance.choice(self._tokens), chance),
            "truncated token": lambda: truncated(chance.choice(self._tokens), chance),
            "spliced token": lambda: spliced(self._tokens, chance),
            "changed token": lambda: swapped(chance.choice(self._tokens), chance, self._issuer),
            "token of another key": lambda: chance.choice(self._forged),
            "replayed": lambda: chance.choice(self._old),
            "noise": lambda: "".join(chance.choices(string.printable, k=chance.randrange(200))),
        }
        names = list(kinds)
        made = 0
        while made < count:
            kind = names[made % len(names)]
            text = kinds[kind]()
            if text and text not in self.valid:
                made += 1
                yield kind, text

    def _with_identifier(self) -> str:
        """Return a key with the identifier of a valid one, and a valid checksum."""
        id = self._chance.choice(self._keys).split("_")[1]
        text = f"ahk_{id}_{''.join(self._chance.choices(string.ascii_letters, k=43))}"
        return text + _checksum(text)


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(LONG, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
async def test_no_forged_credentials_are_accepted(
    count: int, issuer: Issuer, each_url: str, clock: Clock
) -> None:
    """Each is refused with 401; the valid ones are accepted before and after."""
    async with club(each_url, **issuers(issuer_settings(issuer, leeway="0s"))) as app:
        keys, tokens, old = await credentials(app, issuer, clock)
        forger = Forger(issuer, keys, tokens, old)
        for text in (*keys, *tokens):
            await caller(app, text).call("who")
        accepted: list[tuple[str, str]] = []
        refused: Counter[str] = Counter()
        for kind, text in forger.make(count):
            outcome = await caller(app, text).outcome("who")
            if isinstance(outcome.error, SignInRequired):
                refused[kind] += 1
                assert len(text) < 20 or text not in outcome.error.message
            else:
                accepted.append((kind, text))
        assert accepted == []
        assert sum(refused.values()) == count
        assert len(refused) == 12
        for text in (*keys, *tokens):
            await caller(app, text).call("who")


async def credentials(
    app: RunningApp, issuer: Issuer, clock: Clock
) -> tuple[list[str], list[str], list[str]]:
    """Return valid keys, valid tokens, and those that were valid and used before."""
    service = app.get(ApiKeys)
    keys = [(await service.create(n, "key", scopes=None)).secret for n in range(8)]
    tokens = [issuer.token(sub=f"user {n}", exp=int(time.time()) + 7200) for n in range(8)]
    old: list[Any] = [await service.create(n, "old", scopes=None) for n in range(4)]
    for created in old:
        await caller(app, created.secret).call("who")
    for created in old[:2]:
        await service.revoke(created.api_key.id)
    expiring = await service.create(9, "old", scopes=None, expires_in=timedelta(hours=1))
    async with app.get(Database).activated():
        past = datetime.now(UTC) - timedelta(seconds=1)
        ids = [created.api_key.id for created in (*old[2:], expiring)]
        await ApiKeyRow.filter(id__in=ids).update(expires_at=past)
    for created in old[2:]:
        # As at the end of its time in the cache.
        await service._publish(created.api_key.id)
    expired = issuer.token(exp=int(time.time()) + 60)
    await caller(app, expired).call("who")
    clock.advance(61)
    secrets = [created.secret for created in (*old, expiring)]
    return keys, tokens, [*secrets, expired, issuer.token(exp=int(clock.wall()))]
