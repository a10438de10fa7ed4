"""The effects of jobs in a database, while processes and servers are killed."""

from __future__ import annotations

import asyncio
import collections
import os
import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import asyncpg  # type: ignore[import-untyped]
import pytest

from actionhero.identifier import new_identifier
from actionhero_db.testing import ThrowAwayPostgres, throw_away_postgres
from actionhero_tasks.envelope import Envelope
from actionhero_tasks.job import JobState, NewJob, StoreUnavailable
from actionhero_tasks.stores.store import MAX_DELIVERIES

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from plugins.tasks.tests.processes.conftest import Deployment

#: How many jobs one worker process runs concurrently.
CONCURRENCY = 8
#: How many jobs are enqueued in one step.
STEP = 20
#: Above this number of ready jobs enqueueing pauses, so that it lasts as long as the failures.
BACKLOG = 200
WINDOW_MS = 3_600_000

EFFECTS = '''
import asyncio
import os

import asyncpg

from actionhero import Action, Call, Inputs

POOL = []


async def connect():
    return await asyncpg.create_pool(os.environ["EFFECTS_URL"], min_size=1, max_size=8)


class EffectInputs(Inputs):
    name: str
    seconds: float


class Effect(Action):
    """Insert a row for each run, and one for each name."""

    name = "effect"

    async def run(self, inputs: EffectInputs, call: Call) -> None:
        if not POOL:
            POOL.append(asyncio.create_task(connect()))
        pool = await POOL[0]
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("INSERT INTO runs VALUES ($1)", inputs.name)
            await connection.execute(
                "INSERT INTO effects VALUES ($1) ON CONFLICT DO NOTHING", inputs.name
            )
        await asyncio.sleep(inputs.seconds)
'''


