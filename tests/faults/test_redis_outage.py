"""An outage of Redis: calls with a session get 503, others succeed, and the server recovers."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.faults.conftest import GenerateLoad

    from actionhero_redis.testing import ThrowAwayRedis

from tests.faults.conftest import LedgerServer

CLIENTS = 12


async def test_the_server_recovers_from_a_restart_of_redis_under_load(
    visits: Place,
    redis_server: ThrowAwayRedis,
    generate_load: GenerateLoad,
) -> None:
    """During the outage every error is 503; afterwards requests succeed, with their session."""
    server = LedgerServer(
        visits.start(
            "start",
            REDIS_URL=redis_server.url,
            ACTIONHERO_REDIS__RETRIES="1",
        )
    )
    async with server.browser() as browser, server.browser() as other:
        await browser.put("/session", json={"user": 7})

        async def send(number: int, count: int) -> object:
            return await browser.post("/session", json={"key": f"{number}", "value": count})

        clients = [functools.partial(send, number) for number in range(CLIENTS)]
        async with generate_load(clients) as load:
            await load.wait_for(200, 50)
            await asyncio.to_thread(redis_server.stop)
            await load.wait_for(503, 20)
            during_outage = await browser.get(f"{server.root}/readyz")
            plain = await other.get("/plain")
            await asyncio.to_thread(redis_server.start)
            await load.wait_for(200, 50)
        afterwards = await browser.get(f"{server.root}/readyz")
        session = await browser.get("/session")

    assert set(load.statuses) == {200, 503}
    assert (during_outage.status_code, plain.status_code) == (503, 200)
    assert afterwards.status_code == 200
    assert session.json()["userId"] == 7
    assert {str(number) for number in range(CLIENTS)} <= set(session.json())
    assert server.is_running
    assert server.running.stop().code == 0


async def test_a_start_without_redis_fails(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """The error contains the URL and the remedy, and the exit code is 69."""
    redis_server.stop()

    completed = await asyncio.to_thread(visits.run, "start", REDIS_URL=redis_server.url)

    assert completed.code == 69
    assert completed.stderr.startswith(f"Error: redis at {redis_server.url} cannot be used: ")
    assert completed.stderr.endswith(
        "start it, set REDIS_URL to another server, or set ACTIONHERO_REDIS__REQUIRED=false to "
        "start without it\n"
    )
    assert "Traceback" not in completed.stderr


async def test_an_optional_redis_may_start_later(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """Without Redis, calls with a session get 503 and others succeed; with it, all succeed."""
    redis_server.stop()
    server = LedgerServer(
        visits.start(
            "start",
            REDIS_URL=redis_server.url,
            ACTIONHERO_REDIS__REQUIRED="false",
            ACTIONHERO_REDIS__RETRIES="1",
        )
    )
    async with server.browser() as browser:
        plain = await browser.get("/plain")
        rejected = await browser.put("/session", json={"user": 7})
        redis_server.start()
        # The pool has no stale connection, so the next call succeeds.
        signed_in = await browser.put("/session", json={"user": 7})
        session = await browser.get("/session")

    assert plain.status_code == 200
    assert rejected.status_code == 503
    assert int(rejected.headers["Retry-After"]) > 0
    assert signed_in.status_code == 200
    assert session.json() == {"userId": 7}
