"""`SchedulesAndBatches`: the schedules and the fan-outs of a job store."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from actionhero_tasks.job import BatchRecord, JobRecord, JobState, NewJob


class SchedulesAndBatches(Protocol):
    """The schedules and the fan-outs of a job store.

    What `JobStore` says of its methods holds for these.
    """

    @abstractmethod
    def enqueue_scheduled(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        """Claim one time of a schedule, and add its job unless the time was already claimed.

        Args:
            name: The schedule.
            fire_ms: The time. Times before the last that was claimed count as claimed.
            job: The job to add.
            overlap: Whether to add the job although an earlier one of the schedule has not ended.
                If not, the time is claimed and no job is added.

        Returns:
            Whether the job was added.
        """

    @abstractmethod
    def last_fire_time(self, name: str, initial_ms: int) -> int:
        """Return the last claimed time of a schedule; `initial_ms` is stored for a new schedule."""

    @abstractmethod
    def fire_times(self) -> dict[str, int]:
        """Return the last claimed time of each schedule."""

    @abstractmethod
    def reset_fire_time(self, name: str, last_ms: int, fire_ms: int) -> bool:
        """Replace the last claimed time of a schedule, which a wrong clock has stored.

        Args:
            name: The schedule.
            last_ms: The last claimed time.
            fire_ms: The time from which on the schedule continues.

        Returns:
            Whether it was replaced; not if the last claimed time is another one by now.
        """

    # -- fan-outs ------------------------------------------------------------------------------

    @abstractmethod
    def open_batch(self, id: str, then: NewJob | None) -> None:
        """Create a fan-out. Its jobs are those that are added with its id.

        Args:
            id: A new id.
            then: A job that is added once, when the fan-out is closed and all its jobs have ended.
        """

    @abstractmethod
    def close_batch(self, id: str) -> None:
        """Close a fan-out: all its jobs were added."""

    @abstractmethod
    def batch(self, id: str) -> BatchRecord | None:
        """Return a fan-out."""

    @abstractmethod
    def batch_jobs(
        self, id: str, state: JobState | None = None, *, after: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        """Return jobs of a fan-out, in the order in which they were added.

        Args:
            id: The fan-out.
            state: The state; `None`: all.
            after: The `seq` of the last job of the previous page.
            limit: How many jobs to return at most; fewer only if there are no more.
        """
