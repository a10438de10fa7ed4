"""Health checks, and the `status` action."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actionhero import Initializer
from actionhero.health import Check, Health
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


async def test_an_application_without_checks_is_healthy() -> None:
    """There is nothing that can fail."""
    async with running_app() as app:
        status = await app.call("status")

    assert (status["healthy"], status["checks"]) == (True, {})
