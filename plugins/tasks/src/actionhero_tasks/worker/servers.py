"""`TaskServer` and `SchedulerServer`: the servers that run jobs and schedules."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, ClassVar

from actionhero import RunMode, Server
from actionhero.transport import on_forced_exit
from actionhero_tasks.dramatiq import IS_WORKER_PROCESS
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import runs_embedded
from actionhero_tasks.task import task_of
from actionhero_tasks.tasks import Tasks
from actionhero_tasks.worker.heartbeats import (
    HEARTBEAT_VARIABLE,
    POLL_FAILED,
    POLL_SUCCEEDED,
    HeartbeatWriter,
)
from actionhero_tasks.worker_id import WORKER_ID_VARIABLE, new_worker_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero import Application
    from actionhero_tasks.job import Claim, Settlement
    from actionhero_tasks.worker.dispatcher import JobDispatcher
    from actionhero_tasks.worker.progress_publisher import ProgressPublisher
    from actionhero_tasks.worker.scheduler import Scheduler
    from actionhero_tasks.worker.worker import Worker


class TaskServer(Server):
    """Claims jobs from the store, and runs their actions.

    Args:
        app: The application.
    """

    name = "tasks"
    modes: ClassVar[frozenset[RunMode]] = frozenset({RunMode.SERVER, RunMode.WORKER})

    def __init__(self, app: Application) -> None:
        self._settings = app.get(TasksSettings)
        self._worker: Worker | None = None
        self._dispatcher: JobDispatcher | None = None
        self._publisher: ProgressPublisher | None = None
        self._forget: Callable[[], None] = lambda: None

    async def start(self, app: Application) -> None:
        """Start claiming jobs."""
        from actionhero_tasks.worker.dispatcher import JobDispatcher, emit_boot
        from actionhero_tasks.worker.progress_publisher import progress_publisher
        from actionhero_tasks.worker.runner import JobRunner
        from actionhero_tasks.worker.worker import Worker

        # Set if a supervisor has started this process.
        worker_id = os.environ.get(WORKER_ID_VARIABLE)
        supervisor_id = None if worker_id is None else os.getppid()
        tasks = app.get(Tasks)
        self._broker = broker = tasks.broker
        publisher = self._publisher = progress_publisher(app)

        def on_progress(claim: Claim, done: float, total: float | None) -> None:
            worker.record_progress(claim, done, total)
            if publisher is not None:
                publisher.report(claim, done, total)

        def on_settled(settlements: Sequence[Settlement], rejected: Sequence[str]) -> None:
            dispatcher.settled(settlements, rejected)
            if publisher is not None:
                publisher.settled(settlements, rejected)

        runner = JobRunner(app, on_progress)
        self._dispatcher = dispatcher = JobDispatcher(runner, broker)
        self._worker = worker = Worker(
            tasks.source,
            tasks.store,
            dispatcher.run,
            runner.fail,
            worker_id=worker_id or new_worker_id(),
            queues=self._settings.queues or None,
            concurrency=self._settings.concurrency,
            # After the end of its supervisor, until its jobs have finished.
            sends_heartbeat=lambda: os.getppid() != supervisor_id,
            on_poll=_heartbeat_callback(),
            on_settled=on_settled,
            on_thread=self._emit_consumer_thread,
        )
        emit_boot(broker, worker, worker.start)
        # Otherwise the jobs would count as those of a crashed worker.
        self._forget = on_forced_exit(worker.release)

    async def stop_accepting(self) -> None:
        """Stop claiming jobs."""
        if self._worker is not None:
            self._worker.stop_claiming()
            # At the beginning of the shutdown, as dramatiq does: it interrupts actors.
            self._broker.emit_before("worker_shutdown", self._worker)

    async def finish(self) -> None:
        """Wait until no job is running."""
        if self._worker is not None:
            await self._worker.finish()

    async def close(self) -> None:
        """Cancel and release the running jobs."""
        if self._worker is not None:
            await self._worker.close()
            self._forget()
            if self._dispatcher is not None:
                await self._dispatcher.close()
            if self._publisher is not None:
                await self._publisher.close()
            self._broker.emit_after("worker_shutdown", self._worker)

    def _emit_consumer_thread(self, starts: bool) -> None:
        thread = threading.current_thread()
        if starts:
            self._broker.emit_after("consumer_thread_boot", thread)
        else:
            self._broker.emit_before("consumer_thread_shutdown", thread)

    def announcement(self) -> Sequence[str]:
        """Return a line with the queues and the concurrency."""
        queues = ", ".join(self._settings.queues) or "all queues"
        return [f"running jobs from {queues}, up to {self._settings.concurrency} at once"]


class SchedulerServer(Server):
    """Enqueues recurring actions when they are due.

    Args:
        app: The application.
    """

    name = "scheduler"
    modes: ClassVar[frozenset[RunMode]] = frozenset(
        {RunMode.SERVER, RunMode.WORKER, RunMode.SCHEDULER}
    )

    def __init__(self, app: Application) -> None:
        self._scheduler: Scheduler | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self, app: Application) -> None:
        """Start enqueueing due actions."""
        from actionhero_tasks.worker.scheduler import Scheduler

        self._scheduler = Scheduler(app)
        self._running = asyncio.create_task(self._scheduler.run())

    async def stop_accepting(self) -> None:
        """Stop enqueueing."""
        if self._running is not None:
            self._running.cancel()

    async def close(self) -> None:
        """Wait until the scheduler has ended."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def announcement(self) -> Sequence[str]:
        """Return a line with the recurring actions."""
        names = [schedule.name for schedule in self._scheduler.schedules] if self._scheduler else []
        return [f"scheduling {', '.join(names) or 'nothing: no action recurs'}"]


def servers_for(app: Application) -> list[Server]:
    """Return the servers of jobs and schedules that this process runs."""
    if app.has_invalid_settings or app.problems:
        return []
    if app.mode is RunMode.SCHEDULER:
        return [SchedulerServer(app)]
    if app.mode is RunMode.WORKER:
        with_schedules = app.get(TasksSettings).scheduler
        servers: list[Server] = [] if IS_WORKER_PROCESS else [TaskServer(app)]
        return [*servers, SchedulerServer(app)] if with_schedules else servers
    if not runs_embedded(app):
        return []
    recurs = any(task_of(action).recurs for action in app.actions)
    return [TaskServer(app), SchedulerServer(app)] if recurs else [TaskServer(app)]


def _heartbeat_callback() -> Callable[[bool], None]:
    """Return a function that sends a heartbeat to the supervisor of this process, if any."""
    descriptor = os.environ.get(HEARTBEAT_VARIABLE)
    if descriptor is None:
        return lambda _: None
    writer = HeartbeatWriter(int(descriptor))
    return lambda succeeded: writer.write(POLL_SUCCEEDED if succeeded else POLL_FAILED)
