"""`Tasks`: enqueues actions, and returns the status of jobs."""

from __future__ import annotations

import asyncio
import dataclasses
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar

from actionhero import NotFound, ServiceUnavailable
from actionhero.transport import new_identifier
from actionhero_tasks.batching import in_batches
from actionhero_tasks.broker_signals import BrokerSignals
from actionhero_tasks.encryption import Encryption
from actionhero_tasks.enqueue_middleware import EnqueueChain
from actionhero_tasks.enqueuing import Enqueuing
from actionhero_tasks.envelope import Envelope, UndecodableJob
from actionhero_tasks.job import JobState
from actionhero_tasks.job_factory import JobFactory
from actionhero_tasks.job_options import check_count, refuse_options
from actionhero_tasks.reports import FanOut, Job, JobId, job_of
from actionhero_tasks.store_client import StoreClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
    from datetime import datetime, timedelta

    from actionhero import Action, Application
    from actionhero.transport import RegisteredAction
    from actionhero_tasks.dramatiq.application_broker import ApplicationBroker
    from actionhero_tasks.job import JobRecord, NewJob
    from actionhero_tasks.job_observer import JobObservers
    from actionhero_tasks.stores.job_source import JobSource
    from actionhero_tasks.stores.store import JobStore
    from actionhero_tasks.transactional_enqueuer import TransactionalEnqueuer

Result = TypeVar("Result")

#: The states of a job that has ended.
FINAL_STATES: Final = frozenset({JobState.DONE, JobState.DEAD, JobState.CANCELLED})
#: How often `wait` polls.
POLL_SECONDS: Final = 0.05
#: How many jobs of a fan-out are read in one step.
PAGE: Final = 200


