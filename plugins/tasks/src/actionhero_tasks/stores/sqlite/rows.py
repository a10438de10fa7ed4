"""The queries of `SqliteStore`, and the conversion of rows to records."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import JobRecord, JobState, QueueCounts, Totals
from actionhero_tasks.stores.sqlite import schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

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
_LISTED: Final = (
    f"jobs INDEXED BY listed WHERE state IN ({', '.join(map(str, schema.LISTED))}) AND state ="
)
#: The jobs of one state, from an index that has them only.
_SOURCES: Final = {
    schema.READY: f"jobs INDEXED BY ready_of_queue WHERE state = {schema.READY}",
    schema.SUSPECT: f"jobs INDEXED BY suspect WHERE state = {schema.SUSPECT}",
    schema.SENDING: f"jobs INDEXED BY sending WHERE state = {schema.SENDING}",
    schema.RUNNING: f"jobs INDEXED BY running WHERE state = {schema.RUNNING}",
    **{number: f"{_LISTED} {number}" for number in schema.LISTED},
}
#: The columns of an index by which its jobs are divided; within each part they are sorted by age.
#: The other states have few jobs.
_PARTS: Final = {
    schema.READY: ("queue", "priority"),
    **dict.fromkeys(schema.LISTED, ("queue",)),
}
_FIELDS: Final = [field.name for field in dataclasses.fields(JobRecord)]
#: The columns of a job, in the order of the fields of `JobRecord`.
COLUMNS: Final = ", ".join(_FIELDS)


def record_of(row: tuple[Any, ...]) -> JobRecord:
    """Convert a row of `COLUMNS` to a record."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["state"] = STATES[values["state"]]
    values["cancel_requested"] = bool(values["cancel_requested"])
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
    older = "" if before is None else f" AND seq < {before}"
    yield from _from_parts(connection, state, queue, f"{older} ORDER BY seq DESC LIMIT {limit}")


def _oldest(connection: sqlite3.Connection, state: int, queue: str) -> int | None:
    """Return the number of the oldest job of a state in a queue, from its index alone."""
    return min(_from_parts(connection, state, queue, " ORDER BY seq LIMIT 1"), default=None)


def _from_parts(
    connection: sqlite3.Connection, state: int, queue: str | None, end: str
) -> Iterator[int]:
    """Yield the numbers that a query returns for each part of the jobs of a state."""
    columns = _PARTS.get(state)
    if columns is None:
        columns = () if queue is None else ("queue",)
        parts: Iterable[tuple[Any, ...]] = [() if queue is None else (queue,)]
    else:
        parts = _parts(connection, state, columns, queue)
    condition = "".join(f" AND {column} = ?" for column in columns)
    query = f"SELECT seq FROM {_SOURCES[state]}{condition}{end}"
    for part in parts:
        yield from (seq for (seq,) in connection.execute(query, part))


def _parts(
    connection: sqlite3.Connection, state: int, columns: tuple[str, ...], queue: str | None
) -> Iterator[tuple[Any, ...]]:
    """Yield the parts of the jobs of a state: a few steps in the index for each."""
    names = ", ".join(columns)
    select = f"SELECT {names} FROM {_SOURCES[state]}"
    end = f"ORDER BY {names} LIMIT 1"
    # The first part after another one. Not a comparison of rows: SQLite would read all jobs of the
    # same queue.
    conditions = [
        "".join(f" AND {name} = ?" for name in columns[:count]) + f" AND {columns[count]} > ?"
        for count in reversed(range(len(columns)))
    ]
    start, values = ("", ()) if queue is None else (" AND queue = ?", (queue,))
    part = connection.execute(f"{select}{start} {end}", values).fetchone()
    while part is not None and queue in (None, part[0]):
        yield part
        following = (
            connection.execute(
                f"{select}{condition} {end}", part[: len(columns) - number]
            ).fetchone()
            for number, condition in enumerate(conditions)
        )
        part = next(filter(None, following), None)


