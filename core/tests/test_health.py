"""Whether what calls lean on is usable."""

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
        raise ConnectionRefusedError("nobody listens on port 5432")


class Quiet(Initializer):
    name = "quiet"


async def test_each_initializer_with_a_check_is_asked() -> None:
    """What raises is not usable, and the message says why; one without a check is not listed."""
    health = Health([Cache(), Quiet(), Database()])

    assert await health.check() == [
        Check("cache", True),
        Check("database", False, "ConnectionRefusedError: nobody listens on port 5432"),
    ]


async def test_all_are_asked_at_the_same_time() -> None:
    """Two slow ones take no longer than one."""
    both = asyncio.Barrier(2)

    class Slow(Cache):
        async def check(self) -> None:
            await both.wait()

    checks = await Health([Slow(), Slow()]).check()

    assert [check.healthy for check in checks] == [True, True]


async def test_what_does_not_answer_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe gets its answer, though a dependency hangs."""
    monkeypatch.setattr("actionhero.health.CHECK_SECONDS", 0.0)

    class Hanging(Cache):
        async def check(self) -> None:
            await asyncio.Event().wait()

    [check] = await Health([Hanging()]).check()

    assert check == Check("cache", False, "no answer within 0 s")


async def test_a_timeout_of_the_driver_is_told_in_its_own_words() -> None:
    """Only our own limit is told as ours."""

    class Slow(Cache):
        async def check(self) -> None:
            raise TimeoutError("no connection free within 2 s")

    [check] = await Health([Slow()]).check()

    assert check.problem == "TimeoutError: no connection free within 2 s"


async def test_the_status_action_tells_the_health_of_everything() -> None:
    """Names and yes or no; why is for the operator, not for strangers."""
    async with running_app(Cache, Database, environ={"ACTIONHERO_APP__NAME": "guestbook"}) as app:
        status = await app.call("status")

    assert status["name"] == "guestbook"
    assert status["healthy"] is False
    assert status["checks"] == {"cache": True, "database": False}
    assert "5432" not in str(status)
    assert status["uptime"] >= 1
    assert status["consumedMemoryMB"] > 1


async def test_an_application_that_leans_on_nothing_is_healthy() -> None:
    """Nothing to ask is nothing wrong."""
    async with running_app() as app:
        status = await app.call("status")

    assert (status["healthy"], status["checks"]) == (True, {})