class EffectsDatabase:
    """The database in which the jobs write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.query("CREATE TABLE runs (name TEXT)")
        self.query("CREATE TABLE effects (name TEXT PRIMARY KEY)")

    def query(self, query: str) -> list[str]:
        """Return the first column of the rows of a query."""

        async def fetch() -> list[str]:
            connection = await asyncpg.connect(self.url)
            try:
                return [row[0] for row in await connection.fetch(query)]
            finally:
                await connection.close()

        return asyncio.run(fetch())


@pytest.fixture(scope="module")
def effects_server() -> Iterator[ThrowAwayPostgres]:
    with throw_away_postgres() as server:
        yield server


@pytest.fixture
def database(effects_server: ThrowAwayPostgres) -> str:
    return effects_server.new_database()


class ChaosTest:
    """Two workers that run jobs, a thread that enqueues them, and failures of all kinds.

    Args:
        deployment: An application whose store has a server.
        effects: The database.
        count: The number of jobs.
        seconds: The duration of each job.
    """

    def __init__(
        self, deployment: Deployment, effects: EffectsDatabase, count: int, seconds: float
    ) -> None:
        self.deployment = deployment
        self.effects = effects
        self.names = [f"n{number}" for number in range(count)]
        self.seconds = seconds
        self.workers = [self.start_worker(), self.start_worker()]
        self.killed = 0
        #: The time of the last failure.
        self.last = 0.0
        #: The ids that `add` has returned, by name.
        self.ids: collections.defaultdict[str, set[str]] = collections.defaultdict(set)

    def start_worker(self) -> subprocess.Popen[str]:
        return self.deployment.start("worker", "--concurrency", str(CONCURRENCY))

    def enqueue(self) -> None:
        """Enqueue all jobs, in steps. A step that fails is repeated with the same keys."""
        store = self.deployment.store()
        for start in range(0, len(self.names), STEP):
            names = self.names[start : start + STEP]
            while True:
                try:
                    for name, id in zip(names, store.add([*map(self.job, names)]), strict=True):
                        self.ids[name].add(id)
                    while sum(counts.ready for counts in store.counts()) > BACKLOG:
                        time.sleep(0.05)
                except StoreUnavailable:
                    time.sleep(0.05)
                else:
                    break
        store.close()

    def job(self, name: str) -> NewJob:
        """Return a new job whose key is its name."""
        id = new_identifier()
        body = Envelope("effect", {"name": name, "seconds": self.seconds}).write(id, "default")
        return NewJob(id, "default", "effect", body, key=name, deduplication_window_ms=WINDOW_MS)

    def kill_one(self) -> None:
        """Kill a worker process, which its supervisor replaces."""
        children = [child for worker in self.workers for child in self.deployment.children(worker)]
        if children:
            os.kill(random.choice(children), signal.SIGKILL)
            self.killed += 1

    def kill_supervisor(self) -> None:
        """Kill a worker with its supervisor, as if its machine had failed; start another."""
        worker = self.workers.pop(0)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        self.workers.append(self.start_worker())
        self.killed += 1

    def restart_redis(self) -> None:
        """Kill Redis, and start it again with its data."""
        assert self.deployment.server is not None
        self.deployment.server.kill()
        time.sleep(0.5)
        self.deployment.server.start()

    def replace_worker(self) -> None:
        """Start a new worker, and stop an old one."""
        old = self.workers.pop(0)
        self.workers.append(self.start_worker())
        old.terminate()
        assert old.wait() == 0

    def run(self, pause_seconds: float, min_kills: int, max_kills: int) -> float:
        """Run all jobs; return the seconds from the last failure until the queue is empty.

        Args:
            pause_seconds: The pause after each kill.
            min_kills: The number of kills, even if all jobs are enqueued before.
            max_kills: The number of kills after which enqueueing continues without further ones.
        """
        enqueuing = threading.Thread(target=self.enqueue)
        enqueuing.start()
        log = self.deployment.folder / "log"
        self.deployment.until(
            lambda: log.read_text().count("running jobs from") == 2, "two workers"
        )
        self.deployment.until(
            lambda: self.effects.query("SELECT name FROM runs LIMIT 1") != [], "a first effect"
        )
        other_failures = {
            1: self.restart_redis,
            2: self.restart_redis,
            # Last, because a worker that starts during an outage of Redis exits.
            3: self.replace_worker,
            4: self.kill_supervisor,
        }
        number = 0
        while number < min_kills or (number < max_kills and enqueuing.is_alive()):
            number += 1
            # The other failures are distributed over the minimum of kills.
            other_failures.pop(number * 5 // (min_kills + 1), lambda: None)()
            self.kill_one()
            self.last = time.monotonic()
            time.sleep(pause_seconds)
        enqueuing.join()
        store = self.deployment.store()
        self.deployment.until(
            lambda: not any(c.ready or c.delayed or c.running for c in store.counts()), "drained"
        )
        drained = time.monotonic() - self.last
        # A job that was running during three kills is dead-lettered, and retried here.
        for job in store.jobs(JobState.DEAD):
            assert job.deliveries >= MAX_DELIVERIES
            store.retry(job.id)
        self.deployment.until(
            lambda: not any(c.ready or c.running for c in store.counts()), "all have run"
        )
        store.close()
        return drained

    def check(self) -> int:
        """Assert that all jobs ran, and return the number of repeated runs."""
        runs = self.effects.query("SELECT name FROM runs")
        effects = self.effects.query("SELECT name FROM effects")
        assert set(self.ids) == set(self.names) == set(effects)
        assert len(effects) == len(self.names)
        # A repeated step returned the same ids.
        assert all(len(ids) == 1 for ids in self.ids.values())
        repeated = len(runs) - len(effects)
        assert repeated <= CONCURRENCY * self.killed
        for worker in self.workers:
            worker.terminate()
            assert worker.wait() == 0
        return repeated


@pytest.fixture
def effects_deployment(server_deployment: Deployment, database: str) -> Deployment:
    (server_deployment.folder / "sample_app.py").write_text(EFFECTS)
    server_deployment.environ["EFFECTS_URL"] = database
    server_deployment.environ["ACTIONHERO_LOGS__LEVEL"] = "warn"
    return server_deployment


def test_all_effects_are_stored_despite_failures(
    effects_deployment: Deployment, database: str
) -> None:
    """A short version: workers, a supervisor and Redis are killed, and a worker is replaced."""
    chaos = ChaosTest(effects_deployment, EffectsDatabase(database), 400, 0.05)

    chaos.run(pause_seconds=0.3, min_kills=6, max_kills=6)

    chaos.check()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_effects_of_ten_thousand_jobs_are_stored(effects_deployment: Deployment) -> None:
    """A worker is killed every three seconds; 30 seconds after the last kill all jobs are done."""
    with throw_away_postgres() as server:
        url = server.new_database()
        effects_deployment.environ["EFFECTS_URL"] = url
        chaos = ChaosTest(effects_deployment, EffectsDatabase(url), 10_000, 0.03)

        drained = chaos.run(pause_seconds=3, min_kills=10, max_kills=100)
        repeated = chaos.check()

    print(
        f"{len(chaos.names)} effects, {repeated} repeated runs; {chaos.killed} kills; "
        f"drained after {drained:.1f} s"
    )
    assert drained <= 30
