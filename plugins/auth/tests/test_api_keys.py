"""API keys: creation, verification, expiry, revocation, and their cache."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from plugins.auth.tests.conftest import Club, caller, club

from actionhero import (
    BootError,
    Forbidden,
    InvalidInput,
    Principal,
    RunMode,
    ServiceUnavailable,
    SignInRequired,
)
from actionhero.testing import running_app
from actionhero_auth import ApiKeys
from actionhero_auth import plugin as auth_plugin
from actionhero_auth.api_keys.authenticator import ApiKeyAuthenticator
from actionhero_auth.api_keys.key_format import KeyFormat
from actionhero_auth.api_keys.key_verifier import KeyVerifier
from actionhero_auth.api_keys.models import ApiKeyRow
from actionhero_auth.credential_cache import CredentialCache
from actionhero_db import Database
from actionhero_db import plugin as db_plugin

if TYPE_CHECKING:
    from actionhero.testing import RunningApp


async def rows(app: RunningApp) -> list[ApiKeyRow]:
    """Return the rows of all keys."""
    async with app.get(Database).activated():
        return await ApiKeyRow.all()


async def change(app: RunningApp, id: str, **values: Any) -> None:
    """Change the row of a key."""
    async with app.get(Database).activated():
        await ApiKeyRow.filter(id=id).update(**values)


async def test_a_key_identifies_its_user(each_url: str) -> None:
    """In `Authorization`, and in the header of keys; with its scopes."""
    async with club(each_url) as app:
        created = await app.get(ApiKeys).create(7, "laptop", scopes=["read"])

        who = {
            "user": 7, "kind": "user", "method": "api_key", "scopes": ["read"], "permissions": [],
            "id": created.api_key.id,
        }  # fmt: skip
        for scheme in ("bearer", "apikey"):
            client = caller(app, created.secret, scheme)
            assert await client.call("who") == who
            assert await client.call("read") == "text"
        other = await app.get(ApiKeys).create("7", "script", scopes=[], kind="service")
        client = caller(app, other.secret)
        assert await client.call("who") == {
            **who, "user": "7", "kind": "service", "scopes": [], "id": other.api_key.id,
        }  # fmt: skip
        with pytest.raises(Forbidden):
            await client.call("read")
        unlimited = await app.get(ApiKeys).create(8, "all", scopes=None)
        assert await caller(app, unlimited.secret).call("read") == "text"


async def test_the_secret_is_not_stored_and_not_shown(
    each_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the row, nor in a representation or a log line."""
    caplog.set_level(logging.DEBUG)
    async with club(each_url) as app:
        created = await app.get(ApiKeys).create("ada", "laptop", scopes=["read"])
        await caller(app, created.secret).call("who")
        client = caller(app, created.secret)
        [row] = await rows(app)

        assert row.digest == sha256(created.secret.encode()).hexdigest()
        secret = created.secret.rpartition("_")[2]
        shown = [
            *map(repr, (created, created.api_key, client.connection.credentials, app.app)),
            *(str(getattr(row, name)) for name in row._meta.fields_map),
            caplog.text,
        ]
        assert not [text for text in shown if secret in text]


async def test_keys_are_listed_by_page_and_user(each_url: str) -> None:
    """The newest first, without revoked ones."""
    async with club(each_url) as app:
        keys = app.get(ApiKeys)
        ids = [(await keys.create(7, f"key {n}", scopes=None)).api_key.id for n in range(4)]
        other = (await keys.create("7", "other", scopes=["b", "a", "b"])).api_key
        await keys.revoke(ids[1])

        page = await keys.list(7, limit=2)
        assert [key.id for key in page] == [ids[3], ids[2]]
        assert [key.id for key in await keys.list(7, after=ids[2])] == [ids[0]]
        assert [key.id for key in await keys.list(7, with_revoked=True)] == ids[::-1]
        assert [key.id for key in await keys.list(7, after=ids[1])] == [ids[0]]
        for after in (other.id, "a" * 12):
            with pytest.raises(InvalidInput, match=f"unknown API key '{after}'"):
                await keys.list(7, after=after)
        [found] = await keys.list("7")
        assert (found.name, found.scopes, found.state) == ("other", ("a", "b"), "active")
        assert found == other
        assert len(await keys.list()) == 4


