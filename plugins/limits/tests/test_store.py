"""Tests of the stores: commands, keys, memory of refusals, clusters, and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, PluginError, RateLimited, RunMode
from actionhero_limits import Limit, Limits, gcra
from actionhero_limits.identity import digest_of
from actionhero_limits.quota import Quota, State, Take, Takes
from actionhero_limits.refusals import CAPACITY, MAX_SECONDS, Refusals
from actionhero_limits.store import LOCAL_CAPACITY, LocalStore
from actionhero_redis import RedisClients
from actionhero_redis.testing import redis_cluster  # noqa: F401 - a fixture
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from plugins.limits.tests.conftest import Clock

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayCluster, ThrowAwayRedis


class Search(Action):
    """Find pages."""

    name = "search"
    limit = [Limit("5/hour"), Limit("2/minute", by="address", name="addresses")]

    async def run(self) -> str:
        return "found"


async def script_calls(app: RunningApp) -> int:
    """Return the number of scripts that Redis has run."""
    statistics = await app.get(RedisClients).client.info("commandstats")
    return sum(
        statistics.get(f"cmdstat_{command}", {}).get("calls", 0) for command in ("eval", "evalsha")
    )


async def test_all_limits_of_a_call_are_one_round_trip(
    redis_server: ThrowAwayRedis, limited_app: Any
) -> None:
    async with limited_app(Search, environ={"REDIS_URL": redis_server.url}) as app:
        await app.connect("192.0.2.1").call("search")
        before = await script_calls(app)
        await app.connect("192.0.2.2").call("search")

        assert await script_calls(app) == before + 1


async def test_a_refused_caller_costs_no_round_trip(
    redis_server: ThrowAwayRedis, limited_app: Any
) -> None:
    async with limited_app(Search, environ={"REDIS_URL": redis_server.url}) as app:
        client = app.connect("192.0.2.1")
        for _ in range(2):
            await client.call("search")
        with pytest.raises(RateLimited):
            await client.call("search")
        before = await script_calls(app)

        for _ in range(50):
            with pytest.raises(RateLimited, match=r"Try again in \d\d s"):
                await client.call("search")

        assert await script_calls(app) == before


async def test_keys_expire_and_contain_no_addresses(
    redis_server: ThrowAwayRedis, limited_app: Any
) -> None:
    """Both limits of an action are in one slot of a cluster."""
    async with limited_app(Search, environ={"REDIS_URL": redis_server.url}) as app:
        await app.connect("192.0.2.1").call("search")
        redis = app.get(RedisClients).client
        keys = sorted(await redis.keys("*limits*"))
        seconds = [await redis.ttl(key) for key in keys]
        sizes = [await redis.memory_usage(key) for key in keys]

    prefixes = ["actionhero:limits:{addresses}addresses:", "actionhero:limits:{addresses}search:"]
    assert [key.rpartition(":")[0] + ":" for key in keys] == prefixes
    assert all(len(key.rpartition(":")[2]) == 32 for key in keys)
    # The time in which one call returns: a minute for two, and an hour for five.
    assert 0 < seconds[0] <= 30
    assert 600 < seconds[1] <= 720
    assert max(sizes) <= 200


async def test_a_cluster(redis_cluster: ThrowAwayCluster, limited_app: Any) -> None:  # noqa: F811
    async with limited_app(Search, environ={"REDIS_URL": redis_cluster.url}) as app:
        outcomes = [await app.connect("192.0.2.1").outcome("search") for _ in range(4)]
        for name in "abcdef":
            await app.get(Limits).check(name, rate="1/hour")

    assert [outcome.ok for outcome in outcomes] == [True, True, False, False]


async def test_a_local_store_is_refused_with_several_workers(limited_app: Any) -> None:
    environ = {
        "ACTIONHERO_REDIS__MODE": "embedded",
        "ACTIONHERO_WEB__WORKERS": "2",
        "ACTIONHERO_WEB__PORT": "0",
    }
    message = r"limits\.store is 'local'.* set ACTIONHERO_LIMITS__STORE=redis"
    with pytest.raises(PluginError, match=message) as refused:
        async with limited_app(
            web_plugin, Search, environ=environ, mode=RunMode.SERVER, store="local"
        ):
            pass

    assert refused.value.exit_code == 78


async def test_a_local_store_is_reported_at_start(
    limited_app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with limited_app(Search, store="local") as app:
        client = app.connect("192.0.2.1")
        assert [(await client.outcome("search")).ok for _ in range(3)] == [True, True, False]

    assert "limits.store is 'local': each process counts calls for itself" in caplog.text


async def test_a_local_store_forgets_the_least_recent_callers(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actionhero_limits.store.LOCAL_CAPACITY", 2)
    assert LOCAL_CAPACITY > 10_000
    store = LocalStore(gcra, clock)
    quota = Quota("search", 1, 3600, 1)
    for identity in ("ada", "grace", "edith"):
        await store.take(Takes([Take(quota, identity)]))

    [ada], _ = await store.take(Takes([Take(quota, "ada")]))
    [edith], _ = await store.take(Takes([Take(quota, "edith")]))

    assert (ada.wait_us, edith.wait_us) == (0, 3_600_000_000)


async def test_only_the_digest_of_a_caller_resets_its_count(clock: Clock) -> None:
    """The digest is an input of an operator, with any characters."""
    store, quota = LocalStore(gcra, clock), Quota("search", 1, 3600, 1)
    refusals = refusals_at(clock)
    await store.take(Takes([Take(quota, "ada")]))
    refusals.add(Take(quota, "ada"), STATE, now_us=0)

    for digest in ("", "ungültig", "\ud800", digest_of("grace")):
        assert not await store.reset(quota, digest)
        assert not refusals.forget("search", digest)
    assert await store.reset(quota, digest_of("ada"))
    assert refusals.forget("search", digest_of("ada"))


# -- the memory of refusals ------------------------------------------------------------------------


QUOTA = Quota("search", 60, 60, 5)
ADA = Take(QUOTA, "ada", 2)
#: Refused, and possible in ten seconds.
STATE = State(1, 10_000_000, 12_000_000)


def refusals_at(clock: Clock) -> Refusals:
    return Refusals(lambda: clock.now_us / 1e6)


def test_a_refusal_is_remembered_until_the_call_is_possible(clock: Clock) -> None:
    refusals = refusals_at(clock)
    refusals.add(ADA, STATE, now_us=0)

    clock.advance(9.5)
    assert refusals.find([ADA]) == (ADA, State(1, 500_000, 2_500_000), 9_500_000)
    clock.advance(0.5)
    assert refusals.find([ADA]) is None


def test_a_refusal_is_that_of_its_caller_and_cost(clock: Clock) -> None:
    refusals = refusals_at(clock)
    refusals.add(ADA, STATE, now_us=0)

    assert refusals.find([ADA._replace(identity="grace")]) is None
    assert refusals.find([ADA._replace(cost=1)]) is None
    dearer = refusals.find([ADA._replace(cost=5)])
    assert dearer is not None
    # Three calls more, of one second each.
    assert dearer[1][1] == 13_000_000


def test_a_long_refusal_is_asked_for_again(clock: Clock) -> None:
    """Another process may have reset the quota."""
    refusals = refusals_at(clock)
    refusals.add(ADA, State(0, 10**12, 10**12), now_us=0)

    clock.advance(MAX_SECONDS - 1)
    assert refusals.find([ADA]) is not None
    clock.advance(1)
    assert refusals.find([ADA]) is None


def test_the_earliest_refusals_are_forgotten(clock: Clock) -> None:
    refusals = refusals_at(clock)
    for number in range(CAPACITY + 1):
        refusals.add(Take(QUOTA, str(number)), STATE, now_us=0)

    assert refusals.find([Take(QUOTA, "0")]) is None
    assert refusals.find([Take(QUOTA, "1")]) is not None


def test_a_cheaper_call_ends_a_refusal(clock: Clock) -> None:
    """It has moved the time from which the dearer one is possible."""
    refusals = refusals_at(clock)
    refusals.add(ADA, STATE, now_us=0)

    refusals.discard([ADA._replace(cost=1)])

    assert refusals.find([ADA]) is None
