"""Redis is away: who needs a session is told so, others notice nothing, and it comes back."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.faults.conftest import UnderLoad

    from actionhero_redis.testing import ThrowAwayRedis

from tests.faults.conftest import Served

CLIENTS = 12


async def test_a_restart_of_redis_under_load_is_got_over(
    visits: Place,
    redis_server: ThrowAwayRedis,
    under_load: UnderLoad,
) -> None:
    """While it is away every error is 503; when it is back, so are we, and so is the session."""
    served = Served(
        visits.start(
            "start",
            REDIS_URL=redis_server.url,
            ACTIONHERO_REDIS__RETRIES="1",
        )
    )
    async with served.browser() as browser, served.browser() as visitor:
        await browser.put("/session", json={"user": 7})

        async def ask(number: int, count: int) -> object:
            return await browser.post("/session", json={"key": f"{number}", "value": count})

        clients = [functools.partial(ask, number) for number in range(CLIENTS)]
        async with under_load(clients) as load:
            await load.until(200, 50)
            await asyncio.to_thread(redis_server.stop)
            await load.until(503, 20)
            while_away = await browser.get(f"{served.root}/readyz")
            without = await visitor.get("/plain")
            await asyncio.to_thread(redis_server.start)
            await load.until(200, 50)
        again = await browser.get(f"{served.root}/readyz")
        session = await browser.get("/session")

    assert set(load.seen) == {200, 503}
    assert (while_away.status_code, without.status_code, again.status_code) == (503, 200, 200)
    assert session.json()["userId"] == 7
    assert {str(number) for number in range(CLIENTS)} <= set(session.json())
    assert served.still_runs
    assert served.running.stop().code == 0


async def test_a_start_without_redis_is_refused(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """The operator is told what is away and what to do, with the exit code that says so."""
    redis_server.stop()

    ended = await asyncio.to_thread(visits.run, "start", REDIS_URL=redis_server.url)

    assert ended.code == 69
    assert ended.stderr.startswith(f"Error: redis at {redis_server.url} cannot be used: ")
    assert ended.stderr.endswith(
        "start it, set REDIS_URL to one that runs, or start without it: "
        "ACTIONHERO_REDIS__REQUIRED=false\n"
    )
    assert "Traceback" not in ended.stderr


async def test_a_redis_that_is_not_required_may_come_later(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """Without it, who needs no session is served and others get 503; with it, all are."""
    redis_server.stop()
    served = Served(
        visits.start(
            "start",
            REDIS_URL=redis_server.url,
            ACTIONHERO_REDIS__REQUIRED="false",
            ACTIONHERO_REDIS__RETRIES="1",
        )
    )
    async with served.browser() as browser:
        plain = await browser.get("/plain")
        refused = await browser.put("/session", json={"user": 7})
        redis_server.start()
        # The pool has no connection that could be stale: the very next call is served.
        signed_in = await browser.put("/session", json={"user": 7})
        session = await browser.get("/session")

    assert plain.status_code == 200
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert signed_in.status_code == 200
    assert session.json() == {"userId": 7}
