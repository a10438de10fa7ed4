"""`Enqueuing`: adds jobs to the store or to a transaction, with middleware and observers."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from actionhero import ServiceUnavailable, Transactions
from actionhero.transport import Backoff
from actionhero_tasks.reports import JobId
from actionhero_tasks.store_client import typed_errors
from actionhero_tasks.transactional_enqueuer import TransactionalEnqueuer, ids_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Action, Application
    from actionhero_tasks.enqueue_middleware import EnqueueChain
    from actionhero_tasks.job import NewJob
    from actionhero_tasks.job_factory import JobFactory
    from actionhero_tasks.job_observer import Enqueued
    from actionhero_tasks.store_client import StoreClient

    Create = Callable[[], list[NewJob]]

logger = logging.getLogger("actionhero.tasks")

#: How long the end of a fan-out is tried, and the first and the longest delay between attempts.
CLOSE_SECONDS: Final = 10.0
CLOSE_BACKOFF_SECONDS: Final = (0.1, 1.0)


class Enqueuing:
    """Adds the jobs of an application.

    Args:
        app: The application.
        jobs: Creates the jobs.
        client: The store.
        chain: The middleware around enqueueing.
    """

    def __init__(
        self, app: Application, jobs: JobFactory, client: StoreClient, chain: EnqueueChain
    ) -> None:
        self._app = app
        self._jobs = jobs
        self._client = client
        self._chain = chain
        self._transactional: TransactionalEnqueuer | None = None

    @property
    def transactional(self) -> TransactionalEnqueuer | None:
        """The enqueuer for transactions; `None` without a database."""
        if self._transactional is None and self._app.has(Transactions):
            transactions = self._app.get(Transactions)
            self._transactional = TransactionalEnqueuer(transactions, self._client.use, self.add)
        return self._transactional

    async def enqueue(self, action: type[Action] | str, create: Create) -> list[JobId]:
        """Create jobs, and add them to the current transaction, or to the store.

        Args:
            action: Their action, for observers.
            create: Creates the jobs.
        """
        return await self._observe(action, create, self._store)

    async def enqueue_batch(self, action: type[Action] | str, create: Create) -> list[JobId]:
        """Create jobs, and add them to the store, regardless of a transaction."""
        return await self._observe(action, create, self._store_now)

    async def close_batch(self, id: str) -> None:
        """Close a fan-out, which is tried for a while, because nothing else closes it.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        backoff = Backoff(*CLOSE_BACKOFF_SECONDS)
        deadline = time.monotonic() + CLOSE_SECONDS
        while True:
            try:
                return await self._client.use(lambda store: store.close_batch(id))
            except ServiceUnavailable:
                if time.monotonic() >= deadline:
                    logger.error("the fan-out %s could not be closed, and does not end", id)
                    raise
                await asyncio.sleep(backoff.next_seconds())

    async def enqueue_scheduled(self, action: str, fire_ms: int, *, overlap: bool) -> bool:
        """Add the job for a time of a schedule, and return whether it is new."""
        # The key shows operators the time of the job; the store deduplicates by name and time.
        time = datetime.fromtimestamp(fire_ms / 1000, UTC).isoformat()

        def create() -> list[NewJob]:
            job = self._jobs.create(action, None, None, None, None, None, None)
            key = f"{action}@{time}"
            return [dataclasses.replace(job, schedule=action, key=key, deduplication_window_ms=0)]

        async def store(jobs: list[NewJob]) -> Enqueued:
            [job] = await self._chain.before(jobs)
            is_new = await self._client.use(
                lambda store: store.enqueue_scheduled(action, fire_ms, job, overlap=overlap)
            )
            if not is_new:
                return [], []
            await self._chain.after([job], [job.id])
            return [job], [JobId(job.id)]

        observers = self._jobs.observers
        if observers is None:
            return bool((await store(create()))[0])
        with observers.tick(action, fire_ms) as tick:
            tick.is_new = bool(await observers.observe(action, create, store))
        return tick.is_new

    async def add(self, jobs: list[NewJob]) -> list[str]:
        """Add jobs to the store, and return their ids.

        Raises:
            InvalidInput: A text cannot be stored.
            ServiceUnavailable: The store cannot be reached.
        """
        # Opened by the first job: a command line call needs no second connection for it.
        store = self._client.opened
        if store is not None and len(jobs) == 1:
            with typed_errors():
                id = await store.add_pipelined(jobs[0])
            if id is not None:
                return [id]
        return await self._client.use(lambda store: store.add(jobs))

    async def _observe(
        self,
        action: type[Action] | str,
        create: Create,
        store: Callable[[list[NewJob]], Awaitable[Enqueued]],
    ) -> list[JobId]:
        observers = self._jobs.observers
        if observers is None:
            return (await store(create()))[1]
        name = action if isinstance(action, str) else getattr(action, "name", "")
        return await observers.observe(name, create, store)

    async def _store(self, jobs: list[NewJob]) -> Enqueued:
        jobs = await self._chain.before(jobs)
        transactional = self.transactional
        if transactional is not None and transactional.in_transaction:
            with typed_errors():
                ids = await transactional.enqueue(jobs)
        else:
            ids = ids_of(jobs, await self.add(jobs))
        await self._chain.after(jobs, ids)
        return jobs, ids

    async def _store_now(self, jobs: list[NewJob]) -> Enqueued:
        jobs = await self._chain.before(jobs)
        ids = await self.add(jobs)
        await self._chain.after(jobs, ids)
        return jobs, ids_of(jobs, ids)
