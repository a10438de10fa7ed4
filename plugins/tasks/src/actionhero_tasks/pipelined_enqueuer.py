"""`PipelinedEnqueuer`: adds single jobs from the event loop, if the store supports pipelining."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from actionhero_tasks.job import PipelineBroken, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero_tasks.job import NewJob
    from actionhero_tasks.store import EnqueuePipeline, JobStore

logger = logging.getLogger("actionhero.tasks")

#: The number of jobs from which on a pipeline is opened: a command line call enqueues one.
MIN_JOBS: Final = 2
#: How long to wait before another pipeline is opened.
REOPEN_SECONDS: Final = 1.0


class PipelinedEnqueuer:
    """The pipeline of one event loop, opened for the second job, and again after it was lost.

    Args:
        run_in_store: Calls a function with the store in another thread.
    """

    def __init__(
        self,
        run_in_store: Callable[
            [Callable[[JobStore], EnqueuePipeline | None]], Awaitable[EnqueuePipeline | None]
        ],
    ) -> None:
        self._run_in_store = run_in_store
        self._pipeline: EnqueuePipeline | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._count = 0
        self._next_open = 0.0

    async def add(self, job: NewJob) -> str | None:
        """Add a job, and return its id.

        Returns:
            `None` if there is no pipeline, or its connection was lost: add the job with
            `JobStore.add`, which adds it once, even if the pipeline has added it too.
        """
        pipeline = self._pipeline
        if pipeline is None or not pipeline.is_open or self._loop is not asyncio.get_running_loop():
            self._open_soon()
            return None
        try:
            return await pipeline.add(job)
        except PipelineBroken as error:
            logger.debug("the pipeline has not added a job: %s", error)
            return None

    def close(self) -> None:
        """Close the pipeline. Called on its event loop."""
        self._next_open = float("inf")
        if self._opening is not None:
            self._opening.cancel()
        if self._pipeline is not None:
            self._pipeline.close()

    def _open_soon(self) -> None:
        self._count += 1
        now = time.monotonic()
        if self._count < MIN_JOBS or self._opening is not None or now < self._next_open:
            return
        self._next_open = now + REOPEN_SECONDS
        self._loop = asyncio.get_running_loop()
        self._opening = self._loop.create_task(self._open())

    async def _open(self) -> None:
        try:
            pipeline = await self._run_in_store(lambda store: store.open_pipeline())
            if pipeline is None:
                # The store does not support pipelining.
                self._next_open = float("inf")
                return
            await pipeline.start()
            self._pipeline = pipeline
        except (StoreUnavailable, OSError) as error:
            logger.debug("cannot open a pipeline to the store: %s", error)
        finally:
            self._opening = None
