"""`ConcurrentEnqueuer`: adds the jobs of concurrent calls in common transactions."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.stores.postgres.connections import (
    CONNECTION_ERRORS,
    ERRORS,
    connect,
    describe,
)
from actionhero_tasks.stores.postgres.values import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero_tasks.job import NewJob

#: How many jobs are added in one transaction.
MAX_JOBS: Final = 500


class ConcurrentEnqueuer:
    """Adds single jobs over a connection of the event loop.

    While a transaction is being committed, which takes as long as a disk needs, the jobs of other
    calls are collected; the next transaction adds them all.

    Args:
        options: The arguments of `asyncpg.connect`.
        statement: Adds jobs.
        timeout_seconds: How long a call waits for PostgreSQL.
    """

    def __init__(self, options: Mapping[str, Any], statement: str, timeout_seconds: float) -> None:
        self._options = options
        self._statement = statement
        self._timeout_seconds = timeout_seconds
        #: Jobs with the futures of their ids; `None` instead of a job checks the server.
        self._waiting: list[tuple[NewJob | None, asyncio.Future[str | None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Any = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def add(self, job: NewJob) -> str | None:
        """Add a job, and return its id, or that of an earlier job with its key.

        Returns:
            `None` if the job must be added alone: the database rejects it, or one that was added
            with it.

        Raises:
            StoreUnavailable: PostgreSQL cannot be used. The job may or may not have been added.
        """
        return await self._submit(job) if self._is_usable() else None

    async def check(self) -> bool:
        """Check the server.

        Returns:
            Whether it was checked: not on a second event loop.

        Raises:
            StoreUnavailable: PostgreSQL cannot be used.
        """
        if not self._is_usable():
            return False
        await self._submit(None)
        return True

    def _is_usable(self) -> bool:
        """Return whether the running event loop has the connection, or can have it."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return True
        if self._loop is not None and not self._loop.is_closed():
            return False
        self._loop, self._connection, self._task = loop, None, None
        return True

    async def _submit(self, job: NewJob | None) -> str | None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str | None] = loop.create_future()
        self._waiting.append((job, future))
        if self._task is None:
            # Its own task, so that it goes on if this call is cancelled.
            self._task = loop.create_task(self._add_waiting())
        return await future

    def close(self) -> None:
        """Close the connection. Called in any thread."""
        self._closed = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._terminate)

    async def _add_waiting(self) -> None:
        while self._waiting:
            items, self._waiting = self._waiting[:MAX_JOBS], self._waiting[MAX_JOBS:]
            try:
                ids = iter(await self._add([job for job, _ in items if job is not None]))
            except (Exception, asyncio.CancelledError) as error:
                # All others have waited as long for the same server.
                items, self._waiting = items + self._waiting, []
                for _, future in items:
                    _fail(future, error)
                if isinstance(error, Exception):
                    continue
                self._task = None
                raise
            for job, future in items:
                id = None if job is None else next(ids)
                if not future.done():
                    future.set_result(id)
        self._task = None
        if self._closed:
            self._terminate()

    async def _add(self, jobs: Sequence[NewJob]) -> Sequence[str | None]:
        arguments = values_of(jobs)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                was_open = self._is_open
                try:
                    return await self._execute(arguments)
                except CONNECTION_ERRORS:
                    if not was_open:
                        raise
                    # The server may have closed it since its last use; an id is added once.
                    self._terminate()
                    return await self._execute(arguments)
        except CONNECTION_ERRORS as error:
            self._terminate()
            raise StoreUnavailable(f"PostgreSQL: {describe(error)}") from error
        except (*ERRORS, ValueError):
            # Because of one of the jobs, or a conflict with another transaction.
            return [None] * len(jobs)

    async def _execute(self, arguments: tuple[Any, ...]) -> list[str]:
        if not self._is_open:
            self._connection = await connect(self._options, self._timeout_seconds)
        ids: list[str] = await self._connection.fetchval(self._statement, *arguments)
        return ids

    @property
    def _is_open(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    def _terminate(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _fail(future: asyncio.Future[str | None], error: BaseException) -> None:
    """Raise an error in the caller that waits for a job."""
    if future.done():
        return
    if not isinstance(error, Exception):
        future.cancel()
        return
    future.set_exception(
        StoreUnavailable(str(error)) if isinstance(error, StoreUnavailable) else error
    )
    # The caller may have been cancelled.
    future.exception()
