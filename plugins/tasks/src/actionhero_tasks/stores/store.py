"""`JobStore`: the interface of every job store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from actionhero_tasks.job import (
        BatchRecord,
        Claim,
        JobRecord,
        JobState,
        NewJob,
        QueueCounts,
        Settlement,
        Totals,
    )
    from actionhero_tasks.stores.outbox import Outbox

#: The number of worker crashes after which a job is dead-lettered.
MAX_DELIVERIES = 3


class JobStore(ABC):
    """Stores jobs, the workers that run them, schedules and fan-outs.

    Every method that is not asynchronous blocks, may be called from any thread, and is atomic: if
    the process ends during a call, either everything was written or nothing. Times are those of the
    store's clock.

    A *worker id* is the unique name of one run of one worker process.

    Raises:
        StoreUnavailable: From any method, if the store cannot be reached.
    """

    #: Its name in messages.
    kind: ClassVar[str]

    def __init__(self) -> None:
        #: The wake-up events of the workers of this process, set when there may be ready jobs.
        self.wake_events: set[threading.Event] = set()

    def notify(self) -> None:
        """Set all wake-up events."""
        for event in tuple(self.wake_events):
            event.set()

    # -- adding jobs ---------------------------------------------------------------------------

    @abstractmethod
    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        """Add new jobs, all or none, and return their ids.

        A job whose key was added within its deduplication window is not added, and the id of the
        earlier job is returned. Adding an id twice adds one job.
        """

    async def add_pipelined(self, job: NewJob) -> str | None:
        """Add one job as `add` does, but without blocking: called on an event loop.

        Returns:
            Its id; `None` if the store does not support it or there was an error: the job may or
            may not have been added, and `add` then adds it once.
        """
        return None

    async def add_in_transaction(self, connection: Any, jobs: Sequence[NewJob]) -> list[str] | None:
        """Add new jobs as `add` does, over the connection of an open transaction of the data.

        They are committed, or rolled back, with the data, so they need no outbox. Workers must not
        wait for them longer than for other jobs.

        Args:
            connection: The connection of the driver: see `Transactions.driver_connection`. No other
                statement of the transaction runs meanwhile.
            jobs: The jobs.

        Returns:
            Their ids, as from `add`; `None` if the connection is not one to the database of this
            store. The transaction must still be usable then.
        """
        return None

    # -- schedules -----------------------------------------------------------------------------

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

    # -- running jobs --------------------------------------------------------------------------

    @abstractmethod
    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        """Settle jobs that have ended, and claim ready jobs, in one step.

        A claim counts a delivery, and reserves the job until `worker_id` settles it or is removed.
        Jobs that were running during two crashes are suspects: a worker runs one of them at a
        time, so that only the job that causes the crashes is dead-lettered.

        Args:
            worker_id: The worker.
            queues: The queues to claim from; `None`: all.
            limit: How many jobs to claim at most.
            settlements: The results of jobs that have ended.

        Returns:
            The claims in the order of priority, and the ids of rejected settlements: those jobs
            were reassigned.
        """

    @abstractmethod
    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        """Store the progress of a running job."""

    @abstractmethod
    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        """Block until there may be ready jobs, `wake_event` is set, or the timeout has passed.

        Args:
            worker_id: A worker whose last claim found no job.
            wake_event: One of `wake_events`.
            timeout_ms: The longest time to wait.
        """

    # -- workers -------------------------------------------------------------------------------

    @abstractmethod
    def register_worker(self, worker_id: str) -> None:
        """Register a worker of this process."""

    @abstractmethod
    def record_heartbeat(self, worker_id: str) -> None:
        """Extend the lease of a worker. Called regularly by the process that monitors it."""

    @abstractmethod
    def remove_worker(self, worker_id: str, *, crashed: bool) -> int:
        """Remove a worker, make its jobs ready again, and return how many there were.

        Args:
            worker_id: The worker.
            crashed: Whether it ended unexpectedly. A job with `MAX_DELIVERIES` crashes is
                dead-lettered. After a regular end the delivery is not counted.
        """

    @abstractmethod
    def sweep(self) -> int:
        """Remove crashed workers, and delete expired results.

        Returns:
            How many jobs are ready again.
        """

    # -- inspection ----------------------------------------------------------------------------

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
        """Cancel a job that has not started, and return whether it was cancelled."""

    @abstractmethod
    def retry(self, id: str) -> bool:
        """Make a dead-lettered job ready, with its counters reset; return whether it was one."""

    @abstractmethod
    def discard(self, id: str) -> bool:
        """Delete a dead-lettered job; return whether it was one."""

    # -- delivery through a broker -------------------------------------------------------------

    def outbox(self) -> Outbox | None:
        """Return the outbox for a message broker, or `None` if the store does not support one."""
        return None

    # -- lifecycle -----------------------------------------------------------------------------

    @abstractmethod
    def ping(self) -> None:
        """Raise if the store cannot be used now."""

    def ping_nowait(self) -> bool:
        """Check the store without waiting, in any thread.

        Returns:
            Whether it was checked; otherwise only `ping` can check it now.

        Raises:
            StoreUnavailable: The store cannot be used now.
        """
        return False

    @abstractmethod
    def close(self) -> None:
        """Close connections. Jobs remain."""
