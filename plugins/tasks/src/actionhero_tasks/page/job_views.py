"""`JobViews`: what the page asks of the store, and lets it do."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from actionhero import Conflict, InvalidInput, NotFound, ServiceUnavailable
from actionhero_tasks.courier import Courier
from actionhero_tasks.job import JobState, StoreUnavailable
from actionhero_tasks.page.listing import row_of, sheet_of
from actionhero_tasks.page.overview import Overview
from actionhero_tasks.store_factory import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero_tasks.job import JobRecord
    from actionhero_tasks.store import JobStore

Result = TypeVar("Result")

#: How many jobs a list has.
PAGE: Final = 50
#: How many dead letters are looked after in one go. Who wants more asks again, and may stop.
BATCH: Final = 100
#: What can be done with one job, and what keeps it from being done.
_CANNOT: Final = {
    "retry": "it is no dead letter",
    "discard": "it is no dead letter",
    "cancel": "it has begun, or has ended",
}


class JobViews:
    """Looks in, by a connection of its own: whoever enqueues does not wait for who looks.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._opening = threading.Lock()
        self._store: JobStore | None = None
        self._courier = Courier("tasks-page")
        self.overview = Overview(app, self.use)

    async def use(self, ask: Callable[[JobStore], Result]) -> Result:
        """Return what `ask` makes of the store, in another thread.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        try:
            return await self._courier.run(lambda: ask(self._opened()))
        except StoreUnavailable as error:
            raise ServiceUnavailable(
                "The queue of jobs is not available", retry_after_seconds=1
            ) from error

    async def jobs(self, state: str, queue: str | None, before: int | None) -> dict[str, Any]:
        """Return a page of the jobs of a state, the newest first.

        Args:
            state: Which.
            queue: Of which queue; `None`: of all.
            before: What was `next` in the page before.
        """
        try:
            wanted = JobState(state)
        except ValueError:
            raise InvalidInput("There is no such state", key="state", value=state) from None
        records = await self.use(
            # One more than are told: whether there are any behind them.
            lambda store: store.jobs(wanted, queue, before=before, limit=PAGE + 1)
        )
        shown = records[:PAGE]
        # Reading inputs and errors may take a while.
        rows = await asyncio.to_thread(lambda: [row_of(self._app, record) for record in shown])
        return {"jobs": rows, "next": shown[-1].seq if len(records) > PAGE else None}

    async def job(self, id: str) -> dict[str, Any]:
        """Return all that is told of one job.

        Raises:
            NotFound: There is none.
        """
        record = await self.use(lambda store: store.find(id))
        if record is None:
            raise NotFound(f"Job not found: {id}", key="id", value=id)
        return await asyncio.to_thread(sheet_of, self._app, record)

    async def change(self, verb: str, id: str) -> None:
        """Retry, discard or cancel a job.

        Raises:
            NotFound: There is none.
            Conflict: It is not in a state for that; perhaps somebody else was faster.
        """

        def apply(store: JobStore) -> tuple[bool, JobRecord | None]:
            return getattr(store, verb)(id), store.find(id)

        changed, record = await self.use(apply)
        if changed:
            return
        if record is None:
            raise NotFound(f"Job not found: {id}", key="id", value=id)
        raise Conflict(f"Job {id} cannot be changed: {_CANNOT[verb]}", key="id", value=id)

    async def change_dead(self, verb: str, queue: str | None, before: int | None) -> dict[str, Any]:
        """Retry or discard dead letters, the newest first, some of them.

        Args:
            verb: What is done with them.
            queue: Of which queue; `None`: of all.
            before: What was `next` in the answer before; so none is met twice that fails again.

        Returns:
            How many there were, and from where to go on; `next` is `None` at the end.
        """

        def apply(store: JobStore) -> tuple[int, int | None]:
            records = store.jobs(JobState.DEAD, queue, before=before, limit=BATCH)
            count = sum(getattr(store, verb)(record.id) for record in records)
            return count, records[-1].seq if len(records) == BATCH else None

        count, following = await self.use(apply)
        return {"count": count, "next": following}

    def close(self) -> None:
        """Close the store, if anybody has looked."""
        self._courier.close()
        if self._store is not None:
            self._store.close()

    def _opened(self) -> JobStore:
        with self._opening:
            if self._store is None:
                self._store = open_store(self._app)
            return self._store
