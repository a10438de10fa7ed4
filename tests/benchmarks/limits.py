"""CPU time of a rate limit in the process that asks Redis, and that of the package `limits`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import uvloop
from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter
from tests.benchmarks.figures import Reading, median
from tests.benchmarks.program import CLIENT_CORE, on_client_core, pin

import actionhero_limits.plugin
import actionhero_redis.plugin
from actionhero import Action, Connection, RateLimited
from actionhero.testing import running_app
from actionhero_limits import Limit, LimitsSettings
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

PARTS: Final = 5
#: How often a part is measured; its figure is the best, as a limit does nothing but compute.
REPETITIONS: Final = 10
QUICK_REPETITIONS: Final = 3
CALLS: Final = 640
CONCURRENT: Final = 32


class Search(Action):
    """Find pages."""

    name = "search"
    limit = Limit("1000000/second", by="address")

    async def run(self) -> None: ...


class Rare(Search):
    """Refuse nearly all calls."""

    name = "rare"
    limit = Limit("1/day", by="address")


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures."""
    with throw_away_redis(options=["--appendonly", "no"]) as server:
        # On one core, which otherwise sleeps while a single call waits: waking it up takes as much
        # CPU time of this process as the limit itself, more on some machines than on others.
        pin(server.pid, CLIENT_CORE)
        with on_client_core():
            values = uvloop.run(_measure(server.url, QUICK_REPETITIONS if quick else REPETITIONS))
    alone, fixed, sliding = (values[key] for key in ("alone", "fixed", "sliding"))
    values["package"] = [a / b for a, b in zip(fixed, alone, strict=True)]
    readings = {
        f"limits.{name}": Reading(parts)
        for name, parts in values.items()
        if f"limits.{name}" in keys
    }
    if "limits.package" in readings:
        readings["limits.package"].note = (
            f"{median(fixed):.0f} µs (fixed window), {median(sliding):.0f} µs (sliding window) "
            f"over {median(alone):.1f} µs"
        )
    return readings


async def _measure(url: str, repetitions: int) -> dict[str, list[float]]:
    plugins = (actionhero_redis.plugin, actionhero_limits.plugin, Search, Rare)
    settings = LimitsSettings(enabled=True)
    async with running_app(*plugins, settings=[settings], environ={"REDIS_URL": url}) as app:
        layers = {action.name: app.app.pipeline.middleware_of(action) for action in app.app.actions}
        [search], [rare] = layers["search"], layers["rare"]

        connection = Connection("web", "192.0.2.1")

        async def accepted() -> None:
            connection.response_headers = None
            await search.admit(connection, None, None)

        async def refused() -> None:
            connection.response_headers = None
            try:
                await rare.admit(connection, None, None)
            except RateLimited:
                return

        storage = RedisStorage(f"async+{url}", implementation="redispy")
        rate = parse("1000000/second")
        fixed, sliding = (
            strategy(storage)
            for strategy in (FixedWindowRateLimiter, SlidingWindowCounterRateLimiter)
        )
        measured: dict[str, tuple[Callable[[], Awaitable[Any]], int]] = {
            "alone": (accepted, 1),
            "concurrent": (accepted, CONCURRENT),
            "refused": (refused, 1),
            "fixed": (lambda: fixed.hit(rate, "search", "192.0.2.1"), 1),
            "sliding": (lambda: sliding.hit(rate, "search", "192.0.2.1"), 1),
        }
        values: dict[str, list[float]] = {name: [] for name in measured}
        for function, _ in measured.values():
            await function()
        for _ in range(PARTS):
            for name, (function, concurrent) in measured.items():
                best = min(
                    [await _microseconds(function, CALLS, concurrent) for _ in range(repetitions)]
                )
                values[name].append(best)
        # The package has no method for it.
        await storage.bridge.storage.aclose()  # type: ignore[attr-defined]
    return values


async def _microseconds(
    function: Callable[[], Awaitable[Any]], calls: int, concurrent: int
) -> float:
    """Return the CPU time of one call of a function."""

    async def repeat() -> None:
        for _ in range(calls // concurrent):
            await function()

    begun = time.process_time_ns()
    await asyncio.gather(*(repeat() for _ in range(concurrent)))
    return (time.process_time_ns() - begun) / calls / 1000
