"""The embedded store: a SQLite file that the processes of one machine share."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Final

from actionhero import BootError
from actionhero_tasks import sqlite_schema as schema
from actionhero_tasks import sqlite_steps as steps
from actionhero_tasks.job import BatchRecord, Claim, JobState, StoreUnavailable
from actionhero_tasks.sqlite_outbox import SqliteOutbox
from actionhero_tasks.sqlite_rows import (
    COLUMNS,
    batch_jobs_of,
    counts_of,
    jobs_of,
    loads_of,
    record_of,
    totals_of,
)
from actionhero_tasks.store import JobStore
from actionhero_tasks.worker_locks import WorkerLocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from actionhero_tasks.job import JobRecord, NewJob, QueueCounts, Settlement, Totals
    from actionhero_tasks.outbox import Outbox

#: How long a statement may wait for another process that writes.
BUSY_SECONDS: Final = 10.0
#: How often a worker that waits looks whether another process has written.
LOOK_SECONDS: Final = 0.02
#: How many results are dropped in one go: who drops them keeps all others from writing.
MOST_DROPPED: Final = 1000


class SqliteStore(JobStore):
    """Keeps jobs in a file. What was added stays, even through a power cut.

    Args:
        folder: Where the file and the locks of owners are; it is made.
        result_ttl_ms: How long jobs that have ended are remembered. Dead ones are kept.
    """

    kind: ClassVar[str] = "embedded"

    def __init__(self, folder: Path, *, result_ttl_ms: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__()
        self._result_ttl_ms = result_ttl_ms
        self._owners = WorkerLocks(folder / "owners")
        self._lock = threading.RLock()
        #: What had been written when an owner last looked for jobs.
        self._seen: dict[str, int] = {}
        self._path = folder / "jobs.sqlite3"
        self._connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up()
        except BaseException:
            self._connection.close()
            raise

    # -- putting in ----------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        with self._writing() as connection:
            now = self.now_ms()
            ids = [steps.add(connection, job, now) for job in jobs]
        self.ring()
        return ids

    def tick(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        with self._writing() as connection:
            claimed = connection.execute(
                "UPDATE ticks SET fire_ms = ? WHERE name = ? AND fire_ms < ?",
                (fire_ms, name, fire_ms),
            )
            if not claimed.rowcount:
                return False
            if not overlap and steps.is_under_way(connection, name):
                return False
            steps.add(connection, job, self.now_ms())
        self.ring()
        return True

    def last_tick(self, name: str, or_from_ms: int) -> int:
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO ticks VALUES (?, ?)", (name, or_from_ms))
            query = "SELECT fire_ms FROM ticks WHERE name = ?"
            return int(connection.execute(query, (name,)).fetchone()[0])

    # -- many as one ---------------------------------------------------------------------------

    def open_batch(self, id: str, then: NewJob | None) -> None:
        with self._writing() as connection:
            columns = "id, then_id, then_queue, then_action, then_priority, then_body"
            given = (None,) * 5
            if then is not None:
                given = (then.id, then.queue, then.action, then.priority, then.body)  # type: ignore[assignment]
            connection.execute(
                f"INSERT OR IGNORE INTO batches ({columns}) VALUES (?, ?, ?, ?, ?, ?)", (id, *given)
            )

    def seal_batch(self, id: str) -> None:
        with self._writing() as connection:
            connection.execute("UPDATE batches SET sealed = 1 WHERE id = ?", (id,))
        self.ring()

    def batch(self, id: str) -> BatchRecord | None:
        query = "SELECT id, total, completed, failed, sealed, ended_ms FROM batches WHERE id = ?"
        with self._reading() as connection:
            row = connection.execute(query, (id,)).fetchone()
        if row is None:
            return None
        id, total, completed, failed, sealed, ended_ms = row
        return BatchRecord(id, total, completed, failed, bool(sealed), ended_ms)

    def batch_jobs(
        self, id: str, state: JobState | None = None, *, offset: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        with self._reading() as connection:
            return batch_jobs_of(connection, id, state, offset, limit)

    # -- running -------------------------------------------------------------------------------

    def trade(
        self,
        owner: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        # Before the look: what is written between the two ends the next wait at once.
        self._seen[owner] = self._version()
        if not settlements and not self._has_work():
            return [], []
        with self._writing() as connection:
            now = self.now_ms()
            refused, endings = [], []
            for settlement in settlements:
                if steps.settle(connection, owner, settlement, now):
                    endings.append(settlement.ending)
                else:
                    refused.append(settlement.id)
            steps.count_runs(connection, endings)
            connection.execute(
                f"UPDATE jobs SET state = {schema.READY} "
                f"WHERE state = {schema.DELAYED} AND due_ms <= ?",
                (now,),
            )
            claims = steps.claim(connection, owner, queues, limit, now) if limit > 0 else []
        return claims, refused

    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        with self._writing() as connection:
            connection.execute(
                "UPDATE jobs SET progress = ?, progress_total = ? WHERE id = ? AND token = ?",
                (done, total, id, token),
            )

    def wait(self, owner: str, bell: threading.Event, timeout_ms: int) -> None:
        deadline = time.monotonic() + timeout_ms / 1000
        seen = self._seen.get(owner)
        due_ms = self._next_due_ms()
        while (left := deadline - time.monotonic()) > 0:
            if self._version() != seen:
                return
            if due_ms is not None:
                left = min(left, (due_ms - self.now_ms()) / 1000)
            if left <= 0 or bell.wait(min(left, LOOK_SECONDS)):
                return

    # -- who runs ------------------------------------------------------------------------------

    def join(self, owner: str) -> None:
        self._owners.take(owner)

    def beat(self, owner: str) -> None:
        # The lock says it.
        pass

    def leave(self, owner: str, *, crashed: bool) -> int:
        with self._writing() as connection:
            count = steps.return_jobs(connection, owner, self.now_ms(), crashed=crashed)
        self._owners.drop(owner)
        self._seen.pop(owner, None)
        self.ring()
        return count

    def sweep(self) -> int:
        with self._reading() as connection:
            query = f"SELECT DISTINCT owner FROM jobs WHERE state = {schema.RUNNING}"
            owners = [row[0] for row in connection.execute(query)]
        count = 0
        for owner in owners:
            if not self._owners.is_alive(owner):
                count += self.leave(owner, crashed=True)
        self._drop_old()
        return count

    # -- looking in ----------------------------------------------------------------------------

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

    def owners(self) -> list[str]:
        return self._owners.alive()

    def loads(self) -> dict[str, int]:
        with self._reading() as connection:
            loads = loads_of(connection)
        return {owner: loads.get(owner, 0) for owner in self.owners()}

    # -- by hand -------------------------------------------------------------------------------

    def cancel(self, id: str) -> bool:
        with self._writing() as connection:
            cancelled = connection.execute(
                f"UPDATE jobs SET state = {schema.CANCELLED}, ended_ms = ? WHERE id = ? "
                f"AND state IN ({schema.READY}, {schema.DELAYED}, {schema.SUSPECT}, "
                f"{schema.SENDING}, {schema.SENT})",
                (self.now_ms(), id),
            )
            return cancelled.rowcount > 0

    def retry(self, id: str) -> bool:
        with self._writing() as connection:
            retried = connection.execute(
                f"UPDATE jobs SET state = {schema.READY}, deliveries = 0, attempts = 0, "
                f"ended_ms = NULL, error = NULL WHERE id = ? AND state = {schema.DEAD}",
                (id,),
            )
        self.ring()
        return retried.rowcount > 0

    def discard(self, id: str) -> bool:
        with self._writing() as connection:
            query = f"DELETE FROM jobs WHERE id = ? AND state = {schema.DEAD}"
            return connection.execute(query, (id,)).rowcount > 0

    def outbox(self) -> Outbox:
        return SqliteOutbox(self._writing, self._reading, self.now_ms)

    def ping(self) -> None:
        with self._reading() as connection:
            connection.execute("PRAGMA schema_version").fetchone()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # -- the file ------------------------------------------------------------------------------

    def _drop_old(self) -> None:
        now = self.now_ms()
        states = f"state IN ({schema.DONE}, {schema.CANCELLED})"
        old = f"SELECT seq FROM jobs WHERE {states} AND ended_ms < ? LIMIT {MOST_DROPPED}"
        with self._reading() as connection:
            limits = (now - self._result_ttl_ms, now)
            query = f"SELECT EXISTS({old}) OR EXISTS(SELECT 1 FROM keys WHERE until_ms < ?)"
            if not connection.execute(query, limits).fetchone()[0]:
                return
        with self._writing() as connection:
            connection.execute(f"DELETE FROM jobs WHERE seq IN ({old})", limits[:1])
            connection.execute("DELETE FROM keys WHERE until_ms < ?", limits[1:])
            connection.execute("DELETE FROM batches WHERE ended_ms < ?", limits[:1])

    def _has_work(self) -> bool:
        """Whether there is anything to claim; asked without a lock that others would wait for."""
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

    def _version(self) -> int:
        """Return a number that is another one when another process has written."""
        with self._reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def _set_up(self) -> None:
        self._connection.row_factory = None
        with self._reading() as connection:
            _switch_to_wal(connection)
            # An id that was returned is a promise, and power cuts happen.
            connection.execute("PRAGMA synchronous = FULL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, schema.VERSION}:
                raise BootError(
                    f"the file of jobs {str(self._path)!r} was written by another version of "
                    f"actionhero-tasks (its form is {version}, ours {schema.VERSION}); let that "
                    "one finish its jobs, then move the file away"
                )
            if version == 0:
                connection.executescript(f"BEGIN IMMEDIATE; {schema.SCHEMA} COMMIT;")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreUnavailable(f"{self._path}: {error}") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Let readers and a writer not wait for one another.

    For this step alone SQLite does not wait by itself while others open the file, or close it.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(LOOK_SECONDS)
        else:
            return
