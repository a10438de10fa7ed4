"""What rows of the embedded store say of jobs."""

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
#: The index that has the jobs of a state and no others, and what it asks of them.
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
#: What is read of a job, in the order of the fields of `JobRecord`.
COLUMNS: Final = ", ".join(_FIELDS)


def record_of(row: tuple[Any, ...]) -> JobRecord:
    """Return what a row of `COLUMNS` says."""
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
    """Return the jobs of a state, the newest first."""
    # First which ones, from an index alone: a table of a million results is not read for it.
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
    given = {"queue": queue, "before": before, "limit": limit}
    return [record_of(row) for row in connection.execute(query, given)]


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
    """Return how many jobs there are, by queue; those that are done are not counted."""
    found: dict[str, dict[str, Any]] = {}
    parts = " UNION ALL ".join(
        f"SELECT queue, {number}, COUNT(*), {failed}, MIN(seq) FROM jobs INDEXED BY {index} "
        f"WHERE {condition} GROUP BY queue"
        for number, (index, condition) in _INDEXES.items()
        if number not in {schema.DONE, schema.CANCELLED}
        for failed in ("SUM(attempts > 0)" if number == schema.DELAYED else "0",)
    )
    oldest = "SELECT created_ms FROM jobs WHERE seq = ?"
    for queue, number, count, failed, first in connection.execute(parts).fetchall():
        of_queue = found.setdefault(queue, {})
        name = str(STATES[number])
        of_queue[name] = of_queue.get(name, 0) + count
        if number == schema.DELAYED:
            of_queue["retrying"] = failed
        if STATES[number] is JobState.READY:
            # It may have begun since it was counted, and that is no time to be told.
            created = connection.execute(oldest, (first,)).fetchone()
            age = 0 if created is None else now - created[0]
            of_queue["oldest_ms"] = max(of_queue.get("oldest_ms", 0), age)
    return [QueueCounts(queue, **found[queue]) for queue in sorted(found)]


def totals_of(connection: sqlite3.Connection) -> Totals:
    """Return how many runs have ended."""
    return Totals(*connection.execute("SELECT done, failed FROM totals").fetchone())


def loads_of(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many jobs each owner runs that runs any."""
    query = f"SELECT owner, COUNT(*) FROM jobs WHERE state = {schema.RUNNING} GROUP BY owner"
    return dict(connection.execute(query).fetchall())
