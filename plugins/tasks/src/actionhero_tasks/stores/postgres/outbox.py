"""`PostgresOutbox`: the outbox of the PostgreSQL store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.stores.outbox import Outbox, ReadyJob
from actionhero_tasks.stores.postgres.values import claim_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.postgres.worker_steps import WorkerSteps

CLAIM: Final = "SELECT * FROM tasks.claim_delivered($1, $2, $3, $4, $5, $6)"
RESET_STALE: Final = (
    "WITH reset AS (UPDATE tasks.jobs SET state = :READY "
    "WHERE state = :SENDING AND sent_ms < $1 RETURNING 1) SELECT count(*) FROM reset"
)
SENT_COUNTS: Final = "SELECT queue, count(*) FROM tasks.jobs WHERE state = :SENT GROUP BY queue"


class PostgresOutbox(Outbox):
    """The delivery state of the jobs in PostgreSQL.

    Args:
        rows: Runs a statement, and returns its rows.
        value: Runs a statement, and returns its value.
        steps: The steps of the workers of the store.
        lease_ms: How long the lease of a worker is valid after a heartbeat.
    """

    def __init__(
        self,
        rows: Callable[..., list[Any]],
        value: Callable[..., Any],
        steps: WorkerSteps,
        lease_ms: int,
    ) -> None:
        self._rows = rows
        self._value = value
        self._steps = steps
        self._lease_ms = lease_ms

    def begin_sending(self, limit: int) -> list[ReadyJob]:
        rows = self._rows(
            "SELECT * FROM tasks.begin_sending($1, $2)", limit, list(self.excluded_queues)
        )
        return [ReadyJob(*row) for row in rows]

    def mark_sent(self, ids: Sequence[str]) -> None:
        self._value("SELECT tasks.end_sending($1, :SENT)", list(ids))

    def mark_unsent(self, ids: Sequence[str]) -> None:
        self._value("SELECT tasks.end_sending($1, :READY)", list(ids))

    def reset_sent(self, queue: str, before_ms: int, limit: int) -> int:
        return int(self._value("SELECT tasks.reset_sent($1, $2, $3)", queue, before_ms, limit))

    def reset_stale(self, before_ms: int) -> int:
        return int(self._value(RESET_STALE, before_ms))

    def sent_counts(self) -> dict[str, int]:
        return {row[0]: row[1] for row in self._rows(SENT_COUNTS)}

    def claim(
        self, worker_id: str, queues: Sequence[str] | None, ids: Sequence[str]
    ) -> list[Claim]:
        step = self._steps.current(worker_id)
        names = None if queues is None else list(queues)
        excluded = list(self.excluded_queues)
        rows = self._rows(CLAIM, worker_id, self._lease_ms, step, names, excluded, list(ids))
        self._steps.end(worker_id)
        return [claim_of(row) for row in rows]
