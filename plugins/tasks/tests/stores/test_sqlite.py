"""`SqliteStore`."""

from __future__ import annotations

import contextlib
import errno
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from actionhero import BootError
from actionhero_tasks.job import JobState, SettlementKind, StoreUnavailable
from actionhero_tasks.queue_limits import QueueLimit
from actionhero_tasks.stores.sqlite import schema
from actionhero_tasks.stores.sqlite.store import SqliteStore
from actionhero_tasks.testing import StoreContract, new_job, new_settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.stores.store import JobStore

#: A program that claims a job, and waits to be killed.
CLAIM_PROGRAM = """
import sys, time
from pathlib import Path
from actionhero_tasks.stores.sqlite.store import SqliteStore

store = SqliteStore(Path(sys.argv[1]), result_ttl_ms=1000)
store.register_worker("other")
claims, _ = store.settle_and_claim("other", None, 1)
print(claims[0].id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[], SqliteStore]:
    return lambda: SqliteStore(tmp_path, result_ttl_ms=60_000)


@pytest.fixture
def store(open_store: Callable[[], SqliteStore]) -> Iterator[SqliteStore]:
    store = open_store()
    yield store
    store.close()


class TestSqliteStore(StoreContract):
    """`StoreContract` with SQLite."""

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], JobStore]:
        return lambda: SqliteStore(tmp_path, result_ttl_ms=60_000)

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: JobStore, worker_id: str) -> None:
            assert isinstance(store, SqliteStore)
            store._worker_locks.release(worker_id)

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        # It has no leases.
        return lambda store, milliseconds: None


def test_the_job_of_a_killed_process_is_released_and_that_of_a_stopped_one_is_not(
    store: SqliteStore, tmp_path: Path
) -> None:
    """It depends on a file lock and not on a clock."""
    store.add([new_job()])
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM_PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        id = other.stdout.readline().strip()
        alive = store.worker_ids()
        other.send_signal(signal.SIGSTOP)
        while_stopped = store.sweep()
        other.kill()
        other.wait()

        after = store.sweep()

    assert alive == ["other"]
    assert (while_stopped, after) == (0, 1)
    record = store.find(id)
    assert record is not None
    assert record.state is JobState.READY


def test_any_number_of_queues_may_have_jobs(store: SqliteStore) -> None:
    """With limits, with paused queues, for a worker of some queues, and for a broker."""
    names = [f"queue-{number}" for number in range(1000)]
    jobs = [new_job(queue=name, priority=-number) for number, name in enumerate(names)]
    store.add([*jobs, new_job(queue="paused", priority=-5000)])
    store.pause_queue("paused")
    by_priority = [job.id for job in reversed(jobs)]
    store.queue_limits = {names[999]: QueueLimit(concurrency=1)}

    limited, _ = store.settle_and_claim("one", None, 10)
    store.queue_limits = {}
    paused, _ = store.settle_and_claim("one", None, 10)
    store.resume_queue("paused")
    named, _ = store.settle_and_claim("one", names, 10)
    store.pause_queue("paused")
    sent = store.outbox().begin_sending(500)

    claims = limited + paused + named
    assert [claim.id for claim in claims] == by_priority[:30]
    assert [job.id for job in sent] == by_priority[30:530]


def test_a_file_system_without_locks_makes_the_store_unavailable(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the folder and the reason."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", fail)

    with pytest.raises(StoreUnavailable, match=r"cannot lock files in .*No locks available"):
        store.register_worker("one")


def test_expired_results_are_deleted(tmp_path: Path) -> None:
    """Dead letters are not."""
    store = SqliteStore(tmp_path, result_ttl_ms=0)
    store.register_worker("one")
    done, dead = new_job(priority=-1), new_job()
    store.add([done, dead])
    claims, _ = store.settle_and_claim("one", None, 2)
    store.settle_and_claim(
        "one", None, 0, [new_settlement(claims[0]), new_settlement(claims[1], SettlementKind.DEAD)]
    )

    while store.now_ms() <= (store.jobs(JobState.DEAD)[0].ended_ms or 0):
        pass
    store.sweep()

    assert store.find(done.id) is None
    assert store.find(dead.id) is not None
    store.close()


def test_a_file_of_another_version_is_rejected(
    open_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    """The error has both versions of the schema."""
    open_store().close()
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(
        BootError, match=rf"another version .*schema 99, this version has {schema.VERSION}"
    ):
        open_store()


def test_a_file_that_only_lacks_tables_is_upgraded(
    open_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    """Its jobs stay, so that an update of the package needs no steps of the user."""
    store, job = open_store(), new_job()
    store.add([job])
    store.close()
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as connection:
        connection.executescript("DROP TABLE paused_queues; PRAGMA user_version = 6;")
    connection.close()

    upgraded = open_store()

    assert upgraded.find(job.id) is not None
    assert upgraded.pause_queue("default")
    upgraded.close()


def test_a_file_that_is_not_a_database_makes_the_store_unavailable(tmp_path: Path) -> None:
    """The error has the path and the message of SQLite."""
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database at all, but long enough" * 100)

    with pytest.raises(StoreUnavailable, match=r"jobs\.sqlite3: file is not a database"):
        SqliteStore(tmp_path, result_ttl_ms=1)


def test_opening_waits_for_another_process_that_creates_the_file(
    tmp_path: Path, open_store: Callable[[], SqliteStore]
) -> None:
    """Several processes may start at once in an empty folder."""
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(1) as threads:
            opening = threads.submit(open_store)
            with pytest.raises(TimeoutError):
                opening.result(0.1)
            other.rollback()
            store = opening.result()

    store.ping()
    store.close()


@pytest.mark.parametrize("queue", [None, "b"])
def test_the_newest_ready_jobs_are_listed_from_an_index(
    store: SqliteStore, queue: str | None
) -> None:
    """Of several queues and priorities; the number of steps does not depend on that of the jobs."""
    jobs = [new_job(queue="abc"[number % 3], priority=number % 2) for number in range(3000)]
    store.add(jobs)
    ids = [job.id for job in reversed(jobs) if queue in (None, job.queue)]
    steps = 0

    def count_steps() -> None:
        nonlocal steps
        steps += 100

    store._connection.set_progress_handler(count_steps, 100)
    newest = store.jobs(JobState.READY, queue, limit=10)
    older = store.jobs(JobState.READY, queue, before=newest[-1].seq, limit=10)

    assert [job.id for job in [*newest, *older]] == ids[:20]
    assert steps < 8000


def fill(store: SqliteStore, count: int) -> None:
    """Add jobs of two queues and of a fan-out, in every state that may have many."""
    outbox = store.outbox()
    assert outbox is not None

    def add(delay_ms: int = 0) -> list[str]:
        jobs = [
            new_job(queue="ab"[number % 2], batch="batch", delay_ms=delay_ms)
            for number in range(count)
        ]
        return store.add(jobs)

    for kind in (SettlementKind.DONE, SettlementKind.DEAD, SettlementKind.RETRY):
        add()
        claims, _ = store.settle_and_claim("one", None, count)
        settlements = [new_settlement(claim, kind, delay_ms=60_000_000) for claim in claims]
        store.settle_and_claim("one", None, 0, settlements)
    for id in add():
        store.cancel(id)
    add()
    outbox.mark_sent([job.id for job in outbox.begin_sending(count)])
    add(delay_ms=60_000_000)
    add()


def test_lists_and_counts_take_no_longer_with_more_jobs(store: SqliteStore) -> None:
    """Their numbers of steps do not depend on the number of jobs, for any state."""
    outbox = store.outbox()
    assert outbox is not None
    store.open_batch("batch", None)
    queries: dict[str, Callable[[], object]] = {
        "counts": store.counts,
        "sent counts": outbox.sent_counts,
    }
    for state in JobState:
        queries[state] = partial(store.jobs, state, limit=10)
        queries[f"{state} of a queue"] = partial(store.jobs, state, "a", limit=10)
        queries[f"{state} of a fan-out"] = partial(store.batch_jobs, "batch", state, limit=10)
    queries["all of a fan-out"] = partial(store.batch_jobs, "batch", limit=10)
    steps = 0

    def count_step() -> None:
        nonlocal steps
        steps += 1

    def measure() -> dict[str, int]:
        nonlocal steps
        store._connection.set_progress_handler(count_step, 1)
        costs = {}
        for name, query in queries.items():
            steps = 0
            query()
            costs[name] = steps
        store._connection.set_progress_handler(None, 1)
        return costs

    fill(store, 30)
    before = measure()
    fill(store, 300)
    after = measure()

    for name, cost in before.items():
        assert after[name] <= cost * 1.1, name


def test_counts_are_those_of_the_jobs(store: SqliteStore) -> None:
    """In every state, also after deletions."""
    fill(store, 20)
    for job in store.jobs(JobState.DEAD)[:5]:
        store.discard(job.id)
    for job in store.jobs(JobState.DEAD)[:5]:
        store.retry(job.id)

    [a, b] = store.counts()

    assert a.ready + b.ready == 45
    assert a.delayed + b.delayed == 40
    assert a.retrying + b.retrying == 20
    assert a.dead + b.dead == 10


def test_a_sweep_deletes_more_results_than_a_worker_produces(tmp_path: Path) -> None:
    """Not only a thousand."""
    with contextlib.closing(SqliteStore(tmp_path, result_ttl_ms=1)) as store:
        store.register_worker("one")
        jobs = [new_job() for _ in range(3000)]
        store.add(jobs)
        claims, _ = store.settle_and_claim("one", None, 3000)
        store.settle_and_claim("one", None, 0, [new_settlement(claim) for claim in claims])
        end = store.now_ms() + 2
        while store.now_ms() < end:
            pass

        store.sweep()

        assert store.jobs(JobState.DONE) == []