class Tasks:
    """Enqueues actions, and returns the status of jobs: `call.get(Tasks)`.

    ```python
    job_id = await call.get(Tasks).enqueue(WelcomeMail, {"user_id": user.id})
    ```

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self.encryption = Encryption(app.secret_key)
        self._jobs = JobFactory(app, self.encryption)
        self._client = StoreClient(app, "tasks", delivers=True)
        self.signals = BrokerSignals(
            app,
            lambda: self.store,
            lambda: self.source,
            self._jobs,
            lambda job: self.enqueuer.enqueue_before_commit(job) if self.enqueuer else None,
        )
        self._enqueuing = Enqueuing(app, self._jobs, self._client, EnqueueChain(app, self.signals))

    # -- enqueueing ----------------------------------------------------------------------------

    async def enqueue(
        self,
        action: type[Action] | str,
        inputs: Any = None,
        *,
        delay: timedelta | None = None,
        at: datetime | None = None,
        queue: str | None = None,
        priority: int | None = None,
        key: str | None = None,
        **others: Never,
    ) -> JobId:
        """Enqueue an action as a job, and return the id of the job.

        When this returns, the job is stored and will run, even if this process ends. Inside a
        transaction it is stored with the data: it will run once the transaction is committed, and
        not at all after a rollback. The job has the request id and the user of the current call.

        Args:
            action: The class, or its name.
            inputs: A mapping, or an instance of the action's input type.
            delay: How long to wait before the job may run.
            at: The earliest time to run the job, with a time zone.
            queue: The queue; by default that of the action.
            priority: Lower numbers run first; by default that of the action.
            key: A deduplication key. If a job with the same key was enqueued within
                `tasks.deduplication_window`, no job is enqueued, and its id is returned, whose
                `is_new` is false.
            others: There are no other options; inputs are not options.

        Raises:
            ActionNotFound: The action does not exist.
            InvalidInput: The inputs are invalid, the delay is longer than `MAX_DELAY`, the priority
                exceeds `MAX_PRIORITY`, or the queue or key contains a lone surrogate or a null
                character.
            TypeError: One of these errors occurs in a call. It is not that of the client.
            ServiceUnavailable: The store cannot be reached.
        """
        refuse_options(self.enqueue, action, others)

        def create() -> list[NewJob]:
            return [self._jobs.create(action, inputs, delay, at, queue, priority, key)]

        return (await self._enqueuing.enqueue(action, create))[0]

    async def enqueue_many(
        self,
        action: type[Action] | str,
        inputs: Iterable[Any],
        *,
        delay: timedelta | None = None,
        queue: str | None = None,
        priority: int | None = None,
        **others: Never,
    ) -> list[JobId]:
        """Enqueue an action once for each item of `inputs`, atomically, and return the ids."""
        refuse_options(self.enqueue_many, action, others)

        def create() -> list[NewJob]:
            return self._jobs.create_many(action, inputs, delay, queue, priority)

        return await self._enqueuing.enqueue(action, create)

    async def fan_out(
        self,
        action: type[Action] | str,
        inputs: Iterable[Any] | AsyncIterable[Any],
        *,
        queue: str | None = None,
        batch: int = 100,
        then: type[Action] | str | None = None,
        **others: Never,
    ) -> str:
        """Enqueue an action once for each item of `inputs`, as a fan-out, and return its id.

        The first jobs run before the last are enqueued, and at most `batch` inputs are in memory.
        A fan-out does not wait for a commit; to start one after a commit, enqueue an action that
        calls `fan_out`.

        Args:
            action: The class, or its name.
            inputs: Any number of inputs.
            queue: The queue; by default that of the action.
            batch: How many jobs are enqueued in one step.
            then: An action that is enqueued once all jobs have ended, successfully or not. It is
                passed the input `fan_out_id`.
            others: There are no other options.

        Raises:
            ActionNotFound: The action does not exist.
            InvalidInput: An input is invalid; in a call, a `TypeError`. The jobs enqueued before it
                run.
            ServiceUnavailable: The store cannot be reached. The jobs enqueued before it run. If it
                lasts, the fan-out does not end, and `then` is not enqueued.
            ValueError: `batch` is below 1.
        """
        refuse_options(self.fan_out, action, others)
        check_count("batch", batch, minimum=1)
        id = new_identifier()
        next_job = None
        if then is not None:
            next_job = self._jobs.create(then, {"fan_out_id": id}, None, None, None, None, None)
        await self.use(lambda store: store.open_batch(id, next_job))
        try:
            async for items in in_batches(inputs, batch):

                def create(items: list[Any] = items) -> list[NewJob]:
                    jobs = self._jobs.create_many(action, items, queue=queue)
                    return [dataclasses.replace(job, batch=id, key=None) for job in jobs]

                await self._enqueuing.enqueue_batch(action, create)
        finally:
            # After an error too, so that the fan-out ends when the jobs enqueued so far have.
            await self._enqueuing.close_batch(id)
        return id

    async def enqueue_scheduled(
        self, action: RegisteredAction, fire_ms: int, *, overlap: bool
    ) -> bool:
        """Enqueue a recurring action for one of its times. Called by schedulers.

        Returns:
            Whether it was enqueued: not if another scheduler has already done so, nor, without
            `overlap`, if its last run has not ended.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        return await self._enqueuing.enqueue_scheduled(action.name, fire_ms, overlap=overlap)

    async def enqueue_recurring(self, action: RegisteredAction) -> JobId:
        """Enqueue a recurring action now, in addition to its times, and return the id of the job.

        Without `overlap`, its next times are skipped while this job has not ended.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """

        def create() -> list[NewJob]:
            job = self._jobs.create(action.name, None, None, None, None, None, None)
            return [dataclasses.replace(job, schedule=action.name, key=None)]

        return (await self._enqueuing.enqueue(action.name, create))[0]

    # -- status --------------------------------------------------------------------------------

    async def job(self, id: str) -> Job:
        """Return the status of a job.

        Raises:
            NotFound: The job does not exist, or ended longer ago than `tasks.result_ttl`.
        """
        return job_of(await self._find(id))

    async def user_of(self, id: str) -> Any:
        """Return the user of the call that enqueued a job; `None` if there was none.

        Raises:
            NotFound: As `job`.
        """
        try:
            return Envelope.read((await self._find(id)).body).user
        except UndecodableJob:
            return None

    async def _find(self, id: str) -> JobRecord:
        record = await self.use(lambda store: store.find(id))
        if record is None and self.enqueuer is not None:
            record = await self.enqueuer.find(id)
        if record is None:
            raise NotFound(f"Job not found: {id}", key="id", value=id)
        return record

    async def wait(self, id: str, timeout: timedelta | None = None) -> Job:
        """Wait until a job has ended, and return its status.

        Raises:
            NotFound: The job does not exist.
            TimeoutError: The job did not end within `timeout`.
        """
        async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
            # Stores do not notify of ended jobs.
            while (job := await self.job(id)).state not in FINAL_STATES:  # noqa: ASYNC110 - as said
                await asyncio.sleep(POLL_SECONDS)
            return job

    async def fan_out_status(self, id: str, *, limit: int = 100) -> FanOut:
        """Return the status of a fan-out.

        Args:
            id: The return value of `fan_out`.
            limit: The maximum number of results and of errors; `fan_out_jobs` yields all.

        Raises:
            NotFound: The fan-out does not exist, or ended longer ago than `tasks.result_ttl`.
            ValueError: `limit` is negative.
        """
        check_count("limit", limit, minimum=0)

        def read(store: JobStore) -> FanOut | None:
            record = store.batch(id)
            if record is None:
                return None
            done = store.batch_jobs(id, JobState.DONE, limit=limit)
            dead = store.batch_jobs(id, JobState.DEAD, limit=limit)
            return FanOut(
                id=id,
                total=record.total,
                completed=record.completed,
                failed=record.failed,
                ended=record.closed and record.completed + record.failed >= record.total,
                results=[job_of(job).result for job in done],
                errors=[job_of(job).error or {} for job in dead],
            )

        status = await self.use(read)
        if status is None:
            raise NotFound(f"Fan-out not found: {id}", key="id", value=id)
        return status

    async def fan_out_jobs(self, id: str, state: JobState | None = None) -> AsyncIterator[Job]:
        """Yield the jobs of a fan-out, in the order of their inputs, and each at most once.

        A job whose state changes in the meantime, such as by `retry`, does not affect the others.
        """
        after = 0
        while True:
            read = methodcaller("batch_jobs", id, state, after=after, limit=PAGE)
            page: list[JobRecord] = await self.use(read)
            for record in page:
                yield job_of(record)
            if len(page) < PAGE:
                return
            after = page[-1].seq

    # -- operations ----------------------------------------------------------------------------

    async def cancel(self, id: str) -> bool:
        """Cancel a job, and return whether it had not ended.

        A job that has not started is cancelled at once. A running one is cancelled by its worker
        within about a second: `CancelledError` is raised at its current `await`, `after` of its
        middleware runs, and its transaction is rolled back. A job that catches the error, or that
        computes without awaiting, runs to its end, and its result is used; it is not retried. A job
        of a transaction that is not in the store yet is deleted from the database.

        Raises:
            ServiceUnavailable: The store cannot be reached, and the job is not in the database.
        """

        def cancel(store: JobStore) -> bool | None:
            """Cancel the job; `None`: the store does not have it."""
            return store.cancel(id) or (None if store.find(id) is None else False)

        try:
            cancelled = await self.use(cancel)
        except ServiceUnavailable:
            if self.enqueuer is None or not await self.enqueuer.cancel(id):
                raise
            return True
        if cancelled is None:
            return self.enqueuer is not None and await self.enqueuer.cancel(id)
        return cancelled

    async def retry(self, id: str) -> bool:
        """Run a dead-lettered job again, and return whether it was dead-lettered."""
        return await self.use(lambda store: store.retry(id))

    async def discard(self, id: str) -> bool:
        """Delete a dead-lettered job, and return whether it was dead-lettered."""
        return await self.use(lambda store: store.discard(id))

    @property
    def broker(self) -> ApplicationBroker:
        """The dramatiq broker of the application, with every action as an actor.

        It is dramatiq's global broker while the application runs.
        """
        return self.signals.broker

    # -- the store -----------------------------------------------------------------------------

    @property
    def store(self) -> JobStore:
        """The store, opened on first access. Its methods block."""
        return self._client.store

    @property
    def source(self) -> JobSource:
        """Where workers get the jobs from: the store, or the queues of a message broker."""
        return self._client.source

    async def use(self, function: Callable[[JobStore], Result]) -> Result:
        """Call `function` with the store in the store's thread, and return its result.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        return await self._client.use(function)

    async def check(self) -> None:
        """Raise the error of the store if it cannot be used now."""
        await self._client.check()

    async def check_broker(self) -> None:
        """Raise the error of the message broker, if there is one, and it cannot be used now."""
        await self._client.check_broker()

    def close(self) -> None:
        """Send what was not sent to the broker, close the store, and restore dramatiq's broker."""
        self.signals.deactivate()
        self._client.close()

    @property
    def observers(self) -> JobObservers | None:
        """The observers of jobs."""
        return self._jobs.observers

    @property
    def enqueuer(self) -> TransactionalEnqueuer | None:
        """The enqueuer for transactions; `None` without a database."""
        return self._enqueuing.transactional
