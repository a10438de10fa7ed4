"""`WorkerRegistry`: the workers of a job store."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol


class WorkerRegistry(Protocol):
    """The workers of a job store, and what they report: that they live, and how far a job is.

    A *worker id* is the unique name of one run of one worker process.

    What `JobStore` says of its methods holds for these.
    """

    @abstractmethod
    def register_worker(self, worker_id: str) -> None:
        """Register a worker of this process."""

    @abstractmethod
    def record_heartbeat(self, worker_id: str) -> None:
        """Extend the lease of a worker. Called regularly by the process that monitors it."""

    @abstractmethod
    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        """Store the progress of a running job."""

    @abstractmethod
    def cancellations(self, worker_id: str) -> list[str]:
        """Return the ids of the running jobs of a worker whose cancellation was requested."""

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

        In a store with leases, the silence of the store is not the death of workers: if no worker
        has swept for half of a lease, or the clock was set back, all leases are extended once.

        Returns:
            How many jobs are ready again.
        """
