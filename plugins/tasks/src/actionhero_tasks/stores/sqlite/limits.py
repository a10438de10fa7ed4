"""The limits of queues in the embedded store: how many jobs of each may start now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.stores.sqlite import schema
from actionhero_tasks.stores.sqlite.rows import few_queues_of, ready_queues_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from actionhero_tasks.job import Claim
    from actionhero_tasks.queue_limits import QueueLimit


class Capacities:
    """How many jobs of each queue a claim may start, read in the transaction of the claim.

    Args:
        connection: The connection.
        limits: The limits, by queue.
        queues: The queues to claim from; `None`: all.
        now: The time.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        limits: Mapping[str, QueueLimit],
        queues: Sequence[str] | None,
        now: int,
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._queues = queues
        self._now = now
        #: When the next job may start of a queue whose rate does not allow another one now.
        self.next_start_ms: int | None = None
        running = dict(
            connection.execute(
                "SELECT queue, COUNT(*) FROM jobs INDEXED BY running "
                f"WHERE state = {schema.RUNNING} GROUP BY queue"
            )
        )
        self._free = {
            queue: self._free_of(queue, limit, running.get(queue, 0))
            for queue, limit in limits.items()
            if queues is None or queue in queues
        }

    def parts(self, state: int, limit: int) -> list[tuple[str, int]]:
        """Return the queues that may have jobs of a state, and how many of each may start."""
        queues: Iterable[str]
        if self._queues is not None:
            queues = self._queues
        elif state == schema.READY:
            queues = sorted(ready_queues_of(self._connection))
        else:
            queues = few_queues_of(self._connection, state)
        parts = ((queue, min(limit, self._free.get(queue, limit))) for queue in queues)
        return [(queue, count) for queue, count in parts if count > 0]

    def record(self, claims: Iterable[Claim]) -> None:
        """Record the starts of claimed jobs."""
        for claim in claims:
            if claim.queue not in self._free:
                continue
            self._free[claim.queue] -= 1
            if self._limits[claim.queue].rate is not None:
                self._connection.execute(
                    "INSERT INTO starts VALUES (?, ?, ?, ?)",
                    (claim.queue, self._now, claim.id, claim.token),
                )

    def _free_of(self, queue: str, limit: QueueLimit, running: int) -> int:
        free = [] if limit.concurrency is None else [limit.concurrency - running]
        if limit.rate is not None:
            begin_ms = self._now - limit.period_ms
            self._connection.execute(
                "DELETE FROM starts WHERE queue = ? AND started_ms <= ?", (queue, begin_ms)
            )
            count, first_ms = self._connection.execute(
                "SELECT COUNT(*), MIN(started_ms) FROM starts WHERE queue = ?", (queue,)
            ).fetchone()
            free.append(limit.rate - count)
            if count >= limit.rate and (limit.concurrency is None or free[0] > 0):
                self._note_next_start(queue, first_ms + limit.period_ms)
        return min(free)

    def _note_next_start(self, queue: str, time_ms: int) -> None:
        query = "SELECT 1 FROM counters WHERE queue = ? AND state = ? AND jobs > 0"
        if self._connection.execute(query, (queue, schema.READY)).fetchone() is not None:
            self.next_start_ms = min(time_ms, self.next_start_ms or time_ms)
