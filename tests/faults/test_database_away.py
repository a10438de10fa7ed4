"""The database is busy or away: callers are told so, nobody hangs, and it comes back."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Place
    from tests.faults.conftest import Serve, UnderLoad

    from actionhero_db.testing import ThrowAwayPostgres

from tests.faults.conftest import Served

CLIENTS = 12


async def test_who_finds_no_free_connection_waits_for_one(serve: Serve) -> None:
    """All connections are held; when they come free, who waited is served."""
    served = serve(ACTIONHERO_DB__POOL_MAX="2", ACTIONHERO_DB__POOL_TIMEOUT="40s")
    async with served.browser() as browser:
        # A SQLite file has one connection, and the second holder waits too.
        held = [
            asyncio.create_task(browser.post("/entries/hold", json={"text": f"held {number}"}))
            for number in range(2)
        ]
        await asyncio.to_thread(served.running.wait_for, "holding held")
        waiting = [
            asyncio.create_task(browser.post("/entries", json={"text": f"late {number}"}))
            for number in range(5)
        ]
        plain = await browser.get("/plain")
        await browser.post("/release")
        answers = await asyncio.gather(*held, *waiting)
        counted = await browser.get("/entries")

    assert plain.status_code == 200
    assert [answer.status_code for answer in answers] == [200] * 7
    assert counted.json() == 7


async def test_who_waits_too_long_is_told_when_to_come_again(serve: Serve) -> None:
    """All connections are held for good: 503 with Retry-After, and what needs none goes on."""
    served = serve(ACTIONHERO_DB__POOL_MAX="1", ACTIONHERO_DB__POOL_TIMEOUT="300ms")
    async with served.browser() as browser:
        held = asyncio.create_task(browser.post("/entries/hold", json={"text": "held"}))
        await asyncio.to_thread(served.running.wait_for, "holding held")

        refused = await asyncio.gather(
            *(browser.post("/entries", json={"text": f"late {number}"}) for number in range(10)),
            *(browser.get("/entries") for _ in range(10)),
        )
        plain = await browser.get("/plain")
        await browser.post("/release")
        await held
        counted = await browser.get("/entries")

    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert plain.status_code == 200
    assert counted.json() == 1


async def test_a_restart_of_postgresql_under_load_is_got_over(
    ledger: Place, own_postgres: ThrowAwayPostgres, under_load: UnderLoad
) -> None:
    """While it is away every error is 503; when it is back, so are we, without a restart.

    What was answered with a value is in the table, each once.
    """
    served = Served(
        ledger.start(
            "start",
            DATABASE_URL=own_postgres.new_database(),
            ACTIONHERO_DB__POOL_TIMEOUT="2s",
        )
    )
    async with served.browser() as browser:
        kept = []

        async def ask(number: int, count: int) -> object:
            text = f"{number} {count}"
            answer = await browser.post("/entries", json={"text": text})
            if answer.status_code == 200:
                kept.append(text)
            return answer

        clients = [functools.partial(ask, number) for number in range(CLIENTS)]
        async with under_load(clients) as load:
            await load.until(200, 50)
            await asyncio.to_thread(own_postgres.stop)
            await load.until(503, 20)
            while_away = await browser.get(f"{served.root}/readyz")
            plain = await browser.get("/plain")
            await asyncio.to_thread(own_postgres.start)
            await load.until(200, 50)
        again = await browser.get(f"{served.root}/readyz")
        counted = await browser.get("/entries")

    assert set(load.seen) == {200, 503}
    assert (while_away.status_code, plain.status_code, again.status_code) == (503, 200, 200)
    assert len(kept) <= counted.json() <= len(kept) + load.seen[503]
    assert served.still_runs
    assert served.running.stop().code == 0


async def test_a_start_without_postgresql_is_refused(
    ledger: Place, own_postgres: ThrowAwayPostgres
) -> None:
    """The operator is told what is away, with the exit code that says so."""
    url = own_postgres.new_database()
    own_postgres.stop()

    ended = await asyncio.to_thread(ledger.run, "start", DATABASE_URL=url)

    assert ended.code == 69
    assert "Error: the database at postgres://" in ended.stderr
    assert "start it, or set DATABASE_URL to one that is running" in ended.stderr
    assert "Traceback" not in ended.stderr
