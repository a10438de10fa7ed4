"""Health checks, and the `status` action."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actionhero import Initializer
from actionhero.health import Check, Health
from actionhero.plugins import core_plugin
from actionhero.testing import running_app

if TYPE_CHECKING:
    import pytest


class Cache(Initializer):
    name = "cache"

    async def check(self) -> None: ...


class Database(Initializer):
    name = "database"

    async def check(self) -> None:
        raise ConnectionRefusedError("connection to port 5432 refused")


class Unchecked(Initializer):
    name = "unchecked"


async def test_every_initializer_with_a_check_is_checked() -> None:
    """An exception is a failure, and its message is the reason."""
    health = Health([Cache(), Unchecked(), Database()])

    assert await health.check() == [
        Check("cache", True),
        Check("database", False, "ConnectionRefusedError: connection to port 5432 refused"),
    ]


async def test_checks_run_concurrently() -> None:
    """Two slow ones take no longer than one."""
    both = asyncio.Barrier(2)

    class Slow(Cache):
        async def check(self) -> None:
            await both.wait()

    checks = await Health([Slow(), Slow()]).check()

    assert [check.healthy for check in checks] == [True, True]


async def test_checks_have_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes get a response while a dependency hangs."""
    monkeypatch.setattr("actionhero.health.CHECK_SECONDS", 0.0)

    class Hanging(Cache):
        async def check(self) -> None:
            await asyncio.Event().wait()

    [check] = await Health([Hanging()]).check()

    assert check == Check("cache", False, "no response within 0 s")


async def test_a_check_that_ignores_its_cancellation_delays_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The results of the others are returned at the time limit."""
    monkeypatch.setattr("actionhero.health.CHECK_SECONDS", 0.01)
    released, cancelled = asyncio.Event(), asyncio.Event()

    class Stubborn(Cache):
        async def check(self) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                await released.wait()
                raise ConnectionError("late") from None

    checks = await Health([Stubborn(), Database()]).check()

    assert [check.problem for check in checks] == [
        "no response within 0 s",
        "ConnectionRefusedError: connection to port 5432 refused",
    ]
    await cancelled.wait()
    released.set()


async def test_a_cancelled_status_cancels_its_checks() -> None:
    """No check outlives the call that started it."""
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Hanging(Cache):
        async def check(self) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

    task = asyncio.create_task(Health([Hanging()]).check())
    await started.wait()
    task.cancel()

    await cancelled.wait()
    assert task.cancelled()


async def test_concurrent_callers_share_the_checks() -> None:
    """Until the last of them is cancelled; the next caller starts them again."""
    started, released, runs = asyncio.Event(), asyncio.Event(), 0

    class Slow(Cache):
        async def check(self) -> None:
            nonlocal runs
            runs += 1
            started.set()
            await released.wait()

    health = Health([Slow()])
    first, second = asyncio.create_task(health.check()), asyncio.create_task(health.check())
    await started.wait()
    first.cancel()
    released.set()

    assert await second == [Check("cache", healthy=True)]
    assert first.cancelled()
    assert runs == 1
    await health.check()
    assert runs == 2


async def test_timeouts_of_drivers_keep_their_message() -> None:
    """It is distinct from that of the time limit."""

    class Slow(Cache):
        async def check(self) -> None:
            raise TimeoutError("no free connection within 2 s")

    [check] = await Health([Slow()]).check()

    assert check.problem == "TimeoutError: no free connection within 2 s"


async def test_the_status_action_returns_all_checks() -> None:
    """Without the reasons, which are for operators only."""
    async with running_app(Cache, Database, environ={"ACTIONHERO_APP__NAME": "guestbook"}) as app:
        status = await app.call("status")

    assert status["name"] == "guestbook"
    assert status["healthy"] is False
    assert status["checks"] == {"cache": True, "database": False}
    assert "5432" not in str(status)
    assert status["uptime"] >= 1
    assert status["consumedMemoryMB"] > 1


async def test_the_memory_is_read_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it takes longer than the rest of the action."""
    values, now = iter([1.5, 2.5]), [100.0]
    monkeypatch.setattr(core_plugin, "_resident_megabytes", lambda: next(values))
    monkeypatch.setattr("actionhero.plugins.core_plugin.time.monotonic", lambda: now[0])
    memory = core_plugin._ResidentMemory()

    first, second = memory.megabytes(), memory.megabytes()
    now[0] += 1

    assert (first, second, memory.megabytes()) == (1.5, 1.5, 2.5)


async def test_an_application_without_checks_is_healthy() -> None:
    """There is nothing that can fail."""
    async with running_app() as app:
        status = await app.call("status")

    assert (status["healthy"], status["checks"]) == (True, {})
