"""`SqliteOutbox`: the outbox of the embedded store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.stores.outbox import Outbox, ReadyJob
from actionhero_tasks.stores.sqlite import schema, steps
from actionhero_tasks.stores.sqlite.rows import (
    first_jobs,
    paused_queues_of,
    ready_queues_of,
    sent_counts_of,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from actionhero_tasks.job import Claim


class SqliteOutbox(Outbox):
    """The delivery state of the jobs in a SQLite file.

    Args:
        writing: Opens a transaction.
        reading: Opens a connection for reading.
        now_ms: Returns the time.
    """

    def __init__(
        self,
        writing: Callable[[], AbstractContextManager[sqlite3.Connection]],
        reading: Callable[[], AbstractContextManager[sqlite3.Connection]],
        now_ms: Callable[[], int],
    ) -> None:
        self._writing = writing
        self._reading = reading
        self._now_ms = now_ms

    def begin_sending(self, limit: int) -> list[ReadyJob]:
        # Reading does not block writers, and usually there are no such jobs.
        with self._reading() as connection:
            query = f"SELECT EXISTS(SELECT 1 FROM jobs WHERE state = {schema.READY})"
            if not connection.execute(query).fetchone()[0]:
                return []
        with self._writing() as connection:
            parts: list[tuple[str, int]] | None = None
            excluded = self.excluded_queues.union(paused_queues_of(connection))
            if excluded:
                names = ready_queues_of(connection) - excluded
                if not names:
                    return []
                parts = [(name, limit) for name in sorted(names)]
            selection, parameters = first_jobs(connection, schema.READY, parts, limit)
            rows = connection.execute(
                f"UPDATE jobs SET state = {schema.SENDING}, sent_ms = ? "
                f"WHERE seq IN ({selection}) "
                "RETURNING priority, seq, id, queue, action",
                (self._now_ms(), *parameters),
            ).fetchall()
        rows.sort(key=lambda row: row[:2])
        return [ReadyJob(id, queue, action, priority) for priority, _, id, queue, action in rows]

    def mark_sent(self, ids: Sequence[str]) -> None:
        self._move(schema.SENDING, schema.SENT, ids)

    def mark_unsent(self, ids: Sequence[str]) -> None:
        self._move(schema.SENDING, schema.READY, ids)

    def reset_sent(self, queue: str, before_ms: int, limit: int) -> int:
        with self._writing() as connection:
            return connection.execute(
                f"UPDATE jobs SET state = {schema.READY} WHERE seq IN ("
                f"SELECT seq FROM jobs WHERE state = {schema.SENT} AND queue = ? AND sent_ms < ? "
                "ORDER BY sent_ms LIMIT ?)",
                (queue, before_ms, limit),
            ).rowcount

    def reset_stale(self, before_ms: int) -> int:
        overdue = f"state = {schema.SENDING} AND sent_ms < ?"
        with self._reading() as connection:
            query = f"SELECT EXISTS(SELECT 1 FROM jobs WHERE {overdue})"
            if not connection.execute(query, (before_ms,)).fetchone()[0]:
                return 0
        with self._writing() as connection:
            statement = f"UPDATE jobs SET state = {schema.READY} WHERE {overdue}"
            return connection.execute(statement, (before_ms,)).rowcount

    def sent_counts(self) -> dict[str, int]:
        with self._reading() as connection:
            return sent_counts_of(connection)

    def claim(
        self, worker_id: str, queues: Sequence[str] | None, ids: Sequence[str]
    ) -> list[Claim]:
        if not ids:
            with self._reading() as connection:
                query = f"SELECT EXISTS(SELECT 1 FROM jobs WHERE state = {schema.SUSPECT})"
                if not connection.execute(query).fetchone()[0]:
                    return []
        with self._writing() as connection:
            now = self._now_ms()
            if ids:
                return steps.claim_by_ids(connection, worker_id, ids, now)
            return steps.claim(
                connection,
                worker_id,
                queues,
                1,
                now,
                states=(schema.SUSPECT,),
                excluded=self.excluded_queues.union(paused_queues_of(connection)),
            )

    def _move(self, old: int, new: int, ids: Sequence[str]) -> None:
        with self._writing() as connection:
            connection.executemany(
                f"UPDATE jobs SET state = {new}, sent_ms = ? WHERE id = ? AND state = {old}",
                [(self._now_ms(), id) for id in ids],
            )