async def test_a_revoked_key_is_refused_at_once(each_url: str) -> None:
    """Although it was verified a moment ago."""
    async with club(each_url) as app:
        keys = app.get(ApiKeys)
        created = await keys.create(7, "laptop", scopes=None)
        client = caller(app, created.secret)
        await client.call("who")

        assert not await keys.revoke(created.api_key.id, user=8)
        assert not await keys.revoke("unknown")
        await client.call("who")
        assert await keys.revoke(created.api_key.id, user=7)

        with pytest.raises(SignInRequired, match="The API key is revoked") as raised:
            await client.call("who")
        assert raised.value.challenge == {"error": "invalid_token"}
        assert await keys.revoke(created.api_key.id)
        [revoked] = await keys.list(7, with_revoked=True)
        assert revoked.state == "revoked"


async def test_all_keys_of_a_user_are_revoked(sqlite_url: str) -> None:
    """Not those of another user."""
    async with club(sqlite_url) as app:
        keys = app.get(ApiKeys)
        for user in ("ada", "ada", "bob"):
            await keys.create(user, "key", scopes=None)

        assert await keys.revoke_all("ada") == 2
        assert await keys.revoke_all("ada") == 0
        assert [key.user for key in await keys.list()] == ["bob"]


async def test_a_revocation_in_a_transaction_is_published_with_its_commit(each_url: str) -> None:
    """Before the commit, a process would read the key again, and cache it."""
    async with club(each_url) as app:
        keys = app.get(ApiKeys)
        created = await keys.create(7, "laptop", scopes=None)
        client = caller(app, created.secret)
        await client.call("who")

        async with app.get(Database).activated():
            with contextlib.suppress(ZeroDivisionError):
                async with app.get(Database).transaction():
                    await keys.revoke(created.api_key.id)
                    raise ZeroDivisionError
        await client.call("who")
        async with app.get(Database).activated(), app.get(Database).transaction():
            await keys.revoke(created.api_key.id)

        with pytest.raises(SignInRequired, match="revoked"):
            await client.call("who")


async def test_an_expired_key_is_refused(each_url: str) -> None:
    """Also one that is cached."""
    async with club(each_url) as app:
        keys = app.get(ApiKeys)
        created = await keys.create(7, "laptop", scopes=None, expires_in=timedelta(days=90))
        client = caller(app, created.secret)
        await client.call("who")
        assert created.api_key.expires_at is not None

        await change(app, created.api_key.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))

        # Another process, which has not verified it.
        async with club(each_url) as other:
            with pytest.raises(SignInRequired, match="The API key has expired"):
                await caller(other, created.secret).call("who")


