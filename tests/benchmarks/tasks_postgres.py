"""Jobs in PostgreSQL, compared with Redis.

PostgreSQL has its default durability: each commit is written to the disk. It has the core of the
enqueuing process, as Redis has.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from tests.benchmarks.figures import Reading, median
from tests.benchmarks.job_place import JOBS, PINGS, Place
from tests.benchmarks.program import CLIENT_CORE, pin

from actionhero_db.testing import throw_away_postgres

if TYPE_CHECKING:
    from pathlib import Path

#: The defaults of PostgreSQL, which servers for tests do not have.
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
#: How many jobs are enqueued in one turn, and by how many calls at once.
ENQUEUED = 2000
CALLS = 50
PING_SECONDS = 0.1


def measure_postgres(redis: Place, folder: Path, rounds: int) -> dict[str, Reading]:
    """Return the figures of the store in PostgreSQL."""
    with throw_away_postgres({**DURABLE, "shared_buffers": "128MB"}) as server:
        pin(server.pid, CLIENT_CORE)
        url = server.new_database()
        postgres = _postgres_place(url, folder)
        return {
            **_enqueue(postgres, redis, rounds),
            "tasks.postgres.drain": _drain(postgres, redis, rounds),
            "tasks.postgres.median": _pick_up(postgres),
        }


def _postgres_place(url: str, folder: Path) -> Place:
    async def truncate() -> None:
        import asyncpg  # type: ignore[import-untyped]

        connection: Any = await asyncpg.connect(url)
        try:
            if await connection.fetchval("SELECT to_regclass('bench_tasks.jobs') IS NOT NULL"):
                names = ("jobs", "keys", "counts", "count_changes", "batches", "starts")
                tables = ", ".join(f"bench_tasks.{name}" for name in names)
                await connection.execute(f"TRUNCATE {tables}")
        finally:
            await connection.close()

    variables = {"ACTIONHERO_PLUGINS__ENABLED": "db,tasks", "DATABASE_URL": url}
    return Place(folder, variables, lambda: asyncio.run(truncate()))


def _enqueue(postgres: Place, redis: Place, rounds: int) -> dict[str, Reading]:
    """Compare calls at once, which share commits, and one after the other."""
    readings = {}
    with postgres.enqueuer("ours") as own, redis.enqueuer("ours") as other:
        for key, name, arguments in (
            ("tasks.postgres.enqueue", "enqueue_at_once", (ENQUEUED, CALLS)),
            ("tasks.postgres.single", "enqueue", (ENQUEUED // 2,)),
        ):
            seconds: dict[Any, list[float]] = {own: [], other: []}
            for enqueuer in (own, other):
                enqueuer.do(name, *arguments)
            for _ in range(rounds):
                for place, enqueuer in ((postgres, own), (redis, other)):
                    place.empty()
                    seconds[enqueuer].append(enqueuer.do(name, *arguments)[0] / arguments[0])
            ratios = [b / a for a, b in zip(seconds[own], seconds[other], strict=True)]
            note = f"{median(seconds[own]) * 1e6:.0f} µs over {median(seconds[other]) * 1e6:.0f} µs"
            readings[key] = Reading(ratios, note)
    return readings


def _drain(postgres: Place, redis: Place, rounds: int) -> Reading:
    rates: dict[Place, list[float]] = {postgres: [], redis: []}
    for _ in range(rounds):
        for place, measured in rates.items():
            place.empty()
            with place.enqueuer("ours") as enqueuer:
                for _ in range(JOBS // 1000):
                    enqueuer.do("enqueue_many", 1000)
            with place.worker("ours") as worker:
                measured.append((JOBS - 1) / place.note("jobs", worker))
    ratios = [a / b for a, b in zip(rates[postgres], rates[redis], strict=True)]
    note = f"{median(rates[postgres]):.0f} over {median(rates[redis]):.0f} jobs a second"
    return Reading(ratios, note)


def _pick_up(postgres: Place) -> Reading:
    postgres.empty()
    with postgres.worker("ours") as worker, postgres.enqueuer("ours") as enqueuer:
        # Until the worker is ready.
        for _ in range(JOBS // 1000):
            enqueuer.do("enqueue_many", 1000)
        postgres.note("jobs", worker)
        for _ in range(PINGS):
            time.sleep(PING_SECONDS)
            enqueuer.do("ping")
        late = [seconds * 1000 for seconds in postgres.note("pings", worker)]
    return Reading(late, f"p99 {late[-2]:.0f} ms")