def first_jobs(
    connection: sqlite3.Connection,
    state: int,
    parts: Sequence[tuple[str, int]] | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """Return a query for the numbers of the first jobs of a state by priority, and its parameters.

    Args:
        connection: The connection.
        state: `READY` or `SUSPECT`.
        parts: The queues, and how many jobs of each to select at most; `None`: all.
        limit: How many jobs to select at most.
    """
    if parts is None:
        return schema.next_jobs(state, None), [limit]
    if len(parts) <= schema.MAX_QUEUES:
        return schema.next_jobs(state, len(parts)), [*itertools.chain(*parts), limit]
    jobs: list[tuple[int, int]] = []
    for start in range(0, len(parts), schema.MAX_QUEUES):
        chunk = parts[start : start + schema.MAX_QUEUES]
        query, parameters = first_jobs(connection, state, chunk, limit)
        jobs += connection.execute(
            f"SELECT priority, seq FROM jobs WHERE seq IN ({query})", parameters
        )
    numbers = [seq for _, seq in heapq.nsmallest(limit, jobs)]
    return "SELECT value FROM json_each(?)", [json.dumps(numbers)]


def batch_jobs_of(
    connection: sqlite3.Connection, batch: str, state: JobState | None, after: int, limit: int
) -> list[JobRecord]:
    """Return jobs of a fan-out, the oldest first."""
    query = (
        f"SELECT {COLUMNS} FROM jobs WHERE batch = ? AND state = ? AND seq > ? ORDER BY seq LIMIT ?"
    )
    records = [
        record_of(row)
        for number, name in STATES.items()
        if state in (None, name)
        for row in connection.execute(query, (batch, number, after, limit))
    ]
    return sorted(records, key=lambda record: record.seq)[:limit]


def counts_of(connection: sqlite3.Connection, now: int) -> list[QueueCounts]:
    """Return the number of jobs by queue, without jobs that are done or cancelled."""
    # Ready, of several states, and retrying jobs are counted more than once here.
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    ready: list[tuple[str, int]] = []
    for queue, number, is_retry, count in _counters(connection):
        name = STATES[number]
        counts[queue][name] += count
        if is_retry:
            counts[queue]["retrying"] += count
        if name is JobState.READY:
            ready.append((queue, number))
    for queue, number in ready:
        seq = _oldest(connection, number, queue)
        created = connection.execute("SELECT created_ms FROM jobs WHERE seq = ?", (seq,)).fetchone()
        if created is not None:
            counts[queue]["oldest_ms"] = max(counts[queue]["oldest_ms"], now - created[0])
        else:
            # The job may have been deleted since it was counted.
            counts[queue]["oldest_ms"] += 0
    return [QueueCounts(queue, **counts[queue]) for queue in sorted(counts)]


def _counters(connection: sqlite3.Connection) -> list[tuple[str, int, bool, int]]:
    """Return the number of jobs by queue, state, and whether they are delayed after a failure."""
    few = " UNION ALL ".join(
        f"SELECT queue, {number}, 0, COUNT(*) FROM {source} GROUP BY queue"
        for number, source in _SOURCES.items()
        if number not in _PARTS
    )
    return connection.execute(f"SELECT * FROM counters WHERE jobs > 0 UNION ALL {few}").fetchall()


def few_queues_of(connection: sqlite3.Connection, state: int) -> list[str]:
    """Return the queues with jobs of a state that few jobs have."""
    query = f"SELECT DISTINCT queue FROM {_SOURCES[state]}"
    return [queue for (queue,) in connection.execute(query)]


def ready_queues_of(connection: sqlite3.Connection) -> set[str]:
    """Return the queues with ready jobs that are not sent to a broker."""
    query = f"SELECT queue FROM counters WHERE state = {schema.READY} AND jobs > 0"
    return {queue for (queue,) in connection.execute(query)}


def paused_queues_of(connection: sqlite3.Connection) -> list[str]:
    """Return the paused queues, sorted."""
    return [queue for (queue,) in connection.execute("SELECT queue FROM paused_queues ORDER BY 1")]


def sent_counts_of(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of sent jobs by queue, without zeros."""
    query = f"SELECT queue, jobs FROM counters WHERE state = {schema.SENT} AND jobs > 0"
    return dict(connection.execute(query).fetchall())


def totals_of(connection: sqlite3.Connection) -> Totals:
    """Return the number of runs that have ended."""
    return Totals(*connection.execute("SELECT done, failed FROM totals").fetchone())


def loads_of(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of running jobs by worker id; idle workers are not included."""
    query = (
        f"SELECT worker_id, COUNT(*) FROM jobs WHERE state = {schema.RUNNING} GROUP BY worker_id"
    )
    return dict(connection.execute(query).fetchall())
