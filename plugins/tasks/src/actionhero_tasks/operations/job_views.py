"""`JobViews`: the queries and the operations of operators on the job store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from actionhero import Conflict, InvalidInput, NotFound
from actionhero_tasks.job import JobState
from actionhero_tasks.operations.edits import edited_body
from actionhero_tasks.operations.overview import Overview
from actionhero_tasks.operations.search import JobSearch
from actionhero_tasks.operations.serialization import job_details, job_summary
from actionhero_tasks.store_client import StoreClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero import Application
    from actionhero_tasks.job import BatchRecord, JobRecord
    from actionhero_tasks.stores.inspection import JobInspection
    from actionhero_tasks.stores.store import JobStore

Result = TypeVar("Result")

#: The number of dead letters that one request changes.
BATCH_SIZE: Final = 100
#: The reason why an operation on a job is refused.
_CONFLICTS: Final = {
    "retry": "it is not a dead letter",
    "discard": "it is not a dead letter",
    "cancel": "it has finished",
}


class JobViews:
    """Reads and changes jobs, over its own connection, so that enqueueing does not wait for it.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._client = StoreClient(app, "tasks-page", delivers=False)
        self.overview = Overview(app, self.use)

    async def use(self, query: Callable[[JobInspection], Result]) -> Result:
        """Call a function with the store in another thread, and return its result.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        return await self._client.use(query)

    async def jobs(
        self, state: str, queue: str | None, before: int | None, limit: int
    ) -> dict[str, Any]:
        """Return a page of the jobs with a state, the newest first.

        Args:
            state: The name of the state.
            queue: The name of a queue; `None` for all queues.
            before: The value `next` of the previous page.
            limit: The number of jobs on a page.

        Raises:
            InvalidInput: The state does not exist.
        """
        job_state = _state_of(state)
        records = await self.use(
            # One more, to determine whether there is another page.
            lambda store: store.jobs(job_state, queue, before=before, limit=limit + 1)
        )
        page = records[:limit]
        jobs = await self._summaries(page)
        return {"jobs": jobs, "next": page[-1].seq if len(records) > limit else None}

    async def search(self, text: str, state: str, queue: str | None, limit: int) -> dict[str, Any]:
        """Return the newest jobs that match a text; see `JobSearch`.

        Args:
            text: The text.
            state: The name of a state; empty for all states.
            queue: The name of a queue; `None` for all queues.
            limit: The maximum number of jobs.

        Raises:
            InvalidInput: The state does not exist.
        """
        states = [_state_of(state)] if state else list(JobState)
        matches = await JobSearch(self.use, text, states, queue).run(limit)
        return {
            "jobs": await self._summaries(matches.records),
            "next": None,
            "searched": matches.searched,
            "is_complete": matches.is_complete,
        }

    async def fan_out(self, id: str, after: int, limit: int) -> dict[str, Any]:
        """Return the counts of a fan-out, and a page of its jobs, in the order of its inputs.

        Args:
            id: The fan-out.
            after: The value `next` of the previous page; 0 for the first one.
            limit: The number of jobs on a page.

        Raises:
            NotFound: The fan-out does not exist.
        """

        def read(store: JobStore) -> tuple[BatchRecord | None, list[JobRecord]]:
            return store.batch(id), store.batch_jobs(id, after=after, limit=limit + 1)

        batch, records = await self._client.use(read)
        if batch is None:
            raise NotFound(f"Fan-out not found: {id}", key="id", value=id)
        page = records[:limit]
        return {
            "id": batch.id,
            "total": batch.total,
            "done": batch.completed,
            "failed": batch.failed,
            "is_closed": batch.closed,
            "ended": batch.ended_ms,
            "jobs": await self._summaries(page),
            "next": page[-1].seq if len(records) > limit else None,
        }

    async def job(self, id: str) -> dict[str, Any]:
        """Return the details of a job.

        Raises:
            NotFound: The job does not exist.
        """
        record = await self.use(lambda store: store.find(id))
        if record is None:
            raise NotFound(f"Job not found: {id}", key="id", value=id)
        return await asyncio.to_thread(job_details, self._app, record)

    async def change(self, operation: str, id: str) -> None:
        """Retry, discard or cancel a job.

        Raises:
            NotFound: The job does not exist.
            Conflict: The state of the job does not allow it, for example after another change.
        """
        await self._change(operation, id, lambda store: getattr(store, operation)(id))

    async def retry_with_inputs(self, id: str, action: str, inputs: Mapping[str, Any]) -> None:
        """Retry a dead letter with other inputs; see `edited_body`.

        Args:
            id: The job.
            action: Its action, by which the caller knows the secrets among the inputs.
            inputs: The inputs.

        Raises:
            NotFound: The job or its action does not exist.
            Conflict: The job is not a dead letter, or cannot be decoded.
            InvalidInput: The inputs are invalid, or those of another action.
        """
        record = await self.use(lambda store: store.find(id))
        if record is None:
            raise NotFound(f"Job not found: {id}", key="id", value=id)
        if record.action != action:
            raise InvalidInput(f"job {id} is of the action {record.action!r}", key="action")
        body = edited_body(self._app, record, inputs)
        await self._change("retry", id, lambda store: store.retry(id, body))

    async def _change(
        self, operation: str, id: str, change: Callable[[JobInspection], bool]
    ) -> None:
        changed, record = await self.use(lambda store: (change(store), store.find(id)))
        if changed:
            return
        if record is None:
            raise NotFound(f"Job not found: {id}", key="id", value=id)
        raise Conflict(f"Job {id} cannot be changed: {_CONFLICTS[operation]}", key="id", value=id)

    async def change_dead(
        self, operation: str, queue: str | None, before: int | None
    ) -> dict[str, Any]:
        """Retry or discard a batch of dead letters, the newest first.

        Args:
            operation: `retry` or `discard`.
            queue: The name of a queue; `None` for all queues.
            before: The value `next` of the previous batch, so that jobs that fail again are not
                retried twice.

        Returns:
            The number of changed jobs, and the start of the next batch; `None` after the last.
        """

        def apply(store: JobInspection) -> tuple[int, int | None]:
            records = store.jobs(JobState.DEAD, queue, before=before, limit=BATCH_SIZE)
            count = sum(getattr(store, operation)(record.id) for record in records)
            return count, records[-1].seq if len(records) == BATCH_SIZE else None

        count, next_before = await self.use(apply)
        return {"count": count, "next": next_before}

    async def set_paused(self, queue: str, *, paused: bool) -> bool:
        """Pause or resume a queue, and return whether that has changed it."""
        changed = await self.use(
            lambda store: store.pause_queue(queue) if paused else store.resume_queue(queue)
        )
        self.overview.expire()
        return changed

    def close(self) -> None:
        """Close the store, if it was opened."""
        self._client.close()

    async def _summaries(self, records: list[JobRecord]) -> list[dict[str, Any]]:
        # In a thread, because decoding large inputs and errors takes time.
        return await asyncio.to_thread(
            lambda: [job_summary(self._app, record) for record in records]
        )


def views_of(app: Application) -> JobViews:
    """Return the views of an application, created at the first call."""
    if not app.has(JobViews):
        app.provide(JobViews, JobViews(app))
    return app.get(JobViews)


def _state_of(name: str) -> JobState:
    try:
        return JobState(name)
    except ValueError:
        raise InvalidInput("Unknown job state", key="state", value=name) from None
