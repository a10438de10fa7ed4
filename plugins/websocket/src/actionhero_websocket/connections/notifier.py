"""`ConnectionNotifier`: calls the listeners when clients connect and disconnect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from actionhero import ErrorType, TypedError
from actionhero.transport import ends_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero import Outcome
    from actionhero_websocket.connections.listener import RegisteredListener
    from actionhero_websocket.connections.live_connection import LiveConnection


class ErrorReporter(Protocol):
    """The pipeline, as far as errors outside of calls need it."""

    def error_outcome(self, operation: str, error: BaseException) -> Outcome:
        """Log an unexpected error, and return its outcome."""


class ConnectionNotifier:
    """Calls the listeners when clients connect and disconnect.

    Args:
        listeners: The listeners.
        errors: Logs errors.
    """

    def __init__(self, listeners: Sequence[RegisteredListener], errors: ErrorReporter) -> None:
        self.listeners = listeners
        self._errors = errors
        #: The listeners whose `on_connect` has returned.
        self._connected: dict[LiveConnection, list[RegisteredListener]] = {}
        #: The calls of `on_connect` that have not finished.
        self._connecting: dict[LiveConnection, asyncio.Task[None]] = {}

    def is_notified(self, connection: LiveConnection) -> bool:
        """Return whether `disconnect` must be called."""
        return connection in self._connected

    @property
    def connecting(self) -> Iterable[LiveConnection]:
        """The connections that are not accepted yet."""
        return self._connecting

    def start(self, connection: LiveConnection, connecting: asyncio.Task[None]) -> None:
        """Store the task that calls `connect`; `disconnect` cancels it."""
        self._connected[connection] = []
        self._connecting[connection] = connecting
        connecting.add_done_callback(lambda _: self._connecting.pop(connection, None))

    async def connect(self, connection: LiveConnection) -> None:
        """Call `on_connect` of each listener.

        Raises:
            TypedError: A listener has refused the connection, or a service is unavailable.
        """
        connected = self._connected[connection]
        for registered in self.listeners:
            try:
                await registered.listener.on_connect(connection)
            except TypedError:
                raise
            except BaseException as error:
                if ends_task(error):
                    raise
                operation = f"on_connect of {registered.description}"
                typed = self._errors.error_outcome(operation, error).error
                if typed is not None and typed.type is ErrorType.SERVICE_UNAVAILABLE:
                    # Such as a database: the listener could not decide.
                    raise typed from error
            else:
                connected.append(registered)

    async def disconnect(self, connection: LiveConnection, code: int) -> None:
        """Call `on_disconnect` of each listener whose `on_connect` has returned, in reverse."""
        connecting = self._connecting.get(connection)
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait([connecting])
        for registered in reversed(self._connected.pop(connection, [])):
            try:
                await registered.listener.on_disconnect(connection, code)
            except BaseException as error:
                if ends_task(error):
                    raise
                self._errors.error_outcome(f"on_disconnect of {registered.description}", error)
