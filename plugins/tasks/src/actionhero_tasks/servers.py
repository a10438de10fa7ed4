"""The doors of jobs and of time: `Server`s around a worker and a scheduler."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, ClassVar, Final

from actionhero import RunMode, Server
from actionhero.transport import new_identifier
from actionhero_tasks.heartbeats import ANSWERED, TRIED, HeartbeatWriter
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import runs_embedded
from actionhero_tasks.task import task_of
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero import Application
    from actionhero_tasks.middleware_adapter import DramatiqMiddlewareAdapter
    from actionhero_tasks.scheduler import Scheduler
    from actionhero_tasks.worker import Worker

#: What a parent of workers names its children by, and where they tell that they are there.
READY_VARIABLE: Final = "_ACTIONHERO_TASKS_READY"
OWNER_VARIABLE: Final = "_ACTIONHERO_TASKS_OWNER"


class TaskServer(Server):
    """Takes jobs from the store, and runs their actions.

    Args:
        app: The application.
    """

    name = "tasks"
    modes: ClassVar[frozenset[RunMode]] = frozenset({RunMode.SERVER, RunMode.WORKER})

    def __init__(self, app: Application) -> None:
        self._settings = app.get(TasksSettings)
        self._worker: Worker | None = None
        self._signals: DramatiqMiddlewareAdapter | None = None

    async def start(self, app: Application) -> None:
        """Take jobs from now on."""
        from actionhero_tasks.runner import JobRunner
        from actionhero_tasks.worker import Worker

        owner = os.environ.get(OWNER_VARIABLE)
        tasks = app.get(Tasks)
        self._signals = _signals(app, tasks)
        runner = JobRunner(app, lambda *facts: worker.note_progress(*facts), self._signals)
        self._worker = worker = Worker(
            tasks.store,
            runner.run,
            owner=owner or new_worker_id(),
            queues=self._settings.queues or None,
            concurrency=self._settings.concurrency,
            beats=owner is None,
            on_try=_teller(),
        )
        if self._signals is not None:
            self._signals.boot(worker)
        worker.start()

    async def stop_accepting(self) -> None:
        """Take no more jobs."""
        if self._worker is not None:
            self._worker.stop_claiming()

    async def finish(self) -> None:
        """Return when none runs."""
        if self._worker is not None:
            await self._worker.finish()

    async def close(self) -> None:
        """Give back what still runs."""
        if self._worker is not None:
            await self._worker.close()
            if self._signals is not None:
                self._signals.shut_down(self._worker)

    def announcement(self) -> Sequence[str]:
        """Tell from which queues jobs are taken."""
        queues = ", ".join(self._settings.queues) or "all queues"
        return [f"running jobs from {queues}, {self._settings.concurrency} at once"]


class SchedulerServer(Server):
    """The door by which time comes in: enqueues actions that recur.

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
        """Enqueue what is due from now on."""
        from actionhero_tasks.scheduler import Scheduler

        self._scheduler = Scheduler(app)
        self._running = asyncio.create_task(self._scheduler.run())

    async def stop_accepting(self) -> None:
        """Enqueue nothing more."""
        if self._running is not None:
            self._running.cancel()

    async def close(self) -> None:
        """See to it that it has ended."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def announcement(self) -> Sequence[str]:
        """Tell what recurs."""
        names = [schedule.name for schedule in self._scheduler.schedules] if self._scheduler else []
        return [f"scheduling {', '.join(names) or 'nothing: no action recurs'}"]


def servers_for(app: Application) -> list[Server]:
    """Return the doors of jobs and of schedules, where this process is to have them."""
    if app.settings_are_wrong or app.problems:
        return []
    if app.mode is RunMode.SCHEDULER:
        return [SchedulerServer(app)]
    if app.mode is RunMode.WORKER:
        with_schedules = app.get(TasksSettings).scheduler
        return [TaskServer(app), SchedulerServer(app)] if with_schedules else [TaskServer(app)]
    if not runs_embedded(app):
        return []
    recurs = any(task_of(action).recurs for action in app.actions)
    return [TaskServer(app), SchedulerServer(app)] if recurs else [TaskServer(app)]


def _signals(app: Application, tasks: Tasks) -> DramatiqMiddlewareAdapter | None:
    """Return what tells middleware of dramatiq; `None` if no plugin gives any."""
    if not app.plugins.implementers("actionhero_tasks_middleware"):
        return None
    from dramatiq import Middleware

    from actionhero_tasks.middleware_adapter import DramatiqMiddlewareAdapter

    given = app.plugins.collect("actionhero_tasks_middleware", Middleware, app=app)
    app.refuse_problems()
    return DramatiqMiddlewareAdapter(tasks.store, [middleware for _, middleware in given])


def _teller() -> Callable[[bool], None]:
    """Return what tells the parent of this process, if it has one, that jobs are asked for."""
    descriptor = os.environ.get(READY_VARIABLE)
    if descriptor is None:
        return lambda _: None
    mouth = HeartbeatWriter(int(descriptor))
    return lambda answered: mouth.tell(ANSWERED if answered else TRIED)


def new_worker_id() -> str:
    """Return a name for one run of a worker process, which tells people where it is."""
    host = "".join(c if c.isalnum() or c in "-." else "-" for c in socket.gethostname())[:64]
    return f"{host}-{os.getpid()}-{new_identifier()[-12:]}"
