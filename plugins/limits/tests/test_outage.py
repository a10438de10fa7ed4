"""Outages of Redis: calls are allowed or refused, with one warning, and without waiting."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, RateLimited, ServiceUnavailable
from actionhero_limits import Limit
from actionhero_limits.outage import RETRY_SECONDS, WARNING_SECONDS, Outage

if TYPE_CHECKING:
    from plugins.limits.tests.conftest import Clock

    from actionhero_redis.testing import ThrowAwayRedis

SHORT_DELAYS = {
    "ACTIONHERO_REDIS__RETRY_BACKOFF": "1ms",
    "ACTIONHERO_REDIS__MAX_RETRY_BACKOFF": "5ms",
    "ACTIONHERO_REDIS__TIMEOUT": "500ms",
}


class Search(Action):
    """Find pages."""

    name = "search"
    limit = Limit("2/hour", by="all")

    async def run(self) -> str:
        return "found"


@pytest.mark.parametrize("on_failure", ["allow", "refuse"])
async def test_calls_while_redis_is_down(
    redis_server: ThrowAwayRedis,
    limited_app: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    on_failure: str,
) -> None:
    """Afterwards they are limited again, by the counts from before."""
    monkeypatch.setattr("actionhero_limits.outage.RETRY_SECONDS", 0.05)
    environ = {"REDIS_URL": redis_server.url, **SHORT_DELAYS}
    async with limited_app(Search, environ=environ, on_failure=on_failure) as app:
        client = app.connect()
        await client.call("search")
        redis_server.kill()

        outcomes = [await client.outcome("search") for _ in range(5)]

        warnings = [item for item in caplog.records if item.name == "actionhero.limits"]
        redis_server.start()
        while (outcome := await client.outcome("search")).error is None or isinstance(
            outcome.error, ServiceUnavailable
        ):
            pass
        assert isinstance(outcome.error, RateLimited)

    if on_failure == "allow":
        assert [outcome.value for outcome in outcomes] == ["found"] * 5
    else:
        assert all(isinstance(outcome.error, ServiceUnavailable) for outcome in outcomes)
        assert {outcome.error.retry_after_seconds for outcome in outcomes} == {1}
    [warning] = warnings
    assert warning.levelno == logging.WARNING
    assert "the store of rate limits cannot be reached" in warning.getMessage()


async def test_one_call_waits_for_a_server_that_does_not_respond(
    redis_server: ThrowAwayRedis, limited_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actionhero_limits.outage.RETRY_SECONDS", 3600)
    environ = {"REDIS_URL": redis_server.url, **SHORT_DELAYS}
    async with limited_app(Search, environ=environ) as app:
        client = app.connect()
        await client.call("search")
        redis_server.pause()
        try:
            await client.call("search")
            # This would time out if each of them waited for half a second.
            assert [await client.call("search") for _ in range(1000)] == ["found"] * 1000
        finally:
            redis_server.resume()


async def test_errors_of_a_script_are_not_an_outage(
    redis_server: ThrowAwayRedis, limited_app: Any
) -> None:
    """They would be there after it, too."""
    from actionhero_redis import RedisClients

    async with limited_app(Search, environ={"REDIS_URL": redis_server.url}) as app:
        redis = app.get(RedisClients).client
        await app.connect().call("search")
        [key] = await redis.keys("*limits*")
        await redis.delete(key)
        await redis.lpush(key, "a list")

        outcome = await app.connect().outcome("search")

    assert outcome.error.message == "Internal error"


def test_the_store_is_asked_once_per_interval(clock: Clock) -> None:
    outage = Outage(refuses=False, clock=lambda: clock.now_us / 1e6)
    outage.failed(OSError("refused"))

    assert [outage.begin_attempt() for _ in range(3)] == [False, False, False]
    clock.advance(RETRY_SECONDS)
    assert [outage.begin_attempt() for _ in range(3)] == [True, False, False]
    outage.succeeded()
    assert not outage.has_begun


def test_the_warning_has_the_number_of_calls(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    outage = Outage(refuses=False, clock=lambda: clock.now_us / 1e6)
    outage.failed(OSError("connection refused"))
    for _ in range(41):
        outage.begin_attempt()
    clock.advance(WARNING_SECONDS)
    outage.failed(OSError("connection refused"))

    first, second = caplog.messages
    assert "cannot be reached: connection refused; calls allowed" in first
    assert first.endswith("since the last warning: 1 (limits.on_failure)")
    assert second.endswith("since the last warning: 42 (limits.on_failure)")
