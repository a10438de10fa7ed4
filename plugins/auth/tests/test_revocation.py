"""Revocations: they reach each process, with Redis and without, and survive interruptions."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from plugins.auth.tests.conftest import caller, club

from actionhero import Principal, ServiceUnavailable, SignInRequired
from actionhero_auth import ApiKeys
from actionhero_auth.api_keys.models import ApiKeyRow
from actionhero_auth.api_keys.revocations import KeyRevocations
from actionhero_auth.credential_cache import CredentialCache
from actionhero_auth.revocation_notices import RevocationNotices
from actionhero_db import Database
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

LIMIT_SECONDS = 20.0


async def cached(app: RunningApp, secret: str) -> Any:
    """Return a client with a key that the process has cached."""
    cache = app.get(KeyRevocations)._cache
    client = caller(app, secret)
    async with asyncio.timeout(LIMIT_SECONDS):
        while not cache.is_open:  # noqa: ASYNC110 - at the first subscription
            await asyncio.sleep(0.01)
    await client.call("who")
    assert len(cache) == 1
    return client


async def next_revocation(revocations: AsyncGenerator[str | None, None]) -> str:
    """Return the next identifier."""
    async with asyncio.timeout(LIMIT_SECONDS):
        async for id in revocations:
            if id is not None:
                return id
    raise AssertionError


@pytest.mark.parametrize("store", ["redis", "memory", "none"])
async def test_a_revocation_reaches_another_process(
    store: str, sqlite_url: str, redis_server: ThrowAwayRedis
) -> None:
    """Over Redis; without one that processes share, from the database."""
    plugins = [] if store == "none" else [redis_plugin]
    environ = {
        "redis": {"REDIS_URL": redis_server.url},
        "memory": {"ACTIONHERO_REDIS__MODE": "memory"},
    }.get(store, {})
    async with club(sqlite_url, *plugins, **environ) as app:
        created = await app.get(ApiKeys).create(7, "laptop", scopes=None)
        id = created.api_key.id
        async with club(sqlite_url, *plugins, **environ) as other:
            client = await cached(other, created.secret)
            [authenticator] = other.app.pipeline.authentication.authenticators
            async with aclosing(authenticator.revocations()) as revocations:
                assert await anext(revocations) is None

                assert await app.get(ApiKeys).revoke(id)

                assert await next_revocation(revocations) == id
            with pytest.raises(SignInRequired, match="revoked"):
                await client.call("who")


async def test_a_lost_subscription_empties_the_cache(
    sqlite_url: str, redis_server: ThrowAwayRedis
) -> None:
    """Keys are read from the database until it is restored."""
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with club(sqlite_url, redis_plugin, **environ) as app:
        created = await app.get(ApiKeys).create(7, "laptop", scopes=None)
        client = await cached(app, created.secret)
        cache: Any = app.get(KeyRevocations)._cache

        redis_server.stop()
        async with asyncio.timeout(LIMIT_SECONDS):
            while cache.is_open:  # noqa: ASYNC110 - when the connection is lost
                await asyncio.sleep(0.01)
        assert len(cache) == 0
        assert (await client.call("who"))["user"] == 7
        assert len(cache) == 0
        with pytest.raises(ServiceUnavailable, match=rf"{created.api_key.id} is revoked, but"):
            await app.get(ApiKeys).revoke(created.api_key.id)
        with pytest.raises(SignInRequired, match="revoked"):
            await client.call("who")

        redis_server.start()
        async with asyncio.timeout(LIMIT_SECONDS):
            while not cache.is_open:  # noqa: ASYNC110 - at the next subscription
                await asyncio.sleep(0.01)
        assert await app.get(ApiKeys).revoke(created.api_key.id)


async def test_all_keys_of_a_user_are_revoked_without_redis(
    sqlite_url: str, redis_server: ThrowAwayRedis
) -> None:
    """Other processes are informed when it is done again."""
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with (
        club(sqlite_url, redis_plugin, **environ) as app,
        club(sqlite_url, redis_plugin, **environ) as other,
    ):
        keys = app.get(ApiKeys)
        ids = {(await keys.create(7, "laptop", scopes=None)).api_key.id for _ in range(3)}
        redis_server.stop()

        with pytest.raises(ServiceUnavailable, match="3 API keys are revoked, but other processes"):
            await keys.revoke_all(7)

        assert await keys.list(7) == []
        cache: Any = other.get(KeyRevocations)._cache
        async with asyncio.timeout(LIMIT_SECONDS):
            while cache.is_open:  # noqa: ASYNC110 - when the connection is lost
                await asyncio.sleep(0.01)
            redis_server.start()
            while not cache.is_open:  # noqa: ASYNC110 - at the next subscription
                await asyncio.sleep(0.01)
        [authenticator] = other.app.pipeline.authentication.authenticators
        async with aclosing(authenticator.revocations()) as revocations:
            assert await anext(revocations) is None
            assert await keys.revoke_all(7) == 0
            assert {await next_revocation(revocations) for _ in ids} == ids


async def test_an_unreadable_database_empties_the_cache(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Redis: revocations cannot be read, so no key is cached."""
    async with club(sqlite_url) as app:
        created = await app.get(ApiKeys).create(7, "laptop", scopes=None)
        await cached(app, created.secret)
        cache: Any = app.get(KeyRevocations)._cache
        async with app.get(Database).activated():
            connection = await app.get(Database).connection()
            await connection.execute_script("ALTER TABLE actionhero_api_keys RENAME TO away")
            async with asyncio.timeout(LIMIT_SECONDS):
                while cache.is_open:  # noqa: ASYNC110 - at the next reading
                    await asyncio.sleep(0.01)
            await connection.execute_script("ALTER TABLE away RENAME TO actionhero_api_keys")
            # Revoked by a statement, not by this package.
            await ApiKeyRow.filter(id=created.api_key.id).update(revoked_at=datetime.now(UTC))
        async with asyncio.timeout(LIMIT_SECONDS):
            while not cache.is_open:  # noqa: ASYNC110 - at the next reading
                await asyncio.sleep(0.01)
        with pytest.raises(SignInRequired, match="revoked"):
            await caller(app, created.secret).call("who")


async def test_expired_credentials_are_announced() -> None:
    """To each listener, and only while there are any."""
    cache = CredentialCache(max_age_seconds=3600)
    cache.open()
    cache.add(b"digest", Principal("ada", credential_id="first"), cache.generation)
    notices = RevocationNotices(cache)
    now = time.time()
    notices.publish_at("without a listener", now - 1)
    async with aclosing(notices.listen()) as first, aclosing(notices.listen()) as second:
        assert await anext(first) is None
        assert await anext(second) is None
        notices.publish_at("later", now + 3600)
        notices.publish_at("second", now + 0.02)
        notices.publish_at("first", now + 0.01)
        notices.publish_at("first", now + 0.01)
        for listener in (first, second):
            assert await next_revocation(listener) == "first"
            # Else a subscription that is authorized again would not end.
            assert cache.get(b"digest") is None
            assert await next_revocation(listener) == "second"
        assert len(notices._expiring) == 1
    assert notices._timer is None


async def test_too_many_credentials_that_expire_are_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Their calls are refused, and their subscriptions do not end."""
    monkeypatch.setattr("actionhero_auth.revocation_notices.MAX_EXPIRING", 1)
    notices = RevocationNotices(CredentialCache(max_age_seconds=3600))
    async with aclosing(notices.listen()) as listener:
        assert await anext(listener) is None

        for number in range(4):
            notices.publish_at(f"key {number}", time.time() + 3600)

    assert caplog.text.count("more than 1 credentials were verified that expire later") == 1
