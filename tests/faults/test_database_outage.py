"""A busy or unavailable database: requests get 503, none hangs, and the server recovers."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.faults.conftest import GenerateLoad, Serve

    from actionhero_db.testing import ThrowAwayPostgres

from tests.faults.conftest import LedgerServer

CLIENTS = 12


async def test_requests_wait_for_a_free_connection(serve: Serve) -> None:
    """If all connections are in use, requests wait, and succeed when one is released."""
    server = serve(ACTIONHERO_DB__POOL_MAX="2", ACTIONHERO_DB__POOL_TIMEOUT="40s")
    async with server.browser() as browser:
        # SQLite has one connection, so the second of these requests waits too.
        holding = [
            asyncio.create_task(browser.post("/entries/hold", json={"text": f"held {number}"}))
            for number in range(2)
        ]
        await asyncio.to_thread(server.running.wait_for, "holding held")
        waiting = [
            asyncio.create_task(browser.post("/entries", json={"text": f"late {number}"}))
            for number in range(5)
        ]
        plain = await browser.get("/plain")
        await browser.post("/release")
        responses = await asyncio.gather(*holding, *waiting)
        count = await browser.get("/entries")

    assert plain.status_code == 200
    assert [response.status_code for response in responses] == [200] * 7
    assert count.json() == 7


async def test_the_timeout_for_a_connection_gets_503_with_retry_after(serve: Serve) -> None:
    """Requests that need no connection succeed."""
    server = serve(ACTIONHERO_DB__POOL_MAX="1", ACTIONHERO_DB__POOL_TIMEOUT="300ms")
    async with server.browser() as browser:
        holding = asyncio.create_task(browser.post("/entries/hold", json={"text": "held"}))
        await asyncio.to_thread(server.running.wait_for, "holding held")

        rejected = await asyncio.gather(
            *(browser.post("/entries", json={"text": f"late {number}"}) for number in range(10)),
            *(browser.get("/entries") for _ in range(10)),
        )
        plain = await browser.get("/plain")
        await browser.post("/release")
        await holding
        count = await browser.get("/entries")

    assert {response.status_code for response in rejected} == {503}
    assert all(int(response.headers["Retry-After"]) > 0 for response in rejected)
    assert plain.status_code == 200
    assert count.json() == 1


async def test_the_server_recovers_from_a_restart_of_postgresql_under_load(
    ledger: Place, own_postgres: ThrowAwayPostgres, generate_load: GenerateLoad
) -> None:
    """During the outage every error is 503; afterwards requests succeed, without a restart.

    Each entry of a successful request is in the table exactly once.
    """
    server = LedgerServer(
        ledger.start(
            "start",
            DATABASE_URL=own_postgres.new_database(),
            ACTIONHERO_DB__POOL_TIMEOUT="2s",
        )
    )
    async with server.browser() as browser:
        stored = []

        async def send(number: int, count: int) -> object:
            text = f"{number} {count}"
            response = await browser.post("/entries", json={"text": text})
            if response.status_code == 200:
                stored.append(text)
            return response

        clients = [functools.partial(send, number) for number in range(CLIENTS)]
        async with generate_load(clients) as load:
            await load.wait_for(200, 50)
            await asyncio.to_thread(own_postgres.stop)
            await load.wait_for(503, 20)
            during_outage = await browser.get(f"{server.root}/readyz")
            plain = await browser.get("/plain")
            await asyncio.to_thread(own_postgres.start)
            await load.wait_for(200, 50)
        afterwards = await browser.get(f"{server.root}/readyz")
        count = await browser.get("/entries")

    assert set(load.statuses) == {200, 503}
    assert (during_outage.status_code, plain.status_code) == (503, 200)
    assert afterwards.status_code == 200
    assert len(stored) <= count.json() <= len(stored) + load.statuses[503]
    assert server.is_running
    assert server.running.stop().code == 0


async def test_a_start_without_postgresql_fails(
    ledger: Place, own_postgres: ThrowAwayPostgres
) -> None:
    """The error contains the database and the remedy, and the exit code is 69."""
    url = own_postgres.new_database()
    own_postgres.stop()

    completed = await asyncio.to_thread(ledger.run, "start", DATABASE_URL=url)

    assert completed.code == 69
    assert "Error: the database at postgres://" in completed.stderr
    assert "start it, or set DATABASE_URL to one that is running" in completed.stderr
    assert "Traceback" not in completed.stderr
