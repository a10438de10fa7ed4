"""What rows of the embedded store say of jobs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks import sqlite_schema as schema
from actionhero_tasks.job import JobRecord, JobState, QueueCounts

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
    connection: sqlite3.Connection, state: JobState, queue: str | None, limit: int
) -> list[JobRecord]:
    """Return the jobs of a state, the newest first."""
    numbers = ", ".join(str(number) for number, name in STATES.items() if name is state)
    query = (
        f"SELECT {COLUMNS} FROM jobs WHERE state IN ({numbers}) AND (? IS NULL OR queue = ?) "
        "ORDER BY seq DESC LIMIT ?"
    )
    return [record_of(row) for row in connection.execute(query, (queue, queue, limit))]


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
    query = (
        "SELECT queue, state, COUNT(*), SUM(attempts > 0), MIN(created_ms) FROM jobs "
        f"WHERE state NOT IN ({schema.DONE}, {schema.CANCELLED}) GROUP BY queue, state"
    )
    for queue, number, count, failed, oldest in connection.execute(query):
        of_queue = found.setdefault(queue, {})
        name = str(STATES[number])
        of_queue[name] = of_queue.get(name, 0) + count
        if number == schema.DELAYED:
            of_queue["retrying"] = failed
        if STATES[number] is JobState.READY:
            of_queue["oldest_ms"] = max(of_queue.get("oldest_ms", 0), now - oldest)
    return [QueueCounts(queue, **found[queue]) for queue in sorted(found)]
