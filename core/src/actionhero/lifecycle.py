"""Bringing an application up and down, in order, whatever fails on the way."""

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


class Phase(StrEnum):
    """How far an application has come."""

    LOADED = "loaded"
    INITIALIZED = "initialized"
    STARTED = "started"
    STOPPED = "stopped"


class Lifecycle:
    """load → initialize → start → running → stop.

    Args:
        app: The application that initializers and servers are handed.
        initializers: In the order in which they start.
        servers: In the order in which they start, after every initializer.
        grace_seconds: How long open calls may go on after `stop` began.
    """

    def __init__(
        self,
        app: Application,
        initializers: Sequence[Initializer],
        servers: Sequence[Server],
        grace_seconds: float,
    ) -> None:
        self.phase = Phase.LOADED
        self.drain = Drain(lambda server: self._named("server", server))
        self.grace_seconds = grace_seconds
        self._app = app
        self._initializers = initializers
        self._servers = servers
        # What `stop` has to undo, in the order in which it was done.
        self._entered: list[Initializer] = []
        self.open_servers: list[Server] = []

    async def initialize(self) -> None:
        """Let every initializer build what it provides.

        Raises:
            LifecycleError: One failed. What was entered before has been stopped.
        """
        for initializer in self._initializers:
            self._entered.append(initializer)
            try:
                await initializer.initialize(self._app)
            except BaseException as error:  # noqa: BLE001 - what was started is stopped first
                await self._give_up("initialize", "initializer", initializer, error)
        self.phase = Phase.INITIALIZED

    async def start(self) -> None:
        """Start every initializer, then open every server.

        Raises:
            LifecycleError: One failed, or a `BootError` of its own. What was started before has
                been stopped.
        """
        if self.phase is Phase.LOADED:
            await self.initialize()
        for initializer in self._initializers:
            try:
                await initializer.start(self._app)
            except BaseException as error:  # noqa: BLE001 - what was started is stopped first
                await self._give_up("start", "initializer", initializer, error)
        for server in self._servers:
            self.open_servers.append(server)
            try:
                await server.start(self._app)
            except BaseException as error:  # noqa: BLE001 - what was started is stopped first
                await self._give_up("start", "server", server, error)
        self.phase = Phase.STARTED

    def without_servers(self) -> None:
        """Leave the servers closed: whoever starts this only wants what initializers provide."""
        self._servers = ()

    async def stop(self) -> None:
        """Close the servers, then stop the initializers in reverse; a second time does nothing.

        Raises:
            LifecycleError: Something failed on the way; all the rest has been stopped.
        """
        failures = await self._stop()
        if failures:
            what, first = failures[0]
            raise LifecycleError(f"{what} failed to stop: {_told(first)}") from first

    async def _stop(self) -> list[tuple[str, Exception]]:
        if self.phase is Phase.STOPPED:
            return []
        failures: list[tuple[str, Exception]] = []
        servers, self.open_servers = self.open_servers, []
        failures += await self.drain.run(servers, self.grace_seconds)
        while self._entered:
            initializer = self._entered.pop()
            try:
                await initializer.stop(self._app)
            except Exception as error:  # noqa: BLE001 - the others must be stopped all the same
                failures.append((self._named("initializer", initializer), error))
        self._app.pipeline.close()
        self.phase = Phase.STOPPED
        for what, failure in failures:
            logger.error("%s failed to stop: %s", what, failure, exc_info=failure)
        return failures

    async def _give_up(
        self, phase: str, kind: str, part: Initializer | Server, error: BaseException
    ) -> None:
        """Stop what was started, then report the failure that began it."""
        await self._stop()
        # A cancellation, and an error that says itself what to do, are passed on as they are.
        if isinstance(error, asyncio.CancelledError | BootError) or not isinstance(
            error, Exception
        ):
            raise error
        named = self._named(kind, part)
        raise LifecycleError(f"{named} failed to {phase}: {_told(error)}") from error

    def _named(self, kind: str, part: Initializer | Server) -> str:
        return f"{kind} {part.name!r} ({self._app.plugins.place_of(part)})"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


#: How long closing what is left may take, after the grace time. With the default grace time of
#: 20 s all ends within 25 s, so that a platform that kills after 30 s never has to.
CLOSE_SECONDS = 4.0


#: What failed, and how.
Failure = tuple[str, Exception]


class DrainState(StrEnum):
    """Where a process is on its way down; it only ever goes forward."""

    RUNNING = "running"
    DRAINING = "draining"
    CLOSING = "closing"
    STOPPED = "stopped"


def _name(server: Server) -> str:
    return f"server {server.name!r}"


class Drain:
    """The one state machine for the end of all servers.

    not ready → stop accepting → open calls finish, up to the grace time → close.

    Args:
        name_of: Returns how failures name a server.
    """

    def __init__(self, name_of: Callable[[Server], str] = _name) -> None:
        self._name_of = name_of
        self.state = DrainState.RUNNING

    @property
    def ready(self) -> bool:
        """Whether new work is welcome; `/readyz` tells it."""
        return self.state is DrainState.RUNNING

    async def run(self, servers: Sequence[Server], grace_seconds: float) -> list[Failure]:
        """Bring all `servers` to their end.

        Args:
            servers: Those that have started.
            grace_seconds: How long open calls may go on before they are cancelled.

        Returns:
            What went wrong on the way, and with which server; every step is taken all the same.
        """
        if self.state is not DrainState.RUNNING:
            return []
        # Before anything else: a balancer that asks now must look for somebody else.
        self.state = DrainState.DRAINING
        failures: list[Failure] = []
        for server in servers:
            try:
                await server.stop_accepting()
            except Exception as error:  # noqa: BLE001 - one server must not keep another open
                failures.append((self._name_of(server), error))
        if servers:
            failures += await self._finish(servers, grace_seconds)
        self.state = DrainState.CLOSING
        for server in reversed(servers):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await server.close()
            except Exception as error:  # noqa: BLE001
                failures.append((self._name_of(server), error))
        self.state = DrainState.STOPPED
        return failures

    async def _finish(self, servers: Sequence[Server], grace_seconds: float) -> list[Failure]:
        tasks = {asyncio.create_task(server.finish()): server for server in servers}
        _, late = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in late:
            logger.warning(
                "server %r still has open calls after %.1f s; they are cancelled",
                tasks[task].name,
                grace_seconds,
            )
            task.cancel()
        if late:
            # One that does not heed it must not keep the process alive.
            await asyncio.wait(late, timeout=CLOSE_SECONDS)
        return [
            (self._name_of(server), error)
            for task, server in tasks.items()
            if task.done()
            and not task.cancelled()
            and isinstance(error := task.exception(), Exception)
        ]
