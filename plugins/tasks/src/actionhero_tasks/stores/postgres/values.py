"""The conversion of jobs to and from the values of the PostgreSQL store."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import Claim, JobRecord
from actionhero_tasks.stores.postgres.schema import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actionhero_tasks.job import NewJob, Settlement
    from actionhero_tasks.queue_limits import QueueLimit

_FIELDS: Final = [field.name for field in dataclasses.fields(JobRecord)]
#: Adds jobs; its parameters are `values_of`.
ADD: Final = "SELECT tasks.add($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


def values_of(jobs: Sequence[NewJob]) -> tuple[Any, ...]:
    """Return the ten parameters of `ADD`: a list for each column, or `None` if it has no values."""
    has_keys = any(job.key is not None for job in jobs)
    return (
        [job.id for job in jobs],
        [job.queue for job in jobs],
        [job.action for job in jobs],
        [job.body for job in jobs],
        [job.priority for job in jobs],
        [job.delay_ms for job in jobs],
        [job.key for job in jobs] if has_keys else None,
        [job.deduplication_window_ms for job in jobs] if has_keys else None,
        _column(job.schedule for job in jobs),
        _column(job.batch for job in jobs),
    )


def settlement_values(settlements: Sequence[Settlement]) -> tuple[Any, ...]:
    """Return a list for each field of settlements; `None` if there are none."""
    if not settlements:
        return (None,) * 6
    return (
        [settlement.id for settlement in settlements],
        [settlement.token for settlement in settlements],
        [str(settlement.kind) for settlement in settlements],
        [settlement.result for settlement in settlements],
        [settlement.error for settlement in settlements],
        [settlement.delay_ms for settlement in settlements],
    )


def limit_values(limits: Mapping[str, QueueLimit]) -> tuple[Any, ...]:
    """Return a list for the names of queues with limits, and for each limit; `None` without any."""
    if not limits:
        return (None,) * 4
    # In one order, in which the queues are locked.
    items = sorted(limits.items())
    return (
        [queue for queue, _ in items],
        [limit.concurrency for _, limit in items],
        [limit.rate for _, limit in items],
        [limit.period_ms for _, limit in items],
    )


def claim_of(row: Any) -> Claim:
    """Convert a row of a claim."""
    return Claim(*row)


def record_of(row: Any) -> JobRecord:
    """Convert a row of the table of jobs to a record."""
    values = {name: row[name] for name in _FIELDS}
    values["state"] = STATES[values["state"]]
    return JobRecord(**values)


def _column(values: Iterable[str | None]) -> list[str | None] | None:
    column = list(values)
    return None if all(value is None for value in column) else column
