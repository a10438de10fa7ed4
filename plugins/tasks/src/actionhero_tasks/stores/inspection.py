"""`JobInspection`: the jobs of a store, as operators see and change them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from actionhero_tasks.job import JobRecord, JobState, QueueCounts, Totals


class JobInspection(Protocol):
    """The jobs of a store, as operators see and change them.

    What `JobStore` says of its methods holds for these.
    """

    @abstractmethod
    def now_ms(self) -> int:
        """Return the time of the store's clock."""

    @abstractmethod
    def find(self, id: str) -> JobRecord | None:
        """Return a job."""

    @abstractmethod
    def jobs(
        self,
        state: JobState,
        queue: str | None = None,
        *,
        before: int | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        """Return jobs by state, the newest first.

        Args:
            state: The state.
            queue: The queue; `None`: all.
            before: The `seq` of the last job of the previous page.
            limit: How many jobs to return at most.
        """

    @abstractmethod
    def counts(self) -> list[QueueCounts]:
        """Return the number of jobs by queue."""

    @abstractmethod
    def totals(self) -> Totals:
        """Return the number of runs that have ended."""

    @abstractmethod
    def worker_ids(self) -> list[str]:
        """Return the ids of the live workers."""

    @abstractmethod
    def worker_loads(self) -> dict[str, int]:
        """Return the number of running jobs of each live worker."""

    # -- operations ----------------------------------------------------------------------------

    @abstractmethod
    def cancel(self, id: str) -> bool:
        """Cancel a job, and return whether it has not ended.

        A job that has not started is cancelled. For a running one the cancellation is requested:
        see `WorkerRegistry.cancellations`. If it does not run to its end, nor fails permanently, it
        is cancelled instead of running again.
        """

    @abstractmethod
    def retry(self, id: str, body: bytes | None = None) -> bool:
        """Make a dead-lettered job ready, with its counters reset; return whether it was one.

        Args:
            id: The job.
            body: The encoded `Envelope` that replaces that of the job; `None`: it remains.
        """

    @abstractmethod
    def discard(self, id: str) -> bool:
        """Delete a dead-lettered job; return whether it was one."""

    @abstractmethod
    def pause_queue(self, queue: str) -> bool:
        """Pause a queue, and return whether it was not paused.

        Until it is resumed, no worker claims its jobs, and none is sent to a message broker.
        Running jobs go on.
        """

    @abstractmethod
    def resume_queue(self, queue: str) -> bool:
        """Resume a queue, and return whether it was paused."""

    @abstractmethod
    def paused_queues(self) -> list[str]:
        """Return the paused queues, sorted."""
