"""`BrokerSignals`: the dramatiq broker of an application, and its signals for enqueued jobs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from actionhero import RunMode
from actionhero_tasks.dramatiq.global_broker import activate, deactivate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero import Application
    from actionhero_tasks.dramatiq.application_broker import ApplicationBroker
    from actionhero_tasks.job import NewJob
    from actionhero_tasks.job_factory import JobFactory
    from actionhero_tasks.stores.job_source import JobSource
    from actionhero_tasks.stores.store import JobStore

HOOK = "actionhero_tasks_middleware"


class BrokerSignals:
    """Creates the broker on first access, and calls its middleware for jobs of `Tasks`.

    Args:
        app: The application.
        open_store: Returns the job store.
        open_source: Returns where workers get the jobs from.
        jobs: Creates the jobs of actions.
        enqueue_before_commit: Enqueues a job in the current transaction, right before its commit;
            returns its id, or `None` if there is none.
    """

    def __init__(
        self,
        app: Application,
        open_store: Callable[[], JobStore],
        open_source: Callable[[], JobSource],
        jobs: JobFactory,
        enqueue_before_commit: Callable[[NewJob], str | None],
    ) -> None:
        self._app = app
        self._open_store = open_store
        self._open_source = open_source
        self._jobs = jobs
        self._enqueue_before_commit = enqueue_before_commit
        self._broker: ApplicationBroker | None = None

    @property
    def broker(self) -> ApplicationBroker:
        """The broker.

        Raises:
            PluginError: A plugin returns something else than middleware.
        """
        if self._broker is None:
            from dramatiq import Middleware

            from actionhero_tasks.dramatiq.application_broker import ApplicationBroker

            collected = self._app.plugins.collect(HOOK, Middleware, app=self._app)
            self._app.raise_for_problems()
            self._broker = ApplicationBroker(
                self._app,
                self._open_store,
                self._jobs,
                self._enqueue_before_commit,
                [item for _, item in collected],
                self._open_source,
            )
        return self._broker

    def activate(self) -> None:
        """Make the broker dramatiq's global one, as soon as dramatiq is imported.

        A process that runs a single command imports it only if it has middleware.

        Raises:
            BootError: The actors of the application cannot be declared.
        """
        if self._app.mode is not RunMode.CLI or self._app.plugins.implementers(HOOK):
            importlib.import_module("dramatiq")
        activate(self)

    def deactivate(self) -> None:
        """Restore dramatiq's global broker."""
        deactivate(self)

    def before_enqueue(self, jobs: list[NewJob]) -> list[NewJob]:
        """Emit the signal for jobs, and return them with the options of middleware."""
        broker = self._broker
        if broker is None or not broker.listens_to_enqueue:
            return jobs
        return [broker.before_enqueue(job) for job in jobs]

    def after_enqueue(self, jobs: Sequence[NewJob], ids: Sequence[str]) -> None:
        """Emit the signal for the jobs that were added under their own ids."""
        broker = self._broker
        if broker is not None and broker.listens_to_enqueue:
            for job, id in zip(jobs, ids, strict=True):
                if job.id == id:
                    broker.after_enqueue(job)
