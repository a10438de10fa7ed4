"""`PipelinedEnqueuer`: puts single jobs into a store from the event loop, where the store has a line."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from actionhero_tasks.job import PipelineBroken, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero_tasks.job import NewJob
    from actionhero_tasks.store import JobStore, Line

logger = logging.getLogger("actionhero.tasks")

#: From how many jobs on a line is worth its connection: a command line call enqueues one.
WORTH: Final = 2
#: How long after a line was lost the next one is opened.
AGAIN_SECONDS: Final = 1.0


class PipelinedEnqueuer:
    """The line of one event loop, opened when it is worth it, and again after it was lost.

    Args:
        use: Asks the store in another thread.
    """

    def __init__(self, use: Callable[[Callable[[JobStore], Line | None]], Awaitable[Line | None]]):
        self._use = use
        self._line: Line | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._count = 0
        self._next_try = 0.0

    async def add(self, job: NewJob) -> str | None:
        """Add a job, and return its id.

        Returns:
            `None`, if there is no line, or it was lost: then add it by the store. One that was
            added all the same is kept once.
        """
        line = self._line
        if line is None or not line.is_open or self._loop is not asyncio.get_running_loop():
            self._open_soon()
            return None
        try:
            return await line.add(job)
        except PipelineBroken as error:
            logger.debug("a job was not taken by the line: %s", error)
            return None

    def close(self) -> None:
        """Close the line; on its event loop."""
        self._next_try = float("inf")
        if self._opening is not None:
            self._opening.cancel()
        if self._line is not None:
            self._line.close()

    def _open_soon(self) -> None:
        self._count += 1
        now = time.monotonic()
        if self._count < WORTH or self._opening is not None or now < self._next_try:
            return
        self._next_try = now + AGAIN_SECONDS
        self._loop = asyncio.get_running_loop()
        self._opening = self._loop.create_task(self._open())

    async def _open(self) -> None:
        try:
            line = await self._use(lambda store: store.open_line())
            if line is None:
                # This store has none, and never will.
                self._next_try = float("inf")
                return
            await line.start()
            self._line = line
        except (StoreUnavailable, OSError) as error:
            logger.debug("there is no line to the store: %s", error)
        finally:
            self._opening = None
