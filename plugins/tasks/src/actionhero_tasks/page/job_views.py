"""`JobViews`: the queries and the operations of the page on the job store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from actionhero import Conflict, InvalidInput, NotFound
from actionhero_tasks.job import JobState
from actionhero_tasks.page.overview import Overview
from actionhero_tasks.page.serialization import job_details, job_summary
from actionhero_tasks.store_client import StoreClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero_tasks.job import JobRecord
    from actionhero_tasks.stores.inspection import JobInspection

Result = TypeVar("Result")

#: The number of jobs on a page of a list.
PAGE_SIZE: Final = 50
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

    async def jobs(self, state: str, queue: str | None, before: int | None) -> dict[str, Any]:
        """Return a page of the jobs with a state, the newest first.

        Args:
            state: The name of the state.
            queue: The name of a queue; `None` for all queues.
            before: The value `next` of the previous page.

        Raises:
            InvalidInput: The state does not exist.
        """
        try:
            job_state = JobState(state)
        except ValueError:
            raise InvalidInput("Unknown job state", key="state", value=state) from None
        records = await self.use(
            # One more, to determine whether there is another page.
            lambda store: store.jobs(job_state, queue, before=before, limit=PAGE_SIZE + 1)
        )
        page = records[:PAGE_SIZE]
        # In a thread, because decoding large inputs and errors takes time.
        jobs = await asyncio.to_thread(lambda: [job_summary(self._app, record) for record in page])
        return {"jobs": jobs, "next": page[-1].seq if len(records) > PAGE_SIZE else None}

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

        def apply(store: JobInspection) -> tuple[bool, JobRecord | None]:
            return getattr(store, operation)(id), store.find(id)

        changed, record = await self.use(apply)
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

    def close(self) -> None:
        """Close the store, if it was opened."""
        self._client.close()
