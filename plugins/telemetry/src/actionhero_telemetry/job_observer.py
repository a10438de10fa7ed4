"""`JobMetrics`: measures jobs and schedules."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from actionhero_telemetry.builtin_metrics import (
    job_duration,
    job_wait,
    jobs_enqueued,
    schedule_delay,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class JobMetrics:
    """An observer of jobs; see `JobObserver` of `actionhero-tasks`."""

    def enqueuing(self, action: str) -> None:
        """Do nothing: jobs are counted when they are stored."""

    def enqueued(self, jobs: Sequence[Any], ids: Sequence[Any], mark: Any) -> None:
        """Count the jobs, except for those that an earlier job with the same key replaces."""
        for job, id in zip(jobs, ids, strict=True):
            if getattr(id, "is_new", True):
                jobs_enqueued.add(1, action=job.action, queue=job.queue)

    def not_enqueued(self, error: BaseException | None, mark: Any) -> None:
        """Do nothing."""

    def ticking(self, action: str, time_ms: int) -> tuple[str, int]:
        """Return the time of the schedule."""
        return action, time_ms

    def ticked(self, is_new: bool, mark: Any) -> None:
        """Record how late the job was enqueued, if this process did it."""
        action, time_ms = mark
        if is_new:
            schedule_delay.record(max(time.time() - time_ms / 1000, 0.0), action=action)

    def began(self, claim: Any, carrier: Mapping[str, str]) -> float:
        """Record how long a job has waited for its first run."""
        if claim.attempts == 0 and claim.deliveries == 1:
            created = _created_at(claim.id)
            if created is not None:
                job_wait.record(max(time.time() - created, 0.0), queue=claim.queue)
        return time.perf_counter()

    def ended(self, claim: Any, settlement: Any, mark: Any) -> None:
        """Record the duration of a run."""
        outcome = "release" if settlement is None else str(settlement.kind)
        job_duration.record(
            time.perf_counter() - mark, action=claim.action, queue=claim.queue, outcome=outcome
        )


def _created_at(id: str) -> float | None:
    """Return the time in an identifier, a UUIDv7, in seconds since the epoch."""
    digits = id.replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        return None
    try:
        return int(digits[:12], 16) / 1000
    except ValueError:
        return None
