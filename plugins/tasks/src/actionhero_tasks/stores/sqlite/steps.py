"""The steps of `SqliteStore`'s transactions: functions that run a few statements each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_tasks.job import Claim, SettlementKind
from actionhero_tasks.stores.sqlite import schema
from actionhero_tasks.stores.sqlite.rows import few_queues_of, first_jobs
from actionhero_tasks.stores.store import LOST_ERROR, MAX_DELIVERIES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Sequence

    from actionhero_tasks.job import NewJob, Settlement
    from actionhero_tasks.stores.sqlite.limits import Capacities


def add(connection: sqlite3.Connection, job: NewJob, now: int) -> str:
    """Add a new job, and return its id, or that of an earlier job with its key."""
    if connection.execute("SELECT 1 FROM jobs WHERE id = ?", (job.id,)).fetchone() is not None:
        return job.id
    if job.key is not None:
        earlier = find_key(connection, job.key, now)
        if earlier is not None:
            return earlier
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


def find_key(connection: sqlite3.Connection, key: str, now: int) -> str | None:
    """Return the id of the job that has a deduplication key."""
    row = connection.execute(
        "SELECT id FROM keys WHERE key = ? AND until_ms > ?", (key, now)
    ).fetchone()
    return None if row is None else str(row[0])


def has_unfinished_job(connection: sqlite3.Connection, schedule: str) -> bool:
    """Return whether a job of a schedule has not ended."""
    query = (
        f"SELECT 1 FROM jobs WHERE schedule = ? AND state IN ({schema.READY}, "
        f"{schema.DELAYED}, {schema.RUNNING}, {schema.SUSPECT}, {schema.SENDING}, "
        f"{schema.SENT}) LIMIT 1"
    )
    return connection.execute(query, (schedule,)).fetchone() is not None


def claim(
    connection: sqlite3.Connection,
    worker_id: str,
    queues: Sequence[str] | None,
    limit: int,
    now: int,
    *,
    capacities: Capacities | None = None,
    states: Sequence[int] = (schema.SUSPECT, schema.READY),
    excluded: Collection[str] = (),
) -> list[Claim]:
    """Claim up to `limit` jobs, with one suspect unless the worker is running one.

    Args:
        connection: The connection.
        worker_id: The worker.
        queues: The queues to claim from; `None`: all.
        limit: How many jobs to claim at most.
        now: The time.
        capacities: How many jobs of each queue may start, if queues are limited.
        states: The states to claim from.
        excluded: Queues not to claim from, if there are few jobs in `states`.
    """
    rows: list[Any] = []
    for state in states:
        count = limit - len(rows)
        if state == schema.SUSPECT:
            if _runs_suspect(connection, worker_id):
                continue
            count = min(count, 1)
        parts = None if queues is None else [(queue, count) for queue in queues]
        if capacities is not None:
            parts = capacities.parts(state, count)
        elif excluded:
            names = few_queues_of(connection, state) if queues is None else queues
            parts = [(queue, count) for queue in names if queue not in excluded]
        if parts == [] or count <= 0:
            continue
        selection, parameters = first_jobs(connection, state, parts, count)
        statement = schema.claim(selection)
        claimed = connection.execute(statement, [worker_id, now, *parameters]).fetchall()
        if capacities is not None:
            capacities.record(_claims(claimed))
        rows += claimed
    return _claims(rows)


def claim_by_ids(
    connection: sqlite3.Connection, worker_id: str, ids: Sequence[str], now: int
) -> list[Claim]:
    """Claim jobs by id, as far as they are ready; those of paused queues become unsent."""
    connection.execute(schema.unsend_paused(len(ids)), list(ids))
    statement = schema.claim_by_ids(len(ids))
    return _claims(connection.execute(statement, [worker_id, now, *ids]).fetchall())


def _claims(rows: list[Any]) -> list[Claim]:
    # By priority and age: the order of RETURNING is undefined.
    rows.sort(key=lambda row: row[:2])
    return [Claim(*row[2:]) for row in rows]


def _runs_suspect(connection: sqlite3.Connection, worker_id: str) -> bool:
    query = (
        f"SELECT 1 FROM jobs WHERE state = {schema.RUNNING} AND worker_id = ? "
        "AND deliveries >= ? LIMIT 1"
    )
    return connection.execute(query, (worker_id, MAX_DELIVERIES)).fetchone() is not None


def settle(
    connection: sqlite3.Connection, worker_id: str, settlement: Settlement, now: int
) -> bool:
    """Settle a job, and return whether it was still claimed by the worker."""
    kind = settlement.kind
    done, released = kind is SettlementKind.DONE, kind is SettlementKind.RELEASE
    failed = kind in (SettlementKind.RETRY, SettlementKind.DEAD)
    runs_again = released or kind is SettlementKind.RETRY
    delayed = settlement.delay_ms > 0
    if done:
        state = schema.DONE
    elif kind is SettlementKind.DEAD:
        state = schema.DEAD
    elif kind is SettlementKind.CANCEL:
        state = schema.CANCELLED
    else:
        state = schema.DELAYED if delayed else schema.READY
    updated = connection.execute(
        "UPDATE jobs SET state = ?, worker_id = NULL, attempts = attempts + ?, "
        "deliveries = CASE WHEN ? THEN deliveries - 1 ELSE 0 END, ended_ms = ?, due_ms = ?, "
        "result = ?, error = CASE WHEN ? THEN NULL ELSE COALESCE(?, error) END "
        f"WHERE id = ? AND worker_id = ? AND token = ? AND state = {schema.RUNNING}",
        (
            state,
            1 if failed else 0,
            released,
            None if runs_again else now,
            now + settlement.delay_ms if runs_again and delayed else None,
            settlement.result,
            done,
            settlement.error,
            settlement.id,
            worker_id,
            settlement.token,
        ),
    )
    if updated.rowcount and runs_again:
        if released:
            _restore_suspect(connection, settlement.id)
        _cancel_if_requested(connection, settlement.id, now)
    return updated.rowcount > 0


def count_runs(connection: sqlite3.Connection, kinds: Iterable[SettlementKind]) -> None:
    """Add ended runs to the totals."""
    done = failed = 0
    for ending in kinds:
        done += ending is SettlementKind.DONE
        failed += ending in (SettlementKind.RETRY, SettlementKind.DEAD)
    if done or failed:
        totals = "UPDATE totals SET done = done + ?, failed = failed + ?"
        connection.execute(totals, (done, failed))


def return_jobs(connection: sqlite3.Connection, worker_id: str, now: int, *, crashed: bool) -> int:
    """Make the jobs of a removed worker ready again, or dead-letter them."""
    of_worker = f"worker_id = ? AND state = {schema.RUNNING}"
    if not crashed:
        ids = connection.execute(f"SELECT id FROM jobs WHERE {of_worker}", (worker_id,)).fetchall()
        connection.execute(
            f"UPDATE jobs SET state = {schema.READY}, worker_id = NULL, "
            f"deliveries = deliveries - 1 WHERE {of_worker}",
            (worker_id,),
        )
        cancelled = 0
        for (id,) in ids:
            _restore_suspect(connection, id)
            cancelled += _cancel_if_requested(connection, id, now)
        return len(ids) - cancelled
    dead = connection.execute(
        f"UPDATE jobs SET state = {schema.DEAD}, worker_id = NULL, ended_ms = ?, error = ? "
        f"WHERE {of_worker} AND deliveries >= ?",
        (now, LOST_ERROR.encode(), worker_id, MAX_DELIVERIES),
    )
    count_runs(connection, [SettlementKind.DEAD] * dead.rowcount)
    connection.execute(
        f"UPDATE jobs SET state = {schema.CANCELLED}, worker_id = NULL, ended_ms = ? "
        f"WHERE {of_worker} AND cancel_requested",
        (now, worker_id),
    )
    return connection.execute(
        f"UPDATE jobs SET worker_id = NULL, state = CASE WHEN deliveries >= ? "
        f"THEN {schema.SUSPECT} ELSE {schema.READY} END WHERE {of_worker}",
        (MAX_DELIVERIES - 1, worker_id),
    ).rowcount


def _restore_suspect(connection: sqlite3.Connection, id: str) -> None:
    """Make a job that is ready again a suspect, if it was one."""
    connection.execute(
        f"UPDATE jobs SET state = {schema.SUSPECT} "
        f"WHERE id = ? AND state = {schema.READY} AND deliveries >= ?",
        (id, MAX_DELIVERIES - 1),
    )


def _cancel_if_requested(connection: sqlite3.Connection, id: str, now: int) -> int:
    """Cancel a job that would run again, if that was requested; return how many there were."""
    return connection.execute(
        f"UPDATE jobs SET state = {schema.CANCELLED}, ended_ms = ?, due_ms = NULL "
        "WHERE id = ? AND cancel_requested",
        (now, id),
    ).rowcount
