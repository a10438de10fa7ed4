"""`Lifecycle`: starts and stops an application in order, and `Drain`: stops its servers."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from typing import TYPE_CHECKING

from actionhero.errors import BootError, LifecycleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero.application import Application
    from actionhero.initializer import Initializer
    from actionhero.server import Server

logger = logging.getLogger("actionhero.lifecycle")

#: The name of an initializer or a server, and its error.
Failure = tuple[str, BaseException]

#: They end a task or the process, and are raised as they are.
_PROCESS_ENDS = asyncio.CancelledError | GeneratorExit | KeyboardInterrupt | SystemExit

#: The time limit for closing a server, after the grace period. With the default grace period of
#: 20 s the shutdown takes less than 25 s, before a platform kills the process after 30 s.
CLOSE_SECONDS = 4.0


class Phase(StrEnum):
    """The phase of an application."""

    LOADED = "loaded"
    STARTED = "started"
    STOPPED = "stopped"


class Lifecycle:
    """load → initialize → start → running → stop.

    Args:
        app: The application.
        initializers: The initializers, in the order in which they start.
        servers: The servers, in the order in which they start, after all initializers.
        grace_seconds: How long open calls may continue after `stop` was called.
    """

    def __init__(
        self,
        app: Application,
        initializers: Sequence[Initializer],
        servers: Sequence[Server],
        grace_seconds: float,
    ) -> None:
        self.phase = Phase.LOADED
        self.drain = Drain(lambda server: self._describe("server", server))
        self.grace_seconds = grace_seconds
        self._app = app
        self._initializers = initializers
        self._servers = servers
        # In the order in which they were started; `stop` reverses it.
        self._started_initializers: list[Initializer] = []
        self._started_servers: list[Server] = []

    async def start(self) -> None:
        """Initialize all initializers, start them, then start all servers.

        Raises:
            BootError: One failed. The others have been stopped.
        """
        for initializer in self._initializers:
            self._started_initializers.append(initializer)
            await self._run("initialize", "initializer", initializer)
        for initializer in self._initializers:
            await self._run("start", "initializer", initializer)
        for server in self._servers:
            self._started_servers.append(server)
            await self._run("start", "server", server)
        self.phase = Phase.STARTED

    def disable_servers(self) -> None:
        """Start the initializers only, as `actionhero doctor` does."""
        self._servers = ()

    async def stop(self) -> None:
        """Stop the servers, then the initializers in reverse. A second call does nothing.

        Raises:
            LifecycleError: One failed. The others have been stopped.
        """
        failures = await self._stop()
        if failures:
            name, error = failures[0]
            raise LifecycleError(f"{name} failed to stop: {error_text(error)}") from error

    async def _stop(self) -> list[Failure]:
        if self.phase is Phase.STOPPED:
            return []
        servers, self._started_servers = self._started_servers, []
        failures = await self.drain.run(servers, self.grace_seconds)
        while self._started_initializers:
            initializer = self._started_initializers.pop()
            try:
                await initializer.stop(self._app)
            except BaseException as error:  # noqa: BLE001 - the others must be stopped, too
                _raise_cancellation(error)
                failures.append((self._describe("initializer", initializer), error))
        self._app.pipeline.close()
        self.phase = Phase.STOPPED
        for name, failure in failures:
            logger.error("%s failed to stop: %s", name, failure, exc_info=failure)
            self._app.pipeline.report_exception(failure, f"{name} failed to stop")
        return failures

    async def _run(self, method: str, kind: str, part: Initializer | Server) -> None:
        """Call a method of an initializer or a server. If it fails, stop everything, and raise."""
        try:
            await getattr(part, method)(self._app)
        except BaseException as error:
            if not isinstance(error, _PROCESS_ENDS):
                operation = f"{self._describe(kind, part)} failed to {method}"
                self._app.pipeline.report_exception(error, operation)
            await self._stop()
            # So are errors that name their remedy.
            if isinstance(error, BootError | _PROCESS_ENDS):
                raise
            raise LifecycleError(
                f"{self._describe(kind, part)} failed to {method}: {error_text(error)}"
            ) from error

    def _describe(self, kind: str, part: Initializer | Server) -> str:
        return f"{kind} {part.name!r} ({self._app.plugins.describe(part)})"


def _raise_cancellation(error: BaseException) -> None:
    """Raise `error` if the task that stops the application is cancelled; else it is a failure."""
    task = asyncio.current_task()
    is_cancelled = task is not None and task.cancelling() > 0
    if isinstance(error, GeneratorExit) or (
        is_cancelled and isinstance(error, asyncio.CancelledError)
    ):
        raise error


def error_text(error: BaseException) -> str:
    """Return the type and the text of an error, or its type alone if it has no text."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class Drain:
    """The shutdown of all servers together.

    not ready → stop accepting → open calls finish, up to the grace period → close.

    Args:
        describe: Returns the name of a server for its failures.
    """

    def __init__(
        self, describe: Callable[[Server], str] = lambda server: f"server {server.name!r}"
    ) -> None:
        self._describe = describe
        #: Whether the shutdown has begun: no new calls are accepted.
        self.has_begun = False

    async def run(self, servers: Sequence[Server], grace_seconds: float) -> list[Failure]:
        """Shut down all `servers`.

        Args:
            servers: The started servers.
            grace_seconds: How long open calls may continue before they are cancelled.

        Returns:
            The failures. Every step is taken for every server nevertheless.
        """
        if self.has_begun:
            return []
        # First of all, so that load balancers send no further requests.
        self.has_begun = True
        failures: list[Failure] = []
        for server in servers:
            try:
                await server.stop_accepting()
            except BaseException as error:  # noqa: BLE001 - the others must be stopped, too
                _raise_cancellation(error)
                failures.append((self._describe(server), error))
        if servers:
            failures += await self._finish(servers, grace_seconds)
        for server in reversed(servers):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await server.close()
            except BaseException as error:  # noqa: BLE001 - the others must be closed, too
                _raise_cancellation(error)
                failures.append((self._describe(server), error))
        return failures

    async def _finish(self, servers: Sequence[Server], grace_seconds: float) -> list[Failure]:
        tasks = {asyncio.create_task(server.finish()): server for server in servers}
        _, late = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in late:
            logger.warning(
                "server %r still has open calls after %.1f s; cancelling them",
                tasks[task].name,
                grace_seconds,
            )
            task.cancel()
        if late:
            # A server that ignores the cancellation must not keep the process alive.
            await asyncio.wait(late, timeout=CLOSE_SECONDS)
        return [
            (self._describe(server), error)
            for task, server in tasks.items()
            if task.done() and not task.cancelled() and (error := task.exception()) is not None
        ]
