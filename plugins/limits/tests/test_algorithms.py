"""Properties of both algorithms against models with a clock that the test sets."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero import RateLimited
from actionhero.testing import running_app
from actionhero_limits import Limits, gcra, sliding_window
from actionhero_limits.quota import Quota, State, Take, Takes
from actionhero_limits.store import LocalStore
from actionhero_redis import RedisClients, Script
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from plugins.limits.tests.conftest import Clock

    from actionhero_redis.testing import ThrowAwayRedis

SETTABLE_NOW = "local now = tonumber(table.remove(ARGV))\n"
START_US = 1e13

#: A pause in microseconds, and the cost of the call after it.
Steps = list[tuple[int, int]]
STEPS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 1000), st.integers(0, 10_000_000), st.integers(0, 10**10)),
        st.integers(0, 12),
    ),
    max_size=60,
)
QUOTAS = st.builds(
    lambda calls, seconds, burst: Quota("search", calls, seconds, burst),
    st.integers(1, 100),
    st.sampled_from([1, 60, 600, 3600, 86_400]),
    st.integers(1, 20),
)


def run_steps(algorithm: Any, quota: Quota, steps: Steps) -> list[tuple[float, float, State]]:
    """Return the time, the cost and the state of each call."""
    now, stored = START_US, None
    states: list[tuple[float, float, State]] = []
    for pause, cost in steps:
        now += pause
        cost = min(cost, quota.burst)
        [stored], [state] = algorithm.take([stored], [Take(quota, "ada", cost)], now)
        states.append((now, cost, state))
    return states


class TokenBucket:
    """A bucket with the same limit as the generic cell rate algorithm, in exact numbers."""

    def __init__(self, quota: Quota) -> None:
        self.emission = Fraction(quota.emission_us)
        self.size = self.tokens = Fraction(quota.burst)
        self.now = Fraction(START_US)

    def take(self, now_us: float, cost: float) -> bool:
        elapsed = Fraction(now_us) - self.now
        self.tokens = min(self.size, self.tokens + elapsed / self.emission)
        self.now = Fraction(now_us)
        if (cost or 1) > self.tokens:
            return False
        self.tokens -= Fraction(cost)
        return True


@given(QUOTAS, STEPS)
def test_gcra_is_a_token_bucket(quota: Quota, steps: Steps) -> None:
    bucket = TokenBucket(quota)
    for now, cost, (remaining, wait_us, reset_us) in run_steps(gcra, quota, steps):
        assert bucket.take(now, cost) == (wait_us == 0)
        assert remaining == math.floor(bucket.tokens)
        assert reset_us == math.ceil((bucket.size - bucket.tokens) * bucket.emission)
        if wait_us:
            needed = Fraction(cost or 1)
            assert wait_us == math.ceil((needed - bucket.tokens) * bucket.emission)


@given(QUOTAS, STEPS)
def test_gcra_never_accepts_more_than_the_burst_and_the_rate(quota: Quota, steps: Steps) -> None:
    """In each interval between two calls."""
    accepted = [
        (now, cost) for now, cost, state in run_steps(gcra, quota, steps) if not state.wait_us
    ]
    for first in range(len(accepted)):
        total = 0.0
        for now, cost in accepted[first:]:
            total += cost
            seconds = (now - accepted[first][0]) / 1e6
            assert total <= quota.burst + seconds * quota.calls / quota.seconds + 1e-6


@given(QUOTAS, STEPS)
def test_the_sliding_window_is_that_of_the_original(quota: Quota, steps: Steps) -> None:
    """The estimate of `wire-reference.md`, from counts of all windows."""
    quota = quota._replace(burst=quota.calls)
    window_us = quota.seconds * 1_000_000
    counts: dict[int, float] = {}
    for now, cost, (remaining, wait_us, reset_us) in run_steps(sliding_window, quota, steps):
        number = math.floor(now / window_us)
        fraction = (now % window_us) / window_us
        counts[number] = counts.get(number, 0) + cost
        estimate = math.floor(counts.get(number - 1, 0) * (1 - fraction)) + counts[number]
        assert (wait_us > 0) == (estimate + (0 if cost else 1) > quota.calls)
        assert remaining == max(0, quota.calls - estimate)
        assert reset_us == math.ceil((number + 1) * window_us - now)
        assert wait_us in (0, reset_us)


@pytest.mark.parametrize("algorithm", [gcra, sliding_window], ids=["gcra", "sliding_window"])
@pytest.mark.parametrize("where", ["redis", "memory"])
async def test_the_script_is_the_same_as_the_function(
    algorithm: Any, where: str, request: pytest.FixtureRequest
) -> None:
    """Over random requests to several quotas, in a store that has what earlier ones left."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    if where == "redis":
        environ = {"REDIS_URL": request.getfixturevalue("redis_server").url}
    # Long periods: keys expire by the clock of Redis, which the test cannot set.
    quotas = [Quota("a", 7, 3600, 3), Quota("b", 100, 86_400, 5), Quota("c", 3, 3600, 9)]
    if algorithm is sliding_window:
        quotas = [quota._replace(burst=quota.calls) for quota in quotas]
    script = Script(SETTABLE_NOW + algorithm.BODY)
    generator = random.Random(7)
    stored: dict[tuple[str, str], Any] = {}
    now = START_US
    async with running_app(redis_plugin, environ=environ) as app:
        clients = app.get(RedisClients)
        for _ in range(300):
            now += generator.choice([0, 1, 10**6, generator.randrange(10**10)])
            takes = [
                Take(quota, generator.choice("xy"), min(cost, quota.burst))
                for quota in generator.sample(quotas, generator.randint(1, 3))
                for cost in [generator.choice([0, 1, 1, 1, 2.5, 9])]
            ]
            keys = [(take.quota.name, take.identity) for take in takes]
            numbers, states = algorithm.take([stored.get(key) for key in keys], takes, now)
            stored |= dict(zip(keys, numbers, strict=True))
            arguments = [
                argument
                for take in takes
                for argument in algorithm.script_arguments(take.quota, take.cost)
            ]

            reply = await clients.run_script(
                script, [clients.key(*key) for key in keys], [*arguments, int(now)]
            )

            assert reply[0] == int(now)
            assert [State(*reply[i : i + 3]) for i in range(1, len(reply), 3)] == states


