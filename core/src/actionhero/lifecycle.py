"""Bringing an application up and down, in order, whatever fails on the way."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from typing import TYPE_CHECKING

from actionhero.drain import Drain
from actionhero.errors import BootError, LifecycleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.app import App
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
        app: App,
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