async def test_a_verified_key_is_not_read_again_within_its_time(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One query serves the calls of half a minute."""
    verified: list[str] = []
    verify = KeyVerifier.verify

    async def record(self: KeyVerifier, token: str) -> Any:
        verified.append(token)
        return await verify(self, token)

    monkeypatch.setattr(KeyVerifier, "verify", record)
    async with club(sqlite_url) as app:
        created = await app.get(ApiKeys).create(7, "laptop", scopes=None)
        await wait_until_open(app)
        for _ in range(3):
            await caller(app, created.secret).call("who")

        assert verified == [created.secret]
    async with club(sqlite_url, ACTIONHERO_AUTH__API_KEY_CACHE="0s") as app:
        await wait_until_open(app)
        for _ in range(2):
            await caller(app, created.secret).call("who")
        assert len(verified) == 3


async def wait_until_open(app: RunningApp) -> None:
    """Wait until the process receives revocations."""
    [authenticator] = [
        item
        for item in app.app.pipeline.authentication.authenticators
        if isinstance(item, ApiKeyAuthenticator)
    ]
    # The first notice of a listener, and that of the source.
    notices = authenticator.revocations()
    while not authenticator._cache.is_open:
        await anext(notices)
    await notices.aclose()


def principal(id: str) -> Principal:
    """Return the principal of a key."""
    return Principal(7, credential_id=id)


def test_the_cache_is_bounded_and_expires(clock: Any) -> None:
    """The oldest entries are removed; a removal discards results from before."""
    cache = CredentialCache(30, max_size=2)
    cache.add(b"1", principal("1"), cache.generation)
    assert cache.get(b"1") is None  # it is closed

    cache.open()
    for id in ("1", "2", "3"):
        cache.add(id.encode(), principal(id), cache.generation)
    assert cache.get(b"1") is None
    assert cache.get(b"3") == principal("3")
    generation = cache.generation
    cache.remove("3")
    cache.add(b"3", principal("3"), generation)
    assert cache.get(b"3") is None
    clock.advance(29)
    assert cache.get(b"2") is not None
    clock.advance(1)
    assert cache.get(b"2") is None

    now = clock.wall() + clock.offset
    cache.add(b"4", principal("4"), cache.generation, expires=now + 5)
    cache.add(b"5", principal("5"), cache.generation, expires=now - 5)
    assert cache.get(b"4") is not None
    assert cache.get(b"5") is None
    clock.advance(5)
    assert cache.get(b"4") is None
    cache.close()
    assert len(cache) == 0


async def test_the_last_use_is_written_seldom(each_url: str) -> None:
    """Once within the interval, for any number of calls."""
    async with club(each_url, ACTIONHERO_AUTH__API_KEY_CACHE="0s") as app:
        keys = app.get(ApiKeys)
        created = await keys.create(7, "laptop", scopes=None)
        assert (await keys.list())[0].last_used_at is None
        client = caller(app, created.secret)

        await client.call("who")
        [first] = await keys.list()
        await client.call("who")
        [second] = await keys.list()

        assert first.last_used_at == second.last_used_at is not None
        old = datetime.now(UTC) - timedelta(hours=1)
        await change(app, created.api_key.id, last_used_at=old)
        await client.call("who")
        [third] = await keys.list()
        assert third.last_used_at is not None
        assert third.last_used_at > old


KEYS = KeyFormat("ahk")
VALID = KEYS.new().key


@pytest.mark.parametrize(
    "token",
    [
        "ahk_",
        VALID[:-1],
        VALID + "0",
        VALID.replace("_", "-", 2),
        VALID.upper(),
        VALID[:-1] + ("0" if VALID[-1] != "0" else "1"),
        f"{VALID}\n",
        f"ahk_{'a' * 12}_{'é' * 49}",
        "ahk_\udcff",
        KEYS.new().key,
    ],
    ids=[
        "prefix", "truncated", "longer", "separators", "case", "checksum", "line", "accents",
        "surrogate", "unknown",
    ],
)  # fmt: skip
async def test_an_invalid_key_is_refused_without_its_text(sqlite_url: str, token: str) -> None:
    """The message is the same for each."""
    async with club(sqlite_url) as app:
        with pytest.raises(SignInRequired) as raised:
            await caller(app, token).call("who")
    assert raised.value.message in {"The API key is not valid", "The credentials are not valid"}


def test_a_key_has_a_prefix_and_a_checksum_for_scanners() -> None:
    """One pattern finds it, and one character more or less is another text."""
    key = KEYS.new()
    assert re.fullmatch(r"ahk_[0-9a-z]{12}_[0-9A-Za-z]{49}", key.key)
    assert KEYS.id_of(key.key) == key.id
    assert key.id in repr(key)
    assert key.key not in repr(key)
    for position in range(len(key.key)):
        changed = key.key[:position] + chr(ord(key.key[position]) ^ 1) + key.key[position + 1 :]
        assert KEYS.id_of(changed) is None


@pytest.mark.parametrize(
    ("user", "name", "options", "message"),
    [
        (None, "key", {}, "the user must be"),
        ("", "key", {}, "the user must be"),
        (False, "key", {}, "the user must be"),
        (float("inf"), "key", {}, "the user must be"),
        (float("nan"), "key", {}, "the user must be"),
        ("u" * 300, "key", {}, "the user must be"),
        (7, " ", {}, "the name must have"),
        (7, "n" * 201, {}, "the name must have"),
        (7, "a\0b", {}, "the name contains a character that cannot be stored"),
        (7, "\udcff", {}, "the name contains a character that cannot be stored"),
        (7, "key", {"expires_in": timedelta.max}, "expires_in is too long"),
        (7, "key", {"scopes": "read"}, "the scopes must be a list"),
        (7, "key", {"expires_in": timedelta(0)}, "expires_in must be positive"),
    ],
    ids=[
        "no user",
        "empty",
        "false",
        "infinity",
        "NaN",
        "long user",
        "blank",
        "long name",
        "NUL",
        "surrogate",
        "endless",
        "scopes",
        "expiry",
    ],
)
async def test_invalid_arguments_are_refused(
    sqlite_url: str, user: Any, name: str, options: dict[str, Any], message: str
) -> None:
    """No key is created."""
    async with club(sqlite_url) as app:
        with pytest.raises(ValueError, match=message):
            await app.get(ApiKeys).create(user, name, **{"scopes": None, **options})
        assert await rows(app) == []


@pytest.mark.parametrize(
    "id", ["", "unknown", "\udcff", "a\0b", "A" * 12, "a" * 300, "aaaaaaaaaaaé"]
)
async def test_a_text_that_is_no_identifier_is_an_unknown_key(each_url: str, id: str) -> None:
    """Of any database."""
    async with club(each_url) as app:
        keys = app.get(ApiKeys)
        created = await keys.create("ada", "key", scopes=None)

        assert not await keys.revoke(id)
        with pytest.raises(InvalidInput, match="unknown API key"):
            await keys.list(after=id)
        assert await keys.list() == [created.api_key]


async def test_another_prefix_and_no_header(sqlite_url: str) -> None:
    """Both are settings; the scheme of the header is unknown then."""
    environ = {"ACTIONHERO_AUTH__API_KEY_PREFIX": "acme", "ACTIONHERO_AUTH__API_KEY_HEADER": ""}
    async with club(sqlite_url, **environ) as app:
        created = await app.get(ApiKeys).create(7, "laptop", scopes=None)
        assert created.secret.startswith("acme_")
        assert (await caller(app, created.secret).call("who"))["user"] == 7
        assert app.app.pipeline.authentication.read({"X-API-Key": created.secret}) is None


async def test_without_a_database_there_are_no_keys() -> None:
    """The rest of the package works; a setting that requires keys is an error."""
    async with club(None) as app:
        assert not app.app.has(ApiKeys)
        assert not app.app.pipeline.authentication
    with pytest.raises(BootError, match=r"pip install actionhero-auth\[keys\]"):
        async with running_app(auth_plugin, Club(), environ={"ACTIONHERO_AUTH__API_KEYS": "true"}):
            pass


async def test_credentials_are_in_the_audit_log(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Their creation, their revocation, and the use of revoked ones; never their secret."""
    async with club(sqlite_url) as app:
        keys = app.get(ApiKeys)
        created = await keys.create(7, "laptop", scopes=["read"])
        client = caller(app, created.secret)
        await client.call("who")
        await keys.revoke(created.api_key.id)
        await keys.revoke(created.api_key.id)
        with pytest.raises(SignInRequired):
            await client.call("who")
        async with app.get(Database).activated():
            with contextlib.suppress(ZeroDivisionError):
                async with app.get(Database).transaction():
                    await keys.create(8, "rolled back", scopes=None)
                    raise ZeroDivisionError

    events = [json.loads(record.getMessage()) for record in caplog.records
              if record.name == "actionhero.audit"]  # fmt: skip
    assert [(event["event"], event["outcome"], event["credential_id"]) for event in events] == [
        ("credential_creation", "success", created.api_key.id),
        ("credential_revocation", "success", created.api_key.id),
        ("credential_use", "failure", created.api_key.id),
    ]
    assert events[0]["details"] == {
        "owner": 7, "name": "laptop", "scopes": ["read"], "expires_at": None,
    }  # fmt: skip
    assert events[2]["details"]["reason"] == "revoked"
    assert events[2]["user"] == 7
    assert created.secret not in caplog.text


async def test_keys_can_be_disabled(sqlite_url: str) -> None:
    """Then there is no table."""
    async with club(sqlite_url, ACTIONHERO_AUTH__API_KEYS="false") as app:
        assert not app.app.has(ApiKeys)
        assert not app.get(Database).has_models


async def test_a_command_verifies_each_key(sqlite_url: str) -> None:
    """It receives no revocations, so it caches nothing."""
    environ = {"DATABASE_URL": sqlite_url}
    async with running_app(
        db_plugin, auth_plugin, Club(), mode=RunMode.CLI, environ=environ
    ) as app:
        created = await app.get(ApiKeys).create(7, "laptop", scopes=None)
        client = caller(app, created.secret)
        await client.call("who")
        await change(app, created.api_key.id, revoked_at=datetime.now(UTC))
        with pytest.raises(SignInRequired, match="revoked"):
            await client.call("who")


async def test_a_database_outage_is_not_the_fault_of_the_client(
    postgres_server: Any, postgres_url: str
) -> None:
    """A key that is not cached gets 503, not 401."""
    async with club(postgres_url, ACTIONHERO_DB__POOL_TIMEOUT="1s") as app:
        keys = app.get(ApiKeys)
        created = await keys.create(7, "laptop", scopes=None)
        postgres_server.stop()
        try:
            with pytest.raises(ServiceUnavailable):
                await caller(app, created.secret).call("who")
        finally:
            postgres_server.start()
