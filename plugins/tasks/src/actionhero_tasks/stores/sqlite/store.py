"""`SqliteStore`: the embedded store, a SQLite file shared by the processes of one machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from actionhero_tasks.job import BatchRecord, Claim, JobState
from actionhero_tasks.queue_limits import PAUSED
from actionhero_tasks.stores.sqlite import schema, steps
from actionhero_tasks.stores.sqlite.jobs_file import JobsFile
from actionhero_tasks.stores.sqlite.limits import Capacities
from actionhero_tasks.stores.sqlite.outbox import SqliteOutbox
from actionhero_tasks.stores.sqlite.rows import (
    COLUMNS,
    batch_jobs_of,
    counts_of,
    jobs_of,
    loads_of,
    paused_queues_of,
    record_of,
    totals_of,
)
from actionhero_tasks.stores.sqlite.worker_locks import WorkerLocks
from actionhero_tasks.stores.store import JobStore

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from actionhero_tasks.job import JobRecord, NewJob, QueueCounts, Settlement, Totals
    from actionhero_tasks.stores.outbox import Outbox

#: How often a waiting worker checks whether another process has written.
POLL_SECONDS: Final = 0.02
#: How many results are deleted in one transaction, which blocks other writers.
MAX_DELETED: Final = 1000
#: In how many transactions a sweep deletes results: more than a worker produces until the next.
MAX_ROUNDS: Final = 20


class SqliteStore(JobStore):
    """Stores jobs in a SQLite file. Commits survive a power failure.

    Args:
        folder: The folder of the file and of the locks of workers; it is created.
        result_ttl_ms: How long jobs are stored after they have ended; dead-lettered ones remain.
    """

    def __init__(self, folder: Path, *, result_ttl_ms: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__()
        self._result_ttl_ms = result_ttl_ms
        self._worker_locks = WorkerLocks(folder / "workers")
        #: The version of the file at the last claim of each worker.
        self._versions: dict[str, int] = {}
        #: When the next job may start that the rate of a queue has kept from a worker.
        self._next_starts: dict[str, int | None] = {}
        self._file = JobsFile(folder / "jobs.sqlite3")
        self._connection = self._file.connection
        self._reading, self._writing = self._file.reading, self._file.writing

    # -- adding jobs ---------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        with self._writing() as connection:
            now = self.now_ms()
            ids = [steps.add(connection, job, now) for job in jobs]
        self.notify()
        return ids

    def find_key(self, key: str) -> str | None:
        with self._reading() as connection:
            return steps.find_key(connection, key, self.now_ms())

    # -- schedules -----------------------------------------------------------------------------

    def enqueue_scheduled(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        with self._writing() as connection:
            claimed = connection.execute(
                "UPDATE fire_times SET fire_ms = ? WHERE name = ? AND fire_ms < ?",
                (fire_ms, name, fire_ms),
            )
            if not claimed.rowcount:
                return False
            if not overlap and steps.has_unfinished_job(connection, name):
                return False
            steps.add(connection, job, self.now_ms())
        self.notify()
        return True

    def last_fire_time(self, name: str, initial_ms: int) -> int:
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO fire_times VALUES (?, ?)", (name, initial_ms))
            query = "SELECT fire_ms FROM fire_times WHERE name = ?"
            return int(connection.execute(query, (name,)).fetchone()[0])

    def fire_times(self) -> dict[str, int]:
        with self._reading() as connection:
            return dict(connection.execute("SELECT name, fire_ms FROM fire_times").fetchall())

    def reset_fire_time(self, name: str, last_ms: int, fire_ms: int) -> bool:
        statement = "UPDATE fire_times SET fire_ms = ? WHERE name = ? AND fire_ms = ?"
        with self._writing() as connection:
            return connection.execute(statement, (fire_ms, name, last_ms)).rowcount > 0

    # -- fan-outs ------------------------------------------------------------------------------

    def open_batch(self, id: str, then: NewJob | None) -> None:
        with self._writing() as connection:
            columns = "id, then_id, then_queue, then_action, then_priority, then_body"
            values = (None,) * 5
            if then is not None:
                values = (then.id, then.queue, then.action, then.priority, then.body)  # type: ignore[assignment]
            connection.execute(
                f"INSERT OR IGNORE INTO batches ({columns}) VALUES (?, ?, ?, ?, ?, ?)",
                (id, *values),
            )

    def close_batch(self, id: str) -> None:
        with self._writing() as connection:
            connection.execute("UPDATE batches SET closed = 1 WHERE id = ?", (id,))
        self.notify()

    def batch(self, id: str) -> BatchRecord | None:
        query = "SELECT id, total, completed, failed, closed, ended_ms FROM batches WHERE id = ?"
        with self._reading() as connection:
            row = connection.execute(query, (id,)).fetchone()
        if row is None:
            return None
        id, total, completed, failed, closed, ended_ms = row
        return BatchRecord(id, total, completed, failed, bool(closed), ended_ms)

    def batch_jobs(
        self, id: str, state: JobState | None = None, *, after: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        with self._reading() as connection:
            return batch_jobs_of(connection, id, state, after, limit)

    # -- running jobs --------------------------------------------------------------------------

    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        # Before the query, so that a write after it ends the next wait.
        self._versions[worker_id] = self._file.version()
        self._next_starts.pop(worker_id, None)
        if queues is not None:
            # Each has a limit of its own in the claim.
            queues = list(dict.fromkeys(queues))
        if not settlements and not self._has_work():
            return [], []
        with self._writing() as connection:
            now = self.now_ms()
            rejected, kinds = [], []
            for settlement in settlements:
                if steps.settle(connection, worker_id, settlement, now):
                    kinds.append(settlement.kind)
                else:
                    rejected.append(settlement.id)
            steps.count_runs(connection, kinds)
            connection.execute(
                f"UPDATE jobs SET state = {schema.READY} "
                f"WHERE state = {schema.DELAYED} AND due_ms <= ?",
                (now,),
            )
            claims = self._claim(connection, worker_id, queues, limit, now) if limit > 0 else []
        if settlements and self.queue_limits:
            # Other workers of this process may be waiting for capacity.
            self.notify()
        return claims, rejected

    def _claim(
        self,
        connection: sqlite3.Connection,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        now: int,
    ) -> list[Claim]:
        paused = paused_queues_of(connection)
        if not self.queue_limits and not paused:
            return steps.claim(connection, worker_id, queues, limit, now)
        limits = {**self.queue_limits, **dict.fromkeys(paused, PAUSED)}
        capacities = Capacities(connection, limits, queues, now)
        claims = steps.claim(connection, worker_id, queues, limit, now, capacities=capacities)
        self._next_starts[worker_id] = capacities.next_start_ms
        return claims

    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        with self._writing() as connection:
            connection.execute(
                "UPDATE jobs SET progress = ?, progress_total = ? WHERE id = ? AND token = ?",
                (done, total, id, token),
            )

    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        deadline = time.monotonic() + timeout_ms / 1000
        version = self._versions.get(worker_id)
        times = (self._next_due_ms(), self._next_starts.get(worker_id))
        due_ms = min((time_ms for time_ms in times if time_ms is not None), default=None)
        while (remaining := deadline - time.monotonic()) > 0:
            if self._file.version() != version:
                return
            if due_ms is not None:
                remaining = min(remaining, (due_ms - self.now_ms()) / 1000)
            if remaining <= 0 or wake_event.wait(min(remaining, POLL_SECONDS)):
                return

    # -- workers -------------------------------------------------------------------------------

    def register_worker(self, worker_id: str) -> None:
        self._worker_locks.acquire(worker_id)

    def record_heartbeat(self, worker_id: str) -> None:
        # The lock of the worker proves that it is alive.
        pass

    def cancellations(self, worker_id: str) -> list[str]:
        query = (
            f"SELECT id FROM jobs INDEXED BY cancelling WHERE state = {schema.RUNNING} "
            "AND cancel_requested AND worker_id = ?"
        )
        with self._reading() as connection:
            return [row[0] for row in connection.execute(query, (worker_id,))]

    def remove_worker(self, worker_id: str, *, crashed: bool) -> int:
        with self._writing() as connection:
            count = steps.return_jobs(connection, worker_id, self.now_ms(), crashed=crashed)
        self._worker_locks.release(worker_id)
        self._versions.pop(worker_id, None)
        self._next_starts.pop(worker_id, None)
        self.notify()
        return count

    def sweep(self) -> int:
        with self._reading() as connection:
            query = f"SELECT DISTINCT worker_id FROM jobs WHERE state = {schema.RUNNING}"
            worker_ids = [row[0] for row in connection.execute(query)]
        count = 0
        for worker_id in worker_ids:
            if not self._worker_locks.is_alive(worker_id):
                count += self.remove_worker(worker_id, crashed=True)
        for _ in range(MAX_ROUNDS):
            if self._delete_expired() < MAX_DELETED:
                break
        return count

    # -- inspection ----------------------------------------------------------------------------

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def find(self, id: str) -> JobRecord | None:
        query = f"SELECT {COLUMNS} FROM jobs WHERE id = ?"
        with self._reading() as connection:
            row = connection.execute(query, (id,)).fetchone()
        return None if row is None else record_of(row)

    def jobs(
        self,
        state: JobState,
        queue: str | None = None,
        *,
        before: int | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        with self._reading() as connection:
            return jobs_of(connection, state, queue, before, limit)

    def counts(self) -> list[QueueCounts]:
        with self._reading() as connection:
            return counts_of(connection, self.now_ms())

    def totals(self) -> Totals:
        with self._reading() as connection:
            return totals_of(connection)

    def worker_ids(self) -> list[str]:
        return self._worker_locks.worker_ids()

    def worker_loads(self) -> dict[str, int]:
        with self._reading() as connection:
            loads = loads_of(connection)
        return {worker_id: loads.get(worker_id, 0) for worker_id in self.worker_ids()}

    # -- operations ----------------------------------------------------------------------------

    def cancel(self, id: str) -> bool:
        with self._writing() as connection:
            cancelled = connection.execute(
                f"UPDATE jobs SET state = {schema.CANCELLED}, ended_ms = ? WHERE id = ? "
                f"AND state IN ({schema.READY}, {schema.DELAYED}, {schema.SUSPECT}, "
                f"{schema.SENDING}, {schema.SENT})",
                (self.now_ms(), id),
            )
            if cancelled.rowcount:
                return True
            query = (
                f"UPDATE jobs SET cancel_requested = 1 WHERE id = ? AND state = {schema.RUNNING}"
            )
            return connection.execute(query, (id,)).rowcount > 0

    def retry(self, id: str, body: bytes | None = None) -> bool:
        with self._writing() as connection:
            retried = connection.execute(
                f"UPDATE jobs SET state = {schema.READY}, deliveries = 0, attempts = 0, "
                "ended_ms = NULL, error = NULL, cancel_requested = 0, body = COALESCE(?, body) "
                f"WHERE id = ? AND state = {schema.DEAD}",
                (body, id),
            )
        self.notify()
        return retried.rowcount > 0

    def discard(self, id: str) -> bool:
        with self._writing() as connection:
            query = f"DELETE FROM jobs WHERE id = ? AND state = {schema.DEAD}"
            return connection.execute(query, (id,)).rowcount > 0

    def pause_queue(self, queue: str) -> bool:
        with self._writing() as connection:
            statement = "INSERT OR IGNORE INTO paused_queues VALUES (?)"
            return connection.execute(statement, (queue,)).rowcount > 0

    def resume_queue(self, queue: str) -> bool:
        with self._writing() as connection:
            statement = "DELETE FROM paused_queues WHERE queue = ?"
            resumed = connection.execute(statement, (queue,)).rowcount > 0
        self.notify()
        return resumed

    def paused_queues(self) -> list[str]:
        with self._reading() as connection:
            return paused_queues_of(connection)

    def outbox(self) -> Outbox:
        return SqliteOutbox(self._writing, self._reading, self.now_ms)

    def ping(self) -> None:
        self._file.ping()

    async def ping_nowait(self) -> bool:
        return self._file.ping_nowait()

    def close(self) -> None:
        self._file.close()

    # -- the file ------------------------------------------------------------------------------

    def _delete_expired(self) -> int:
        """Delete some expired results, and return how many."""
        now = self.now_ms()
        states = f"state IN ({schema.DONE}, {schema.CANCELLED})"
        expired = f"SELECT seq FROM jobs WHERE {states} AND ended_ms < ? LIMIT {MAX_DELETED}"
        with self._reading() as connection:
            limits = (now - self._result_ttl_ms, now)
            query = f"SELECT EXISTS({expired}) OR EXISTS(SELECT 1 FROM keys WHERE until_ms < ?)"
            if not connection.execute(query, limits).fetchone()[0]:
                return 0
        with self._writing() as connection:
            statement = f"DELETE FROM jobs WHERE seq IN ({expired})"
            deleted = connection.execute(statement, limits[:1]).rowcount
            connection.execute("DELETE FROM keys WHERE until_ms < ?", limits[1:])
            connection.execute("DELETE FROM batches WHERE ended_ms < ?", limits[:1])
        return deleted

    def _has_work(self) -> bool:
        """Return whether there are jobs to claim. It reads, and so does not block writers."""
        with self._reading() as connection:
            query = (
                f"SELECT EXISTS(SELECT 1 FROM jobs WHERE state = {schema.READY}) "
                f"OR EXISTS(SELECT 1 FROM jobs WHERE state = {schema.SUSPECT}) "
                f"OR EXISTS(SELECT 1 FROM jobs WHERE state = {schema.DELAYED} AND due_ms <= ?)"
            )
            return bool(connection.execute(query, (self.now_ms(),)).fetchone()[0])

    def _next_due_ms(self) -> int | None:
        with self._reading() as connection:
            query = f"SELECT MIN(due_ms) FROM jobs WHERE state = {schema.DELAYED}"
            due: int | None = connection.execute(query).fetchone()[0]
            return due
