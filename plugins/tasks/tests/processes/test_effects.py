"""What jobs did in a database is there, whatever was killed meanwhile."""

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
from actionhero_db.testing import throw_away_postgres
from actionhero_tasks.envelope import Envelope
from actionhero_tasks.job import JobState, NewJob, StoreUnavailable
from actionhero_tasks.store import MAX_DELIVERIES

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from plugins.tasks.tests.processes.conftest import Deployment

#: How many jobs one worker process runs at once.
CONCURRENCY = 8
#: How many are enqueued in one step.
STEP = 20
#: How many may wait before more are enqueued, so that the trouble lasts as long as the work.
BACKLOG = 200
KEY_WINDOW_MS = 3_600_000

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
    """Write a line for each run, and one for each name."""

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


class Effects:
    """The database of the effects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ask("CREATE TABLE runs (name TEXT)")
        self.ask("CREATE TABLE effects (name TEXT PRIMARY KEY)")

    def ask(self, query: str) -> list[str]:
        """Return the first column of what a query finds."""

        async def fetch() -> list[str]:
            connection = await asyncpg.connect(self.url)
            try:
                return [row[0] for row in await connection.fetch(query)]
            finally:
                await connection.close()

        return asyncio.run(fetch())


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with throw_away_postgres() as server:
        yield server.new_database()


class Trouble:
    """Two workers, jobs that somebody enqueues, and all that happens meanwhile.

    Args:
        deployment: Where they run, with its jobs in Redis.
        effects: What the jobs do.
        count: How many there are.
        seconds: How long each takes.
    """

    def __init__(self, deployment: Deployment, effects: Effects, count: int, seconds: float) -> None:
        self.deployment = deployment
        self.effects = effects
        self.names = [f"n{number}" for number in range(count)]
        self.seconds = seconds
        self.workers = [self.deploy(), self.deploy()]
        self.killed = 0
        #: When the last of it happened.
        self.last = 0.0
        #: By name: every id that was said to be kept.
        self.ids: collections.defaultdict[str, set[str]] = collections.defaultdict(set)

    def deploy(self) -> subprocess.Popen[str]:
        return self.deployment.start("worker", "--concurrency", str(CONCURRENCY))

    def enqueue(self) -> None:
        """Enqueue all, some at a time. Who gets no answer asks again, with the same keys."""
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
        """Return a job of its own, and with the key of every other that does the same."""
        id = new_identifier()
        body = Envelope("effect", {"name": name, "seconds": self.seconds}).write(id, "default")
        return NewJob(
            id, "default", "effect", body, key=name, deduplication_window_ms=KEY_WINDOW_MS
        )

    def kill_one(self) -> None:
        """Kill the process that runs jobs, of one worker; its parent starts another."""
        children = [child for worker in self.workers for child in self.deployment.children(worker)]
        if children:
            os.kill(random.choice(children), signal.SIGKILL)
            self.killed += 1

    def lose_one(self) -> None:
        """Kill a worker and its parent, as a machine that is gone would; start it elsewhere."""
        worker = self.workers.pop(0)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        self.workers.append(self.deploy())
        self.killed += 1

    def restart_redis(self) -> None:
        """Kill Redis, and start it again with what it wrote down."""
        assert self.deployment.redis is not None
        self.deployment.redis.kill()
        time.sleep(0.5)
        self.deployment.redis.start()

    def deploy_anew(self) -> None:
        """Start a new worker, and tell an old one to stop."""
        old = self.workers.pop(0)
        self.workers.append(self.deploy())
        old.terminate()
        assert old.wait() == 0

    def pass_over(self, pause_seconds: float, least: int, most: int) -> float:
        """Let all of it happen; return how long it took from the last of it until nothing waits.

        Args:
            pause_seconds: How long to wait after each kill.
            least: How many kills there are, even if all is enqueued before.
            most: How many there are, even if not: who is killed all the time gets nothing done.
        """
        enqueuing = threading.Thread(target=self.enqueue)
        enqueuing.start()
        log = self.deployment.folder / "log"
        self.deployment.until(lambda: log.read_text().count("running jobs from") == 2, "two workers")
        self.deployment.until(
            lambda: self.effects.ask("SELECT name FROM runs LIMIT 1") != [], "a first effect"
        )
        others = {
            1: self.restart_redis,
            2: self.restart_redis,
            # Last: whoever starts while Redis is away says so, and ends.
            3: self.deploy_anew,
            4: self.lose_one,
        }
        number = 0
        while number < least or (number < most and enqueuing.is_alive()):
            number += 1
            # The others are spread over the time that it takes at least.
            others.pop(number * 5 // (least + 1), lambda: None)()
            self.kill_one()
            self.last = time.monotonic()
            time.sleep(pause_seconds)
        enqueuing.join()
        store = self.deployment.store()
        self.deployment.until(
            lambda: not any(c.ready or c.delayed or c.running for c in store.counts()), "drained"
        )
        drained = time.monotonic() - self.last
        # One that was running each time, three times, is taken for guilty; by hand it runs again.
        for job in store.jobs(JobState.DEAD):
            assert job.deliveries >= MAX_DELIVERIES
            store.retry(job.id)
        self.deployment.until(
            lambda: not any(c.ready or c.running for c in store.counts()), "all have run"
        )
        store.close()
        return drained

    def look(self) -> int:
        """See that all that was kept was done, and no more; return how many ran twice."""
        runs = self.effects.ask("SELECT name FROM runs")
        effects = self.effects.ask("SELECT name FROM effects")
        assert set(self.ids) == set(self.names) == set(effects)
        assert len(effects) == len(self.names)
        # Whoever asked again was told the same job.
        assert all(len(ids) == 1 for ids in self.ids.values())
        extra = len(runs) - len(effects)
        assert extra <= CONCURRENCY * self.killed
        for worker in self.workers:
            worker.terminate()
            assert worker.wait() == 0
        return extra


@pytest.fixture
def trouble_deployment(redis_deployment: Deployment, database: str) -> Deployment:
    (redis_deployment.folder / "works.py").write_text(EFFECTS)
    redis_deployment.environ["EFFECTS_URL"] = database
    redis_deployment.environ["ACTIONHERO_LOGS__LEVEL"] = "warn"
    return redis_deployment


def test_what_jobs_did_is_there_whatever_was_killed(trouble_deployment: Deployment, database: str) -> None:
    """A short form: workers and Redis are killed, one is told to stop, one is lost for good."""
    trouble = Trouble(trouble_deployment, Effects(database), 400, 0.05)

    trouble.pass_over(pause_seconds=0.3, least=6, most=6)

    trouble.look()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_what_ten_thousand_jobs_did_is_there(trouble_deployment: Deployment) -> None:
    """A worker is killed every three seconds; half a minute after the last, all is done."""
    with throw_away_postgres() as server:
        url = server.new_database()
        trouble_deployment.environ["EFFECTS_URL"] = url
        trouble = Trouble(trouble_deployment, Effects(url), 10_000, 0.03)

        drained = trouble.pass_over(pause_seconds=3, least=10, most=100)
        extra = trouble.look()

    print(
        f"{len(trouble.names)} effects, {extra} runs more; {trouble.killed} kills; "
        f"drained after {drained:.1f} s"
    )
    assert drained <= 30
