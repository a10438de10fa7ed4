"""`TasksInitializer`: provides `Tasks`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actionhero import Initializer, RunMode, UnavailableError
from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import store_error
from actionhero_tasks.task import ATTRIBUTE
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from actionhero import Application


class TasksInitializer(Initializer):
    """Provides `Tasks`, whose store is opened on first access."""

    name = "tasks"
    after = ("redis", "db")
    check_name = "queue"

    def __init__(self) -> None:
        self._tasks: Tasks | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `Tasks`."""
        self._tasks = Tasks(app)
        app.provide(Tasks, self._tasks)

    async def start(self, app: Application) -> None:
        """Set dramatiq's global broker, and check the store and the message broker.

        They are not checked if the application runs a single command.

        Raises:
            BootError: An actor of dramatiq cannot be declared.
            ConfigurationError: `app.secret_key` is not set in production, and is needed.
            UnavailableError: One of them cannot be used.
        """
        if self._tasks is None:
            return
        self._tasks.signals.activate()
        if self._tasks.enqueuer is not None:
            self._tasks.enqueuer.start()
        if app.mode is RunMode.CLI:
            return
        if app.environment == "production" and _needs_secret_key(app):
            # Otherwise the first secret input, or the first sign-in to the page, would fail.
            app.secret_key()
        try:
            await self._tasks.check()
            await self._tasks.check_broker()
        except BrokerUnavailable as error:
            raise UnavailableError(
                f"cannot use the broker of jobs: {error}; start it, or set "
                "ACTIONHERO_TASKS__BROKER_URL to its URL"
            ) from error
        except StoreUnavailable as error:
            raise store_error(app, error) from error

    async def stop(self, app: Application) -> None:
        """Close the store."""
        if self._tasks is not None:
            if self._tasks.enqueuer is not None:
                self._tasks.enqueuer.stop()
            await asyncio.to_thread(self._tasks.close)

    async def check(self) -> None:
        """Raise if the store cannot be used.

        While a message broker cannot be used, jobs are stored nevertheless, and sent later.
        """
        if self._tasks is not None:
            await self._tasks.check()


def _needs_secret_key(app: Application) -> bool:
    """Return whether the page has a password, or an action with `task` has secret inputs."""
    return app.get(TasksSettings).operator_password is not None or any(
        action.inputs.sensitive_names and action.attribute(ATTRIBUTE) is not None
        for action in app.actions
    )
