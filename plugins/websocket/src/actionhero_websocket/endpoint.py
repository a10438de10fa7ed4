"""Sockets that a plugin handles itself: `Endpoint` and `EndpointSocket`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable  # noqa: TC003 - fields of a dataclass, read at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero_websocket.protocol import frames
from actionhero_websocket.protocol.socket import Socket

if TYPE_CHECKING:
    from actionhero_web import UpgradeRequest
    from actionhero_websocket.protocol.socket import SocketOwner

logger = logging.getLogger("actionhero.websocket")

#: How much may be buffered for the handler before reading from the client pauses.
RECEIVE_BUFFER_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, and the coroutine function that handles each socket opened at it.

    Args:
        path: The complete path; the prefix of actions is not added.
        serve: Awaited with an `EndpointSocket`. When it returns, the socket is closed with 1000;
            if it raises, the exception is logged and the socket is closed with 1011. It is
            cancelled when the client disconnects.
    """

    path: str
    serve: Callable[[EndpointSocket], Awaitable[None]]


class EndpointSocket(Socket):
    """A socket with methods to receive and send messages.

    ```python
    async for message in socket:
        await socket.send(message)
    ```

    Args:
        sockets: The registry of sockets.
        request: The request of the handshake.
        window_bits: The negotiated compression window, as a base-two logarithm; 0: none.
        serve: The handler.
    """

    __slots__ = (
        "_buffered_bytes",
        "_is_reading_paused",
        "_messages",
        "_received",
        "_serve",
        "_task",
    )

    def __init__(
        self,
        sockets: SocketOwner,
        request: UpgradeRequest,
        serve: Callable[[EndpointSocket], Awaitable[None]],
        *,
        window_bits: int = 0,
    ) -> None:
        super().__init__(sockets, request, window_bits=window_bits)
        self._serve = serve
        self._messages: deque[str | bytes] = deque()
        self._buffered_bytes = 0
        self._is_reading_paused = False
        self._received: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def __aiter__(self) -> EndpointSocket:
        """Iterate over the messages until the socket is closed."""
        return self

    async def __anext__(self) -> str | bytes:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def receive(self) -> str | bytes | None:
        """Return the next message, `str` or `bytes`; `None` when the socket is closed."""
        while not self._messages:
            if self.is_closing:
                return None
            self._received = asyncio.get_running_loop().create_future()
            await self._received
        message = self._messages.popleft()
        self._buffered_bytes -= len(message)
        if self._is_reading_paused and self._buffered_bytes <= RECEIVE_BUFFER_BYTES // 2:
            self._is_reading_paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a text or binary message, and wait until the client has received most of it."""
        opcode = frames.TEXT if isinstance(message, str) else frames.BINARY
        body = message.encode() if isinstance(message, str) else bytes(message)
        if self.window_bits:
            self.write(frames.deflated_frame(body, self.window_bits, opcode))
        else:
            self.write(frames.frame(opcode, body))
        await self.drained()

    # -- events of the connection --------------------------------------------------------------

    def on_open(self) -> None:
        """Start the handler."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def on_message(self, opcode: int, content: bytearray) -> None:
        """Buffer a message for the handler."""
        message: str | bytes
        if opcode == frames.TEXT:
            try:
                message = content.decode()
            except UnicodeDecodeError:
                self.fail(frames.INVALID_TEXT, "Received text that is not UTF-8")
                return
        else:
            message = bytes(content)
        self._messages.append(message)
        self._buffered_bytes += len(message)
        if self._buffered_bytes > RECEIVE_BUFFER_BYTES and not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()
        self._notify()

    def on_closing(self) -> None:
        """Wake up `receive`."""
        self._notify()

    def on_disconnect(self) -> None:
        """Cancel the handler."""
        self._notify()
        if self._task is not None:
            self._task.cancel()

    def _notify(self) -> None:
        if self._received is not None and not self._received.done():
            self._received.set_result(None)
        self._received = None

    async def _run(self) -> None:
        try:
            await self._serve(self)
        except asyncio.CancelledError:
            pass
        except Exception as error:
            logger.exception("endpoint %r failed: %s", self.request.path, error)
            self.close(frames.INTERNAL_ERROR, "Internal error")
        else:
            self.close(frames.NORMAL)
