"""`TransactionalEnqueuer`: enqueues jobs that are committed, or rolled back, with a transaction."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from actionhero import ServiceUnavailable
from actionhero.transport import new_identifier
from actionhero_tasks.job import JobState, StoreUnavailable
from actionhero_tasks.job_message import job_in, message_of, record_in
from actionhero_tasks.reports import JobId
from actionhero_tasks.stores.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero import Outbox, OutboxMessage, Transactions
    from actionhero_tasks.job import JobRecord, NewJob

Result = TypeVar("Result")

#: The topic of jobs in the outbox of a database.
TOPIC: Final = "jobs"
#: The delay of a job that is cancelled right after it was added, so that no worker starts it.
_CANCELLATION_DELAY_MS: Final = 60_000


class UseStore(Protocol):
    """Calls a function with the job store in the store's thread: `Tasks.use`."""

    async def __call__(self, function: Callable[[JobStore], Result], /) -> Result:
        """Return the result of the function.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True)
class _KeyedJob:
    """A job with a deduplication key that the current transaction has written."""

    key: str
    id: str


@dataclass(frozen=True, slots=True)
class _Cancellation:
    """A job that the current transaction has cancelled."""

    id: str
    #: Its message, which is deleted; `None`: the store has the job.
    message: OutboxMessage | None


class TransactionalEnqueuer:
    """Enqueues jobs in the current transaction of a database.

    A store in the same database adds them over the connection of the transaction. Otherwise they
    are written to the outbox of the database, and added to the store after the commit.

    Args:
        transactions: The transactions of the database.
        use: Calls a function with the job store, which is opened on first use.
        add: Adds jobs to the store.
    """

    def __init__(
        self,
        transactions: Transactions,
        use: UseStore,
        add: Callable[[list[NewJob]], Awaitable[list[str]]],
    ) -> None:
        self._transactions = transactions
        self._use = use
        self._store: JobStore | None = None
        self._add = add
        self._lock = threading.Lock()

    @property
    def in_transaction(self) -> bool:
        """Whether the current task is in a transaction."""
        return self._transactions.is_open

    def start(self) -> None:
        """Send the jobs of the outbox to the store."""
        if self._transactions.outbox is not None:
            self._transactions.outbox.register(TOPIC, self._send)

    def stop(self) -> None:
        """Leave the jobs of the outbox to other processes."""
        if self._transactions.outbox is not None:
            self._transactions.outbox.unregister(TOPIC)

    async def enqueue(self, jobs: list[NewJob]) -> list[JobId]:
        """Enqueue jobs in the current transaction, and return their ids.

        Raises:
            ServiceUnavailable: The database has no outbox, and the store cannot be reached.
        """
        if all(job.key is None for job in jobs):
            return await self._enqueue(jobs)
        # Of concurrent tasks with one key, the second one finds the job of the first.
        async with self._key_lock():
            return await self._enqueue_keyed(jobs)

    async def _enqueue_keyed(self, jobs: list[NewJob]) -> list[JobId]:
        earlier = {
            job.key: id
            for job in jobs
            if job.key is not None and (id := await self._earlier_id(job.key)) is not None
        }
        new_jobs = [job for job in jobs if job.key not in earlier]
        new_ids = await self._enqueue(new_jobs) if new_jobs else []
        for job, id in zip(new_jobs, new_ids, strict=True):
            if job.key is not None:
                self._transactions.before_commit(self._forget_keys, _KeyedJob(job.key, id))
        ids = iter(new_ids)
        return [
            JobId(earlier[job.key], is_new=False) if job.key in earlier else next(ids)
            for job in jobs
        ]

    def _key_lock(self) -> asyncio.Lock:
        """Return the lock of the deduplication keys of the current transaction."""
        locks = self._transactions.items_before_commit(self._forget_locks)
        if locks:
            first: asyncio.Lock = locks[0]
            return first
        lock = asyncio.Lock()
        self._transactions.before_commit(self._forget_locks, lock)
        return lock

    async def _enqueue(self, jobs: list[NewJob]) -> list[JobId]:
        outbox = self._transactions.outbox
        ids = await self._in_transaction(
            lambda store, connection: store.add_in_transaction(connection, jobs),
            required=outbox is None,
        )
        if ids is not None:
            return ids_of(jobs, ids)
        if outbox is None:
            await self._transactions.after_commit(self._add, jobs)
            return [JobId(job.id) for job in jobs]
        return await self._write(outbox, jobs)

    def enqueue_before_commit(self, job: NewJob) -> str | None:
        """Enqueue the job of a message in the current transaction, right before its commit.

        Unlike `enqueue` it is synchronous, and can be called in a thread. A message may be enqueued
        any number of times: each is a job, the first with the id of the message.

        Returns:
            Its id, or that of the job of the transaction that has its key; `None` without a
            transaction.
        """
        # Of two threads with one key, the second one finds the job of the first.
        with self._lock:
            if job.key is not None:
                id = self._id_of_message(job.key) or self._id_of_job(job.key)
                if id is not None:
                    return id
            is_open = self._transactions.before_commit(self._enqueue_messages, job)
            return job.id if is_open else None

    async def _earlier_id(self, key: str) -> str | None:
        """Return the id of the job with a key, if a message of this transaction has it, too."""
        id = self._id_of_message(key)
        if id is None:
            return None
        # If another job has the key, the message will not be one.
        return await self._find_key(self._transactions.outbox, key) or id

    def _id_of_message(self, key: str) -> str | None:
        """Return the id of the message of the current transaction that has a deduplication key."""
        jobs = self._transactions.items_before_commit(self._enqueue_messages)
        return next((job.id for job in jobs if job.key == key), None)

    def _id_of_job(self, key: str) -> str | None:
        """Return the id of the written job of the current transaction that has a key."""
        jobs = self._transactions.items_before_commit(self._forget_keys)
        items = self._transactions.items_before_commit(self._forget_cancellations)
        cancelled = {item.id for item in items}
        return next((job.id for job in jobs if job.key == key and job.id not in cancelled), None)

    async def _forget_keys(self, jobs: list[_KeyedJob]) -> None:
        """Do nothing: from now on, the store or the outbox has the keys."""

    async def _forget_cancellations(self, cancellations: list[_Cancellation]) -> None:
        """Do nothing, as `_forget_keys`. The cancellations of a savepoint end with it."""

    async def _forget_locks(self, locks: list[asyncio.Lock]) -> None:
        """Do nothing: no task writes to the transaction any more."""

    async def _enqueue_messages(self, jobs: list[NewJob]) -> None:
        used = await self._used_ids([job.id for job in jobs])
        for index, job in enumerate(jobs):
            if job.id in used:
                jobs[index] = dataclasses.replace(job, id=new_identifier())
            used.add(job.id)
        await self.enqueue(jobs)

    async def _used_ids(self, ids: list[str]) -> set[str]:
        """Return the ids that jobs in the outbox or in the store have."""
        outbox, used = self._transactions.outbox, set[str]()
        if outbox is not None:
            used |= {id for id in ids if await outbox.find(TOPIC, id) is not None}
        with contextlib.suppress(ServiceUnavailable):
            used |= await self._use(lambda store: {id for id in ids if store.find(id) is not None})
        return used

    async def find(self, id: str) -> JobRecord | None:
        """Return a job that the current transaction enqueued, or that is still in the outbox."""
        record = await self._in_transaction(
            lambda store, connection: store.find_in_transaction(connection, id)
        )
        if record is not None:
            return record
        outbox = self._transactions.outbox
        message = None if outbox is None else await outbox.find(TOPIC, id)
        if message is not None:
            return record_in(message)
        for item in self._transactions.items_before_commit(self._forget_cancellations):
            if item.id == id and item.message is not None:
                record = record_in(item.message)
                return dataclasses.replace(record, state=JobState.CANCELLED, due_ms=None)
        return None

    async def cancel(self, id: str) -> bool:
        """Cancel a job that the current transaction enqueued, or that is still in the outbox.

        If the store is available, a job of the outbox is in it afterwards, as a cancelled one: in a
        transaction after its commit, and not if it is rolled back. So another process that has read
        the row, and sends it at this moment, adds no job.

        Returns:
            Whether it was there, and had not ended.
        """
        if await self._in_transaction(
            lambda store, connection: store.cancel_in_transaction(connection, id)
        ):
            self._note_cancellation(id, None)
            return True
        outbox = self._transactions.outbox
        message = None if outbox is None else await outbox.find(TOPIC, id)
        if outbox is None or message is None:
            return False
        if not self._transactions.is_open:
            await self._add_cancelled(message)
            return await outbox.remove(TOPIC, id)
        is_removed = await outbox.remove(TOPIC, id)
        if is_removed:
            self._note_cancellation(id, message)
            await self._transactions.after_commit(self._add_cancelled, message)
        return is_removed

    def _note_cancellation(self, id: str, message: OutboxMessage | None) -> None:
        cancellation = _Cancellation(id, message)
        self._transactions.before_commit(self._forget_cancellations, cancellation)

    async def _add_cancelled(self, message: OutboxMessage) -> None:
        """Add the job of a message to the store as a cancelled one, if the store is available."""

        def add(store: JobStore) -> None:
            if store.add([job]) != [job.id]:
                # The transaction has enqueued another job with its key meanwhile.
                store.add([dataclasses.replace(job, key=None)])
            store.cancel(job.id)

        with contextlib.suppress(ServiceUnavailable, ValueError):
            job = dataclasses.replace(job_in(message), delay_ms=_CANCELLATION_DELAY_MS)
            await self._use(add)

    async def _in_transaction(
        self,
        function: Callable[[JobStore, Any], Awaitable[Result]],
        *,
        required: bool = False,
    ) -> Result | None:
        """Call a function with the store, and with the connection of the current transaction.

        Args:
            function: The function.
            required: Whether a store that cannot be reached is an error.

        Returns:
            Its result; `None` without a transaction, or if the store is not in its database.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        if not self._transactions.is_open:
            return None
        try:
            store = self._store
            if store is None:
                store = self._store = await self._use(lambda store: store)
        except ServiceUnavailable:
            if required:
                raise
            return None
        if type(store).add_in_transaction is JobStore.add_in_transaction:
            return None
        async with self._transactions.driver_connection() as connection:
            try:
                return None if connection is None else await function(store, connection)
            except StoreUnavailable as error:
                raise ServiceUnavailable(
                    "The queue of jobs is not available", retry_after_seconds=1
                ) from error

    async def _write(self, outbox: Outbox, jobs: list[NewJob]) -> list[JobId]:
        """Write jobs to the outbox, except those whose key another job has."""
        ids: list[JobId] = []
        keys: dict[str, str] = {}
        messages: list[OutboxMessage] = []
        for job in jobs:
            earlier = None
            if job.key is not None:
                earlier = keys.get(job.key) or await self._find_key(outbox, job.key)
                keys[job.key] = earlier or job.id
            if earlier is None:
                messages.append(message_of(job))
            ids.append(JobId(earlier or job.id, is_new=earlier is None))
        if messages:
            await outbox.add(TOPIC, messages)
        return ids

    async def _find_key(self, outbox: Outbox | None, key: str) -> str | None:
        """Return the id of the job with a deduplication key, in the outbox or in the store."""
        message = None if outbox is None else await outbox.find_key(TOPIC, key)
        if message is not None:
            return message.id
        # A store that is not available finds the earlier job when the new one is added.
        with contextlib.suppress(ServiceUnavailable):
            return await self._use(lambda store: store.find_key(key))
        return None

    async def _send(self, messages: Sequence[OutboxMessage]) -> None:
        await self._add([job_in(message) for message in messages])


def ids_of(jobs: Sequence[NewJob], ids: Sequence[str]) -> list[JobId]:
    """Return the ids that a store returned for jobs; that of another job is not new."""
    return [JobId(id, is_new=id == job.id) for job, id in zip(jobs, ids, strict=True)]
