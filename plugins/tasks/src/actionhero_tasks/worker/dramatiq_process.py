"""The application in a worker process of dramatiq's own command."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from dramatiq.asyncio import EventLoopThread

from actionhero import BootError, RunMode
from actionhero.cli import CommandContext
from actionhero_tasks.dramatiq.event_loop import ApplicationLoop
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.tasks import Tasks
from actionhero_tasks.worker.runner import JobRunner

if TYPE_CHECKING:
    from actionhero import App
    from actionhero_tasks.job import Claim

logger = logging.getLogger("actionhero.tasks")

#: How often the progress of jobs is stored.
PROGRESS_SECONDS: Final = 1.0


def start() -> None:
    """Start the application, and set its broker as dramatiq's global one.

    It is stopped when dramatiq closes the broker. Its settings are those of the current folder and
    of the environment.

    Raises:
        SystemExit: It cannot be started. dramatiq ends all processes then, with this exit code.
    """
    thread = EventLoopThread(logger)
    thread.daemon = True
    thread.start()
    try:
        app = CommandContext({}).load(RunMode.WORKER)
        app.raise_for_problems()
        thread.run_coroutine(_Process(app, thread).start())
    except BootError as error:
        thread.stop()
        # Of an `ImportError`, dramatiq would log the traceback.
        logger.critical("the application cannot be started: %s", error)
        raise SystemExit(error.exit_code) from None


class _Process:
    """A started application, whose jobs the worker of dramatiq runs."""

    def __init__(self, app: App, thread: EventLoopThread) -> None:
        self._app = app
        self._thread = thread
        self._progress: dict[str, tuple[int, float, float | None]] = {}

    async def start(self) -> None:
        """Start the application without its own worker."""
        await self._app.start()
        tasks = self._app.get(Tasks)
        broker = tasks.broker
        broker.execute = JobRunner(self._app, self._record_progress).execute
        broker.loop = ApplicationLoop(asyncio.get_running_loop())
        broker.on_close = self._close
        self._storing = asyncio.create_task(self._store_progress(tasks))

    def _close(self) -> None:
        """Stop the application. Called in the main thread, after the worker was stopped."""
        self._thread.run_coroutine(self._stop())
        self._thread.stop()

    async def _stop(self) -> None:
        self._storing.cancel()
        await asyncio.wait([self._storing])
        await self._app.stop()

    def _record_progress(self, claim: Claim, done: float, total: float | None) -> None:
        self._progress[claim.id] = (claim.token, done, total)

    async def _store_progress(self, tasks: Tasks) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            with contextlib.suppress(StoreUnavailable):
                while self._progress:
                    id, (token, done, total) = self._progress.popitem()
                    await asyncio.to_thread(tasks.store.progress, id, token, done, total)
