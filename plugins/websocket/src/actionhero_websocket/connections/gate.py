"""`ConnectGate`: holds the messages of a new client back until the listeners have returned."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, TypedError
from actionhero_websocket.protocol import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero_websocket.connections.live_connection import LiveConnection
    from actionhero_websocket.connections.notifier import ConnectionNotifier
    from actionhero_websocket.protocol.socket import Socket

logger = logging.getLogger("actionhero.websocket")

#: How much is buffered before reading pauses.
BUFFER_BYTES: Final = 65536


class ConnectGate(asyncio.Protocol):
    """The protocol of a new connection until `on_connect` of all listeners has returned.

    The socket is open in the meantime, so listeners can send to it; what the client sends is held
    back. A socket without listeners has no gate.

    Args:
        socket: The socket.
        connection: Its connection.
        notifier: Calls the listeners.
        resolve_user: Loads the user of the connection.
        on_accepted: Called with the connection when no listener has refused it.
        timeout_seconds: The time limit for all listeners.
    """

    def __init__(
        self,
        socket: Socket,
        connection: LiveConnection,
        notifier: ConnectionNotifier,
        resolve_user: Callable[[LiveConnection], Awaitable[None]],
        on_accepted: Callable[[LiveConnection], None],
        timeout_seconds: float,
    ) -> None:
        self._socket = socket
        self._connection = connection
        self._notifier = notifier
        self._resolve_user = resolve_user
        self._on_accepted = on_accepted
        self._timeout_seconds = timeout_seconds
        self._transport: Any = None
        self._received = bytearray()
        self._is_paused = False

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the socket, and call the listeners."""
        self._transport = transport
        connecting = asyncio.get_running_loop().create_task(self._connect())
        self._notifier.start(self._connection, connecting)
        self._socket.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hold data back; a socket that is closing waits for the close frame."""
        self._received += data
        if self._socket.is_closing:
            self._forward()
        elif len(self._received) > BUFFER_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Close: the client has closed its side without a close frame."""

    def pause_writing(self) -> None:
        """Pause: the write buffer is full."""
        self._socket.pause_writing()

    def resume_writing(self) -> None:
        """Resume: the write buffer has room."""
        self._socket.resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Clean up: the connection is closed. This cancels the listeners."""
        self._transport = None
        self._socket.connection_lost(exc)

    # -- listeners -----------------------------------------------------------------------------

    async def _connect(self) -> None:
        socket, connection = self._socket, self._connection
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._resolve_user(connection)
                await self._notifier.connect(connection)
        except TypedError as error:
            is_outage = error.type is ErrorType.SERVICE_UNAVAILABLE
            code = frames.TRY_AGAIN_LATER if is_outage else frames.POLICY_VIOLATION
            socket.close(code, error.message)
        except Exception as error:  # noqa: BLE001 - the time limit, or any error of the session store
            logger.warning("a connection was refused, because connecting failed: %r", error)
            socket.close(frames.TRY_AGAIN_LATER, "Connecting failed")
        else:
            if not socket.is_closing:
                self._on_accepted(connection)
        if self._transport is not None:
            self._transport.set_protocol(socket)
            self._forward()

    def _forward(self) -> None:
        """Pass the data on, and continue to read."""
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        if self._received:
            received, self._received = bytes(self._received), bytearray()
            self._socket.data_received(received)
