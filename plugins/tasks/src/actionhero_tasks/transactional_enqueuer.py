"""`TransactionalEnqueuer`: enqueues jobs that are committed, or rolled back, with a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.reports import JobId
from actionhero_tasks.stores.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero import Transactions
    from actionhero_tasks.job import NewJob


class TransactionalEnqueuer:
    """Enqueues jobs in the current transaction of a database.

    A store in the same database adds them over the connection of the transaction.

    Args:
        transactions: The transactions of the database.
        store: Returns the job store, opened on first use.
        add: Adds jobs to the store.
    """

    def __init__(
        self,
        transactions: Transactions,
        store: Callable[[], Awaitable[JobStore]],
        add: Callable[[list[NewJob]], Awaitable[list[str]]],
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._add = add

    @property
    def in_transaction(self) -> bool:
        """Whether the current task is in a transaction."""
        return self._transactions.is_open

    async def enqueue(self, jobs: list[NewJob]) -> list[JobId]:
        """Enqueue jobs in the current transaction, and return their ids.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        ids = await self._add_in_transaction(jobs)
        if ids is not None:
            return ids_of(jobs, ids)
        await self._transactions.after_commit(self._add, jobs)
        return [JobId(job.id) for job in jobs]

    async def _add_in_transaction(self, jobs: list[NewJob]) -> list[str] | None:
        """Add jobs to a store in the database of the transaction; `None`: it is not there."""
        store = await self._store()
        if type(store).add_in_transaction is JobStore.add_in_transaction:
            return None
        async with self._transactions.driver_connection() as connection:
            return None if connection is None else await store.add_in_transaction(connection, jobs)


def ids_of(jobs: Sequence[NewJob], ids: Sequence[str]) -> list[JobId]:
    """Return the ids that a store returned for jobs; that of another job is not new."""
    return [JobId(id, is_new=id == job.id) for job, id in zip(jobs, ids, strict=True)]
