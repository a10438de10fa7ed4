"""The steps of the embedded store's transactions, each a few statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_tasks import sqlite_schema as schema
from actionhero_tasks.job import Claim, Ending
from actionhero_tasks.store import MOST_DELIVERIES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from actionhero_tasks.job import NewJob, Settlement


def add(connection: sqlite3.Connection, job: NewJob, now: int) -> str:
    """Keep a new job, and return its id; or that of one with its key."""
    if connection.execute("SELECT 1 FROM jobs WHERE id = ?", (job.id,)).fetchone() is not None:
        return job.id
    if job.key is not None:
        row = connection.execute(
            "SELECT id FROM keys WHERE key = ? AND until_ms > ?", (job.key, now)
        ).fetchone()
        if row is not None:
            return str(row[0])
        connection.execute(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?)",
            (job.key, job.id, now + job.deduplication_window_ms),
        )
    delayed = job.delay_ms > 0
    connection.execute(
        "INSERT INTO jobs (id, queue, action, state, priority, body, created_ms, due_ms, key, "
        "schedule, batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.id,
            job.queue,
            job.action,
            schema.DELAYED if delayed else schema.READY,
            job.priority,
            job.body,
            now,
            now + job.delay_ms if delayed else None,
            job.key,
            job.schedule,
            job.batch,
        ),
    )
    return job.id


def is_under_way(connection: sqlite3.Connection, schedule: str) -> bool:
    """Whether a job of a schedule has not ended."""
    query = (
        f"SELECT 1 FROM jobs WHERE schedule = ? AND state IN ({schema.READY}, "
        f"{schema.DELAYED}, {schema.RUNNING}, {schema.SUSPECT}, {schema.SENDING}, "
        f"{schema.SENT}) LIMIT 1"
    )
    return connection.execute(query, (schedule,)).fetchone() is not None


def claim(
    connection: sqlite3.Connection,
    owner: str,
    queues: Sequence[str] | None,
    limit: int,
    now: int,
    states: Sequence[int] = (schema.SUSPECT, schema.READY),
) -> list[Claim]:
    """Take up to `limit` jobs, and one of those that are suspected, if `owner` has none."""
    rows: list[Any] = []
    for state in states:
        wanted = limit - len(rows)
        if state == schema.SUSPECT:
            if _runs_suspect(connection, owner):
                continue
            wanted = 1
        if queues is None:
            given: list[Any] = [wanted]
        else:
            given = [item for queue in queues for item in (queue, wanted)] + [wanted]
        statement = schema.claim(state, None if queues is None else len(queues))
        rows += connection.execute(statement, [owner, now, *given]).fetchall()
    return _claims(rows)


def claim_by_ids(
    connection: sqlite3.Connection, owner: str, ids: Sequence[str], now: int
) -> list[Claim]:
    """Take those jobs that are ready still."""
    statement = schema.claim_by_ids(len(ids))
    return _claims(connection.execute(statement, [owner, now, *ids]).fetchall())


def _claims(rows: list[Any]) -> list[Claim]:
    # By priority and age: the order of RETURNING is nobody's promise.
    rows.sort(key=lambda row: row[:2])
    return [Claim(*row[2:]) for row in rows]


def _runs_suspect(connection: sqlite3.Connection, owner: str) -> bool:
    query = (
        f"SELECT 1 FROM jobs WHERE state = {schema.RUNNING} AND owner = ? "
        "AND deliveries >= ? LIMIT 1"
    )
    return connection.execute(query, (owner, MOST_DELIVERIES)).fetchone() is not None


def settle(connection: sqlite3.Connection, owner: str, settlement: Settlement, now: int) -> bool:
    """Write how a job ended. Returns whether `owner` still had it."""
    done, failed = settlement.ending is Ending.DONE, settlement.ending is Ending.RETRY
    released = settlement.ending is Ending.RELEASE
    delayed = settlement.delay_ms > 0
    if done:
        state = schema.DONE
    elif settlement.ending is Ending.DEAD:
        state = schema.DEAD
    else:
        state = schema.DELAYED if delayed else schema.READY
    back = failed or released
    ended = connection.execute(
        "UPDATE jobs SET state = ?, owner = NULL, attempts = attempts + ?, "
        "deliveries = CASE WHEN ? THEN deliveries - 1 ELSE 0 END, ended_ms = ?, due_ms = ?, "
        "result = ?, error = CASE WHEN ? THEN NULL ELSE COALESCE(?, error) END "
        f"WHERE id = ? AND owner = ? AND token = ? AND state = {schema.RUNNING}",
        (
            state,
            0 if done or released else 1,
            released,
            None if back else now,
            now + settlement.delay_ms if back and delayed else None,
            settlement.result,
            done,
            settlement.error,
            settlement.id,
            owner,
            settlement.token,
        ),
    )
    if released and ended.rowcount:
        _suspect_again(connection, settlement.id)
    return ended.rowcount > 0


def count_runs(connection: sqlite3.Connection, endings: Iterable[Ending]) -> None:
    """Add what has ended to the totals."""
    done = failed = 0
    for ending in endings:
        done += ending is Ending.DONE
        failed += ending in (Ending.RETRY, Ending.DEAD)
    if done or failed:
        totals = "UPDATE totals SET done = done + ?, failed = failed + ?"
        connection.execute(totals, (done, failed))


def return_jobs(connection: sqlite3.Connection, owner: str, now: int, *, crashed: bool) -> int:
    """Let the jobs of an owner that is gone be ready again, or dead."""
    of_owner = f"owner = ? AND state = {schema.RUNNING}"
    if not crashed:
        # Before they are nobody's. One that was suspected stays so.
        ids = connection.execute(f"SELECT id FROM jobs WHERE {of_owner}", (owner,)).fetchall()
        connection.execute(
            f"UPDATE jobs SET state = {schema.READY}, owner = NULL, "
            f"deliveries = deliveries - 1 WHERE {of_owner}",
            (owner,),
        )
        for (id,) in ids:
            _suspect_again(connection, id)
        return len(ids)
    error = (
        b'{"message":"its worker ended %d times while it ran","type":"WORKER_LOST"}'
        % MOST_DELIVERIES
    )
    dead = connection.execute(
        f"UPDATE jobs SET state = {schema.DEAD}, owner = NULL, ended_ms = ?, error = ? "
        f"WHERE {of_owner} AND deliveries >= ?",
        (now, error, owner, MOST_DELIVERIES),
    )
    count_runs(connection, [Ending.DEAD] * dead.rowcount)
    return connection.execute(
        f"UPDATE jobs SET owner = NULL, state = CASE WHEN deliveries >= ? "
        f"THEN {schema.SUSPECT} ELSE {schema.READY} END WHERE {of_owner}",
        (MOST_DELIVERIES - 1, owner),
    ).rowcount


def _suspect_again(connection: sqlite3.Connection, id: str) -> None:
    """Let a job that came back stay suspected, if it was."""
    connection.execute(
        f"UPDATE jobs SET state = {schema.SUSPECT} "
        f"WHERE id = ? AND state = {schema.READY} AND deliveries >= ?",
        (id, MOST_DELIVERIES - 1),
    )