async def test_a_clock_that_is_set_back_does_not_lock_callers_out(clock: Clock) -> None:
    store = LocalStore(gcra, clock)
    take = Take(Quota("search", 10, 10, 10), "ada")
    await store.take(Takes([take]))
    clock.advance(-86_400)

    states, _ = await store.take(Takes([take]))

    assert states[0].wait_us == 1_000_000
    assert states[0].reset_us == 10_000_000


async def test_two_processes_share_a_quota_by_the_clock_of_redis(
    redis_server: ThrowAwayRedis, limited_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of one of them is an hour ahead."""
    environ = {"REDIS_URL": redis_server.url}
    accepted = 0
    async with limited_app(environ=environ) as one, limited_app(environ=environ) as two:
        wall_clock = time.time
        for app, ahead in [(one, 0), (two, 3600)] * 20:
            monkeypatch.setattr(time, "time", lambda ahead=ahead: wall_clock() + ahead)
            with contextlib.suppress(RateLimited):
                await app.get(Limits).check("shared", rate="9/day")
                accepted += 1

    assert accepted == 9


@pytest.mark.parametrize("store", ["memory", "redis", "local"])
async def test_of_many_calls_at_once_exactly_the_quota_is_accepted(
    limited_app: Any, store: str, request: pytest.FixtureRequest
) -> None:
    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    if store == "redis":
        environ = {"REDIS_URL": request.getfixturevalue("redis_server").url}
    settings = {"store": "local"} if store == "local" else {}
    async with limited_app(environ=environ, **settings) as app:
        limits = app.get(Limits)
        results = await asyncio.gather(
            *(limits.check("many", rate="77/day") for _ in range(200)), return_exceptions=True
        )

    assert results.count(None) == 77
    assert all(isinstance(each, RateLimited) for each in results if each is not None)
