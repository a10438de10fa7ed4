"""The queries of `SqliteStore`, and the conversion of rows to records."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks import sqlite_schema as schema
from actionhero_tasks.job import JobRecord, JobState, QueueCounts, Totals

if TYPE_CHECKING:
    import sqlite3

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
_ENDED: Final = f"state IN ({schema.DONE}, {schema.CANCELLED})"
#: The index that has the jobs of one state only, and its condition.
_INDEXES: Final = {
    schema.READY: ("ready_of_queue", f"state = {schema.READY}"),
    schema.SUSPECT: ("suspect", f"state = {schema.SUSPECT}"),
    schema.SENDING: ("sending", f"state = {schema.SENDING}"),
    schema.SENT: ("sent", f"state = {schema.SENT}"),
    schema.DELAYED: ("delayed", f"state = {schema.DELAYED}"),
    schema.RUNNING: ("running", f"state = {schema.RUNNING}"),
    schema.DEAD: ("dead", f"state = {schema.DEAD}"),
    schema.DONE: ("ended", f"{_ENDED} AND state = {schema.DONE}"),
    schema.CANCELLED: ("ended", f"{_ENDED} AND state = {schema.CANCELLED}"),
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
    # The numbers are selected from an index alone, regardless of the size of the table.
    parts = " UNION ALL ".join(
        f"SELECT seq FROM jobs INDEXED BY {index} WHERE {condition} "
        "AND (:queue IS NULL OR queue = :queue) AND (:before IS NULL OR seq < :before)"
        for number, (index, condition) in _INDEXES.items()
        if STATES[number] is state
    )
    query = (
        f"SELECT {COLUMNS} FROM jobs WHERE seq IN "
        f"(SELECT seq FROM ({parts}) ORDER BY seq DESC LIMIT :limit) ORDER BY seq DESC"
    )
    parameters = {"queue": queue, "before": before, "limit": limit}
    return [record_of(row) for row in connection.execute(query, parameters)]


def batch_jobs_of(
    connection: sqlite3.Connection, batch: str, state: JobState | None, offset: int, limit: int
) -> list[JobRecord]:
    """Return jobs of a fan-out, the oldest first."""
    numbers = ", ".join(str(number) for number, name in STATES.items() if state in (None, name))
    query = (
        f"SELECT {COLUMNS} FROM jobs WHERE batch = ? AND state IN ({numbers}) "
        "ORDER BY seq LIMIT ? OFFSET ?"
    )
    return [record_of(row) for row in connection.execute(query, (batch, limit, offset))]


def counts_of(connection: sqlite3.Connection, now: int) -> list[QueueCounts]:
    """Return the number of jobs by queue, without jobs that are done or cancelled."""
    counts: dict[str, dict[str, Any]] = {}
    parts = " UNION ALL ".join(
        f"SELECT queue, {number}, COUNT(*), {failed}, MIN(seq) FROM jobs INDEXED BY {index} "
        f"WHERE {condition} GROUP BY queue"
        for number, (index, condition) in _INDEXES.items()
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
