"""`PostgresStore`: a store in PostgreSQL, shared by the processes of many machines."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

import asyncpg  # type: ignore[import-untyped]
from asyncpg.pool import PoolConnectionProxy  # type: ignore[import-untyped]

from actionhero_tasks.job import BatchRecord, JobState, QueueCounts, StoreUnavailable, Totals
from actionhero_tasks.stores.postgres import queries
from actionhero_tasks.stores.postgres.connections import (
    CONNECTION_ERRORS,
    BlockingConnections,
    describe,
)
from actionhero_tasks.stores.postgres.enqueuer import ConcurrentEnqueuer
from actionhero_tasks.stores.postgres.installation import Installation
from actionhero_tasks.stores.postgres.outbox import PostgresOutbox
from actionhero_tasks.stores.postgres.schema import render
from actionhero_tasks.stores.postgres.values import (
    ADD,
    claim_of,
    limit_values,
    record_of,
    settlement_values,
    values_of,
)
from actionhero_tasks.stores.postgres.wake_listener import WakeListener
from actionhero_tasks.stores.postgres.worker_steps import WorkerSteps
from actionhero_tasks.stores.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero_tasks.job import Claim, JobRecord, NewJob, Settlement
    from actionhero_tasks.stores.outbox import Outbox

#: How long the lease of a worker is valid after a heartbeat.
LEASE_MS: Final = 10_000
#: How long a call waits for PostgreSQL.
TIMEOUT_SECONDS: Final = 5.0
#: How often a waiting worker polls, because a notification may be lost.
POLL_SECONDS: Final = 1.0
#: How many results are deleted in one step, and how long one sweep deletes them.
MAX_DELETED: Final = 2000
DELETE_SECONDS: Final = 0.25


class PostgresStore(JobStore):
    """Stores jobs in a schema of its own, which it creates. Commits survive a power failure.

    Args:
        options: The arguments of `asyncpg.connect`.
        schema: The name of the schema.
        result_ttl_ms: How long jobs are stored after they have ended; dead-lettered ones remain.
        lease_ms: How long the lease of a worker is valid after a heartbeat.
        timeout_seconds: How long a call waits for PostgreSQL.

    Raises:
        BootError: The tables cannot be created or migrated, or are of a newer version.
        StoreUnavailable: PostgreSQL cannot be reached.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        schema: str,
        *,
        result_ttl_ms: int,
        lease_ms: int = LEASE_MS,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        super().__init__()
        self._options = options
        self._schema = schema
        self._result_ttl_ms = result_ttl_ms
        self._lease_ms = lease_ms
        self._statements: dict[str, str] = {}
        self._connections = BlockingConnections(options, timeout_seconds)
        self._enqueuer = ConcurrentEnqueuer(options, self._render(ADD), timeout_seconds)
        self._steps = WorkerSteps()
        #: When the next delayed job is due, by `time.monotonic`: of the last step of each worker.
        self._due: dict[str, float] = {}
        self._listener: WakeListener | None = None
        self._lock = threading.Lock()
        try:
            Installation(schema).run(self._connections)
        except BaseException:
            self.close()
            raise

    # -- adding jobs ---------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        ids = list(self._value(ADD, *values_of(jobs))) if jobs else []
        self.notify_sender()
        return ids

    def find_key(self, key: str) -> str | None:
        return self._value(queries.FIND_KEY, key)  # type: ignore[no-any-return]

    async def add_pipelined(self, job: NewJob) -> str | None:
        id = await self._enqueuer.add(job)
        self.notify_sender()
        return id

    async def add_in_transaction(self, connection: Any, jobs: Sequence[NewJob]) -> list[str] | None:
        if not isinstance(connection, (asyncpg.Connection, PoolConnectionProxy)):
            return None
        try:
            driver: Any = connection
            ids: list[str] = await driver.fetchval(self._render(ADD), *values_of(jobs))
            return ids
        except CONNECTION_ERRORS as error:
            raise StoreUnavailable(f"PostgreSQL: {describe(error)}") from error

    async def find_in_transaction(self, connection: Any, id: str) -> JobRecord | None:
        rows = await self._fetch_in_transaction(connection, queries.FIND, id)
        return record_of(rows[0]) if rows else None

    async def cancel_in_transaction(self, connection: Any, id: str) -> bool:
        rows = await self._fetch_in_transaction(connection, "SELECT tasks.cancel($1)", id)
        return bool(rows and rows[0][0])

    async def _fetch_in_transaction(self, connection: Any, sql: str, id: str) -> list[Any]:
        if not isinstance(connection, (asyncpg.Connection, PoolConnectionProxy)):
            return []
        try:
            driver: Any = connection
            rows: list[Any] = await driver.fetch(self._render(sql), id)
            return rows
        except CONNECTION_ERRORS as error:
            raise StoreUnavailable(f"PostgreSQL: {describe(error)}") from error

    # -- schedules -----------------------------------------------------------------------------

    def enqueue_scheduled(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        columns = [None if column is None else column[0] for column in values_of([job])]
        was_added = bool(self._value(queries.ENQUEUE_SCHEDULED, name, fire_ms, overlap, *columns))
        self.notify_sender()
        return was_added

    def last_fire_time(self, name: str, initial_ms: int) -> int:
        return int(self._value(queries.LAST_FIRE_TIME, name, initial_ms))

    def fire_times(self) -> dict[str, int]:
        return {row[0]: row[1] for row in self._rows("SELECT name, fire_ms FROM tasks.fire_times")}

    def reset_fire_time(self, name: str, last_ms: int, fire_ms: int) -> bool:
        return bool(self._rows(queries.RESET_FIRE_TIME, name, last_ms, fire_ms))

    # -- fan-outs ------------------------------------------------------------------------------

    def open_batch(self, id: str, then: NewJob | None) -> None:
        job = (None,) * 5
        if then is not None:
            job = (then.id, then.queue, then.action, then.priority, then.body)  # type: ignore[assignment]
        self._value(queries.OPEN_BATCH, id, *job)

    def close_batch(self, id: str) -> None:
        self._value("SELECT tasks.close_batch($1)", id)
        self.notify_sender()

    def batch(self, id: str) -> BatchRecord | None:
        rows = self._rows(queries.BATCH, id)
        return BatchRecord(*rows[0]) if rows else None

    def batch_jobs(
        self, id: str, state: JobState | None = None, *, after: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        rows = self._rows(queries.BATCH_JOBS, id, queries.numbers_of(state), after, limit)
        return [record_of(row) for row in rows]

    # -- running jobs --------------------------------------------------------------------------

    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        step = self._steps.current(worker_id)
        rows = self._rows(
            queries.SETTLE_AND_CLAIM,
            *(worker_id, self._lease_ms, step, limit, None if queues is None else list(queues)),
            *settlement_values(settlements),
            *limit_values(self.queue_limits),
        )
        self._steps.end(worker_id)
        self._due.pop(worker_id, None)
        claims: list[Claim] = []
        rejected: list[str] = []
        for row in rows:
            if row[0] is None:
                self._due[worker_id] = time.monotonic() + row[1] / 1000
            elif row[1] is None:
                rejected.append(row[0])
            else:
                claims.append(claim_of(row))
        return claims, rejected

    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        self._value(queries.PROGRESS, id, token, done, total)

    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        self._listen()
        seconds = min(timeout_ms / 1000, POLL_SECONDS)
        due = self._due.get(worker_id)
        if due is not None:
            seconds = min(seconds, due - time.monotonic())
        if seconds > 0:
            wake_event.wait(seconds)

    # -- workers -------------------------------------------------------------------------------

    def register_worker(self, worker_id: str) -> None:
        self._listen()
        self.record_heartbeat(worker_id)

    def record_heartbeat(self, worker_id: str) -> None:
        self._value("SELECT tasks.record_heartbeat($1, $2)", worker_id, self._lease_ms)

    def cancellations(self, worker_id: str) -> list[str]:
        return [row[0] for row in self._rows(queries.CANCELLATIONS, worker_id)]

    def remove_worker(self, worker_id: str, *, crashed: bool) -> int:
        self._steps.forget(worker_id)
        self._due.pop(worker_id, None)
        return int(self._value("SELECT tasks.remove_worker($1, $2)", worker_id, crashed))

    def sweep(self) -> int:
        count = int(self._value("SELECT tasks.sweep($1)", self._lease_ms))
        deadline = time.monotonic() + DELETE_SECONDS
        delete = "SELECT tasks.delete_expired($1, $2)"
        while self._value(delete, self._result_ttl_ms, MAX_DELETED) == MAX_DELETED:
            if time.monotonic() >= deadline:
                break
        return count

    # -- inspection ----------------------------------------------------------------------------

    def now_ms(self) -> int:
        return int(self._value(queries.NOW_MS))

    def find(self, id: str) -> JobRecord | None:
        rows = self._rows(queries.FIND, id)
        return record_of(rows[0]) if rows else None

    def jobs(
        self,
        state: JobState,
        queue: str | None = None,
        *,
        before: int | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        rows = self._rows(queries.JOBS[state], queue, before, limit)
        return [record_of(row) for row in rows]

    def counts(self) -> list[QueueCounts]:
        rows = self._rows("SELECT * FROM tasks.queue_counts()")
        return [QueueCounts(*row) for row in rows if any(row[1:6])]

    def totals(self) -> Totals:
        return Totals(*self._rows(queries.TOTALS)[0])

    def worker_ids(self) -> list[str]:
        return list(self.worker_loads())

    def worker_loads(self) -> dict[str, int]:
        return {row[0]: row[1] for row in self._rows(queries.LIVE_WORKERS)}

    # -- operations ----------------------------------------------------------------------------

    def cancel(self, id: str) -> bool:
        return bool(self._value("SELECT tasks.cancel($1)", id))

    def retry(self, id: str, body: bytes | None = None) -> bool:
        was_dead = bool(self._value(queries.RETRY, id, body))
        self.notify_sender()
        return was_dead

    def discard(self, id: str) -> bool:
        return bool(self._value("SELECT tasks.discard($1)", id))

    def pause_queue(self, queue: str) -> bool:
        return bool(self._rows(queries.PAUSE_QUEUE, queue))

    def resume_queue(self, queue: str) -> bool:
        was_paused = bool(self._value(queries.RESUME_QUEUE, queue))
        self.notify_sender()
        return was_paused

    def paused_queues(self) -> list[str]:
        return [row[0] for row in self._rows(queries.PAUSED_QUEUES)]

    # -- delivery through a broker -------------------------------------------------------------

    def outbox(self) -> Outbox:
        return PostgresOutbox(self._rows, self._value, self._steps, self._lease_ms)

    # -- lifecycle -----------------------------------------------------------------------------

    def ping(self) -> None:
        self._value("SELECT 1")

    async def ping_nowait(self) -> bool:
        return await self._enqueuer.check()

    def close(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        self._enqueuer.close()
        self._connections.close()

    def _rows(self, sql: str, *arguments: Any) -> list[Any]:
        statement = self._render(sql)
        rows: list[Any] = self._connections.run(
            lambda connection: connection.fetch(statement, *arguments)
        )
        return rows

    def _value(self, sql: str, *arguments: Any) -> Any:
        statement = self._render(sql)
        return self._connections.run(lambda connection: connection.fetchval(statement, *arguments))

    def _render(self, sql: str) -> str:
        statement = self._statements.get(sql)
        if statement is None:
            statement = self._statements[sql] = render(sql, self._schema)
        return statement

    def _listen(self) -> None:
        with self._lock:
            if self._listener is None:
                self._listener = WakeListener(self._options, self._schema, self.notify)
                self._listener.start()
