"""`JobQueue`: the jobs of a store, as they are added, claimed and settled."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from actionhero_tasks.stores.job_source import JobSource

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from actionhero_tasks.job import JobRecord, NewJob


class JobQueue(JobSource, Protocol):
    """The jobs of a store, as they are added, claimed and settled.

    What `JobStore` says of its methods holds for these.
    """

    #: The events of the threads of this process that send ready jobs to a message broker.
    sender_events: set[threading.Event]

    @abstractmethod
    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        """Add new jobs, all or none, and return their ids.

        A job whose key was added within its deduplication window is not added, and the id of the
        earlier job is returned. Adding an id twice adds one job.
        """

    async def add_pipelined(self, job: NewJob) -> str | None:
        """Add one job as `add` does, but without blocking: called on an event loop.

        Returns:
            Its id; `None` if the store does not support it, or this job must be added alone.

        Raises:
            StoreUnavailable: The store did not answer within its timeout. The job may or may not
                have been added.
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

    async def find_in_transaction(self, connection: Any, id: str) -> JobRecord | None:
        """Return a job that `add_in_transaction` added, as the open transaction sees it.

        Args:
            connection: See `add_in_transaction`.
            id: The id of the job.

        Returns:
            The job; `None` if it does not exist, or the connection is not one to the database of
            this store.
        """
        return None

    async def cancel_in_transaction(self, connection: Any, id: str) -> bool:
        """Cancel a job that `add_in_transaction` added, in the open transaction.

        The cancellation is committed, or rolled back, with the transaction.

        Args:
            connection: See `add_in_transaction`.
            id: The id of the job.

        Returns:
            Whether the job had not ended; false if it does not exist, too.
        """
        return False

    def find_key(self, key: str) -> str | None:
        """Return the id of the job because of which `add` does not add another one with a key.

        It is used for jobs that are added later.
        """
        return None

    def notify(self) -> None:
        """Set all events: jobs may be ready, here or in another process."""
        for event in tuple(self.wake_events):
            event.set()
        self.notify_sender()

    def notify_sender(self) -> None:
        """Set the events of senders. Called after each write of this process that adds ready jobs.

        Not needed if the store calls `notify` then.
        """
        for event in tuple(self.sender_events):
            event.set()
