"""`Tasks`: what authors enqueue with, and ask how it went."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import threading
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from actionhero import NotFound, ServiceUnavailable, Transactions
from actionhero.settings import AppSettings
from actionhero.transport import new_identifier, request_id
from actionhero_tasks.courier import Courier
from actionhero_tasks.encryption import Encryption
from actionhero_tasks.envelope import pack
from actionhero_tasks.job import JobState, NewJob, StoreUnavailable
from actionhero_tasks.keys import key_of
from actionhero_tasks.pipelined_enqueuer import PipelinedEnqueuer
from actionhero_tasks.reports import FanOut, Job, job_of
from actionhero_tasks.request_context import current_call
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import open_store
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from actionhero import Action, Application
    from actionhero.transport import RegisteredAction
    from actionhero_tasks.job import JobRecord
    from actionhero_tasks.store import JobStore

Result = TypeVar("Result")

#: States that a job does not leave by itself.
ENDED: Final = frozenset({JobState.DONE, JobState.DEAD, JobState.CANCELLED})
#: How often `wait` looks.
LOOK_SECONDS: Final = 0.05
#: How many jobs of a fan-out are read in one go.
PAGE: Final = 200


class Tasks:
    """Enqueues actions, and tells what became of them: `call.get(Tasks)`.

    ```python
    job_id = await call.get(Tasks).enqueue(WelcomeMail, {"user_id": user.id})
    ```

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._settings = app.get(TasksSettings)
        self.seal = Encryption(
            lambda: app.get(AppSettings).get_secret_key(app.environment).get_secret_value()
        )
        self._opening = threading.Lock()
        self._store: JobStore | None = None
        # One thread: a store has one connection, and who waits for it need not take a thread each.
        self._courier = Courier("tasks")
        self.express = PipelinedEnqueuer(self._ask)

    # -- what authors use ----------------------------------------------------------------------

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
    ) -> str:
        """Let an action run as a job, soon or later, and return the id of the job.

        When this returns, the job will run, whatever ends this process. Inside a transaction it is
        sent after the commit, and not at all if that is rolled back; the inputs are validated at
        once. The request and the user of the call that it is enqueued by travel along.

        Args:
            action: The class, or its name.
            inputs: By name, or an instance of what it takes.
            delay: How long it waits at least.
            at: When it runs at the earliest; it must have a time zone.
            queue: Where it waits; the action's own where left out.
            priority: The lower, the sooner; the action's own where left out.
            key: Of jobs with one key, those within `tasks.deduplication_window` after the first are not
                enqueued, and the id is that of the first.

        Raises:
            ActionNotFound: There is no such action.
            InvalidInput: The inputs do not fit.
            ServiceUnavailable: The store cannot be reached.
        """
        job = self._new_job(action, inputs, delay, at, queue, priority, key)
        if self._waits_for_commit():
            await self._app.get(Transactions).after_commit(self._add, [job])
            return job.id
        return (await self._add([job]))[0]

    async def enqueue_many(
        self,
        action: type[Action] | str,
        inputs: Iterable[Any],
        *,
        delay: timedelta | None = None,
        queue: str | None = None,
        priority: int | None = None,
    ) -> list[str]:
        """Let an action run once for each of `inputs`, and return the ids: all, or none."""
        jobs = [
            self._new_job(action, given, delay, None, queue, priority, None) for given in inputs
        ]
        if self._waits_for_commit():
            await self._app.get(Transactions).after_commit(self._add, jobs)
            return [job.id for job in jobs]
        return await self._add(jobs)

    async def fan_out(
        self,
        action: type[Action] | str,
        inputs: Iterable[Any] | AsyncIterable[Any],
        *,
        queue: str | None = None,
        batch: int = 100,
        then: type[Action] | str | None = None,
    ) -> str:
        """Let an action run once for each of `inputs`, counted as one, and return the id of that.

        The first run before the last are enqueued, and no more than `batch` are in memory at once.
        It does not wait for a commit: enqueue an action that fans out, if it should.

        Args:
            action: The class, or its name.
            inputs: Any number, one after the other.
            queue: Where they wait; the action's own where left out.
            batch: How many are enqueued in one step.
            then: An action that is enqueued once all have ended, well or not. It takes the input
                `fan_out_id`.

        Raises:
            ActionNotFound: There is no such action.
            InvalidInput: Inputs do not fit. Those before them run.
            ServiceUnavailable: The store cannot be reached.
        """
        id = new_identifier()
        follows = None
        if then is not None:
            follows = self._new_job(then, {"fan_out_id": id}, None, None, None, None, None)
        await self.use(lambda store: store.open_batch(id, follows))
        try:
            async for given in _in_batches(inputs, batch):
                jobs = [
                    self._new_job(action, each, None, None, queue, None, None) for each in given
                ]
                await self._add([dataclasses.replace(job, batch=id, key=None) for job in jobs])
        finally:
            # Also if it ends here: those that were enqueued come to an end.
            await self.use(lambda store: store.seal_batch(id))
        return id

    async def fan_out_status(self, id: str, *, limit: int = 100) -> FanOut:
        """Return what is known of a fan-out.

        Args:
            id: What `fan_out` returned.
            limit: How many results and errors are told at most; `fan_out_jobs` has them all.

        Raises:
            NotFound: There is none, or it ended longer ago than `tasks.result_ttl`.
        """

        def ask(store: JobStore) -> FanOut | None:
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
                ended=record.sealed and record.completed + record.failed >= record.total,
                results=[job_of(job).result for job in done],
                errors=[job_of(job).error or {} for job in dead],
            )

        found = await self.use(ask)
        if found is None:
            raise NotFound(f"Fan-out not found: {id}", key="id", value=id)
        return found

    async def fan_out_jobs(self, id: str, state: JobState | None = None) -> AsyncIterator[Job]:
        """Yield the jobs of a fan-out, in the order of their inputs, a page at a time."""
        offset = 0
        while True:
            ask = functools.partial(_page, id, state, offset)
            page = await self.use(ask)
            for record in page:
                yield job_of(record)
            if len(page) < PAGE:
                return
            offset += PAGE

    async def job(self, id: str) -> Job:
        """Return what is known of a job.

        Raises:
            NotFound: Nothing: there was none, or it ended longer ago than `tasks.result_ttl`.
        """
        record = await self.use(lambda store: store.find(id))
        if record is None:
            raise NotFound(f"Job not found: {id}", key="id", value=id)
        return job_of(record)

    async def wait(self, id: str, timeout: timedelta | None = None) -> Job:
        """Return what is known of a job once it has ended.

        Raises:
            NotFound: There is no such job.
            TimeoutError: It has not ended in time.
        """
        async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
            # A store tells nobody by itself when a job has ended.
            while (job := await self.job(id)).state not in ENDED:  # noqa: ASYNC110 - see above
                await asyncio.sleep(LOOK_SECONDS)
            return job

    async def cancel(self, id: str) -> bool:
        """Let a job that has not begun never begin. Returns whether that was so."""
        return await self.use(lambda store: store.cancel(id))

    async def retry(self, id: str) -> bool:
        """Let a dead job run again. Returns whether it was dead."""
        return await self.use(lambda store: store.retry(id))

    async def discard(self, id: str) -> bool:
        """Forget a dead job. Returns whether it was dead."""
        return await self.use(lambda store: store.discard(id))

    async def tick(self, action: RegisteredAction, fire_ms: int, *, overlap: bool) -> bool:
        """Enqueue an action that recurs for one of its times. For schedulers.

        Returns:
            Whether it was enqueued: not if another scheduler was first, nor, without `overlap`,
            while it has not ended since the last time.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        job = self._new_job(action.name, None, None, None, None, None, None)
        # So that whoever looks at the job sees for which time it is; it is the claim that tells it
        # from the others.
        time = datetime.fromtimestamp(fire_ms / 1000, UTC).isoformat()
        job = dataclasses.replace(
            job, schedule=action.name, key=f"{action.name}@{time}", deduplication_window_ms=0
        )
        return await self.use(lambda store: store.tick(action.name, fire_ms, job, overlap=overlap))

    # -- the store -----------------------------------------------------------------------------

    @property
    def store(self) -> JobStore:
        """The store, opened when it is first wanted. Its methods block."""
        with self._opening:
            if self._store is None:
                self._store = open_store(self._app)
            return self._store

    async def use(self, ask: Callable[[JobStore], Result]) -> Result:
        """Return what `ask` makes of the store, in another thread.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        try:
            return await self._ask(ask)
        except StoreUnavailable as error:
            raise ServiceUnavailable(
                "The queue of jobs is not available", retry_after_seconds=1
            ) from error

    async def check(self) -> None:
        """Raise what the store raises if it cannot be used now."""
        await self._courier.run(lambda: self.store.ping())

    def close(self) -> None:
        """Close the store."""
        self._courier.close()
        if self._store is not None:
            self._store.close()

    # -- making jobs ---------------------------------------------------------------------------

    def _new_job(
        self,
        action: type[Action] | str,
        inputs: Any,
        delay: timedelta | None,
        at: datetime | None,
        queue: str | None,
        priority: int | None,
        key: str | None,
    ) -> NewJob:
        actions = self._app.actions
        found = actions.find(action) if isinstance(action, str) else actions.of_type(action)
        task = task_of(found)
        id = new_identifier()
        call = current_call()
        queue = queue or task.queue
        body = pack(
            found,
            inputs,
            self.seal,
            id,
            queue,
            request_id=request_id.get(),
            user=None if call is None else call.session.get(self._settings.user_key),
        )
        window = self._settings.deduplication_window
        if key is None and task.unique_for is not None:
            key, window = key_of(found, inputs), task.unique_for
        return NewJob(
            id=id,
            queue=queue,
            action=found.name,
            body=body,
            priority=task.priority if priority is None else priority,
            delay_ms=_delay_ms(delay, at),
            key=None if key is None else f"{found.name} {key}",
            deduplication_window_ms=_milliseconds(window),
        )

    def _waits_for_commit(self) -> bool:
        return self._app.has(Transactions) and self._app.get(Transactions).is_open

    async def _ask(self, ask: Callable[[JobStore], Result]) -> Result:
        return await self._courier.run(lambda: ask(self.store))

    async def _add(self, jobs: list[NewJob]) -> list[str]:
        if len(jobs) == 1 and (id := await self.express.add(jobs[0])) is not None:
            return [id]
        return await self.use(functools.partial(_add, jobs))


def _add(jobs: list[NewJob], store: JobStore) -> list[str]:
    return store.add(jobs)


def _page(id: str, state: JobState | None, offset: int, store: JobStore) -> list[JobRecord]:
    return store.batch_jobs(id, state, offset=offset, limit=PAGE)


async def _in_batches(
    items: Iterable[Any] | AsyncIterable[Any], count: int
) -> AsyncIterator[list[Any]]:
    batch: list[Any] = []
    async for item in _each(items):
        batch.append(item)
        if len(batch) == count:
            yield batch
            batch = []
    if batch:
        yield batch


async def _each(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    for item in items:
        yield item


def _delay_ms(delay: timedelta | None, at: datetime | None) -> int:
    if delay is not None and at is not None:
        raise TypeError("delay and at are given, and only one can be")
    if at is not None:
        if at.tzinfo is None:
            raise TypeError(f"at is {at.isoformat()}, without a time zone; give it one")
        delay = at - datetime.now(UTC)
    return 0 if delay is None else max(_milliseconds(delay), 0)


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
