"""The queries of `SqliteStore`, and the conversion of rows to records."""

from __future__ import annotations

import dataclasses
import heapq
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import JobRecord, JobState, QueueCounts, Totals
from actionhero_tasks.stores.sqlite import schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

STATES: Final = {
    schema.READY: JobState.READY,
    schema.DELAYED: JobState.DELAYED,
    schema.RUNNING: JobState.RUNNING,
    schema.DONE: JobState.DONE,
    schema.DEAD: JobState.DEAD,
    schema.CANCELLED: JobState.CANCELLED,
    schema.SUSPECT: JobState.READY,
    schema.SENDING: JobState.READY,
    schema.SENT: JobState.READY,
}
_ENDED: Final = f"ended WHERE state IN ({schema.DONE}, {schema.CANCELLED}) AND state ="
#: The jobs of one state, from an index that has them only.
_SOURCES: Final = {
    number: f"jobs INDEXED BY {index} {number}"
    for number, index in {
        schema.READY: "ready_of_queue WHERE state =",
        schema.SUSPECT: "suspect WHERE state =",
        schema.SENDING: "sending WHERE state =",
        schema.SENT: "sent WHERE state =",
        schema.DELAYED: "delayed WHERE state =",
        schema.RUNNING: "running WHERE state =",
        schema.DEAD: "dead WHERE state =",
        schema.DONE: _ENDED,
        schema.CANCELLED: _ENDED,
    }.items()
}
_FIELDS: Final = [field.name for field in dataclasses.fields(JobRecord)]
#: The columns of a job, in the order of the fields of `JobRecord`.
COLUMNS: Final = ", ".join(_FIELDS)


def record_of(row: tuple[Any, ...]) -> JobRecord:
    """Convert a row of `COLUMNS` to a record."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["state"] = STATES[values["state"]]
    return JobRecord(**values)


def jobs_of(
    connection: sqlite3.Connection,
    state: JobState,
    queue: str | None,
    before: int | None,
    limit: int,
) -> list[JobRecord]:
    """Return jobs by state, the newest first."""
    numbers = [
        seq
        for number, name in STATES.items()
        if name is state
        for seq in _newest(connection, number, queue, before, limit)
    ]
    newest = ", ".join(map(str, heapq.nlargest(limit, numbers)))
    query = f"SELECT {COLUMNS} FROM jobs WHERE seq IN ({newest}) ORDER BY seq DESC"
    return [record_of(row) for row in connection.execute(query)]


def _newest(
    connection: sqlite3.Connection, state: int, queue: str | None, before: int | None, limit: int
) -> Iterator[int]:
    """Yield the numbers of the newest jobs of a state, and more, from its index alone."""
    source = _SOURCES[state]
    older = "" if before is None else f" AND seq < {before}"
    end = f"{older} ORDER BY seq DESC LIMIT {limit}"
    condition = "" if queue is None else " AND queue = ?"
    parts: list[tuple[Any, ...]] = [() if queue is None else (queue,)]
    if state == schema.READY:
        # Its index is sorted by age within each of these.
        condition = " AND queue = ? AND priority = ?"
        parts = [part for part in _ready_parts(connection) if queue in (None, part[0])]
    query = f"SELECT seq FROM {source}{condition}{end}"
    for part in parts:
        yield from (seq for (seq,) in connection.execute(query, part))


def _ready_parts(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """Yield the queues and priorities of ready jobs: two steps in the index for each."""
    select = f"SELECT queue, priority FROM {_SOURCES[schema.READY]}"
    end = "ORDER BY queue, priority LIMIT 1"
    part = connection.execute(f"{select} {end}").fetchone()
    while part is not None:
        yield part
        # Not a comparison of rows: SQLite would read all jobs of the same queue.
        part = (
            connection.execute(f"{select} AND queue = ? AND priority > ? {end}", part).fetchone()
            or connection.execute(f"{select} AND queue > ? {end}", part[:1]).fetchone()
        )


def batch_jobs_of(
    connection: sqlite3.Connection, batch: str, state: JobState | None, after: int, limit: int
) -> list[JobRecord]:
    """Return jobs of a fan-out, the oldest first."""
    numbers = ", ".join(str(number) for number, name in STATES.items() if state in (None, name))
    query = (
        f"SELECT {COLUMNS} FROM jobs WHERE batch = ? AND seq > ? AND state IN ({numbers}) "
        "ORDER BY seq LIMIT ?"
    )
    return [record_of(row) for row in connection.execute(query, (batch, after, limit))]


def counts_of(connection: sqlite3.Connection, now: int) -> list[QueueCounts]:
    """Return the number of jobs by queue, without jobs that are done or cancelled."""
    counts: dict[str, dict[str, Any]] = {}
    parts = " UNION ALL ".join(
        f"SELECT queue, {number}, COUNT(*), {failed}, MIN(seq) FROM {source} GROUP BY queue"
        for number, source in _SOURCES.items()
        if number not in {schema.DONE, schema.CANCELLED}
        for failed in ("SUM(attempts > 0)" if number == schema.DELAYED else "0",)
    )
    oldest = "SELECT created_ms FROM jobs WHERE seq = ?"
    for queue, number, count, failed, first in connection.execute(parts).fetchall():
        queue_counts = counts.setdefault(queue, {})
        name = str(STATES[number])
        queue_counts[name] = queue_counts.get(name, 0) + count
        if number == schema.DELAYED:
            queue_counts["retrying"] = failed
        if STATES[number] is JobState.READY:
            # The job may have been deleted since it was counted.
            created = connection.execute(oldest, (first,)).fetchone()
            age = 0 if created is None else now - created[0]
            queue_counts["oldest_ms"] = max(queue_counts.get("oldest_ms", 0), age)
    return [QueueCounts(queue, **counts[queue]) for queue in sorted(counts)]


def totals_of(connection: sqlite3.Connection) -> Totals:
    """Return the number of runs that have ended."""
    return Totals(*connection.execute("SELECT done, failed FROM totals").fetchone())


def loads_of(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of running jobs by worker id; idle workers are not included."""
    query = (
        f"SELECT worker_id, COUNT(*) FROM jobs WHERE state = {schema.RUNNING} GROUP BY worker_id"
    )
    return dict(connection.execute(query).fetchall())
