"""Sockets that a plugin handles itself: `Endpoint` and `EndpointSocket`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable  # noqa: TC003 - fields of a dataclass, read at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero.transport import ends_task
from actionhero_websocket.protocol import frames
from actionhero_websocket.protocol.socket import Socket
from actionhero_websocket.rate import MessageRate

if TYPE_CHECKING:
    from actionhero_web import UpgradeRequest
    from actionhero_websocket.protocol.socket import SocketOwner

logger = logging.getLogger("actionhero.websocket")

#: How much may be buffered for the handler before reading from the client pauses.
RECEIVE_BUFFER_BYTES: Final = 256 * 1024
#: The memory of a buffered message in addition to its content.
MESSAGE_OVERHEAD_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, and the coroutine function that handles each socket opened at it.

    Args:
        path: The complete path; the prefix of actions is not added.
        serve: Awaited with an `EndpointSocket`. When it returns, the socket is closed with 1000;
            if it raises, the exception is logged and the socket is closed with 1011. It is
            cancelled when the client disconnects.
        messages_per_second: How many messages per second the handler receives at most; reading
            from a faster client is slowed down, and its socket is closed with 1008 after
            `websocket.rate_timeout`. 0: no limit; `None`: `websocket.messages_per_second`.
    """

    path: str
    serve: Callable[[EndpointSocket], Awaitable[None]]
    messages_per_second: int | None = None


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
        endpoint: The endpoint.
        report: Reports an unexpected exception of the endpoint.
    """

    __slots__ = (
        "_buffered_bytes",
        "_endpoint",
        "_is_handling",
        "_is_reading_paused",
        "_messages",
        "_rate",
        "_received",
        "_receiving_rate",
        "_report",
        "_task",
    )

    def __init__(
        self,
        sockets: SocketOwner,
        request: UpgradeRequest,
        endpoint: Endpoint,
        *,
        window_bits: int = 0,
        report: Callable[[BaseException, str], None] = lambda *_: None,
    ) -> None:
        super().__init__(sockets, request, window_bits=window_bits)
        self._endpoint = endpoint
        self._report = report
        limit = endpoint.messages_per_second
        if limit is None:
            limit = sockets.settings.messages_per_second
        #: The messages of the client, and those that the handler has received.
        self._rate, self._receiving_rate = MessageRate(limit), MessageRate(limit)
        self._messages: deque[str | bytes] = deque()
        #: Whether the handler has received a message, and has not called `receive` again.
        self._is_handling = False
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
        loop = asyncio.get_running_loop()
        self._is_handling = False
        self.end_if_idle()
        while not self._messages:
            if self.is_ending:
                return None
            self._received = loop.create_future()
            await self._received
        if delay := self._receiving_rate.delay(loop.time()):
            await asyncio.sleep(delay)
        self._receiving_rate.count(loop.time())
        self._is_handling = True
        message = self._messages.popleft()
        self._buffered_bytes -= len(message) + MESSAGE_OVERHEAD_BYTES
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
        now = asyncio.get_running_loop().time()
        if self._rate.count(now) and self._rate.exceeded_seconds(now) >= self.sockets.rate_seconds:
            self.close_when_idle(frames.POLICY_VIOLATION, "WebSocket rate limit exceeded")
            return
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
        self._buffered_bytes += len(message) + MESSAGE_OVERHEAD_BYTES
        if self._buffered_bytes > RECEIVE_BUFFER_BYTES and not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()
        self._notify()

    def is_busy(self) -> bool:
        """Return whether the handler has not handled all messages."""
        return bool(self._messages) or self._is_handling

    def on_close_frame(self, reply: Callable[[], None]) -> None:
        """Reply once the handler has handled the messages before the close frame."""
        self.end(reply, self.sockets.replying)

    def on_ending(self) -> None:
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
            await self._endpoint.serve(self)
        except BaseException as error:
            if ends_task(error):
                raise
            logger.exception("endpoint %r failed: %s", self.request.path, error)
            self._report(error, f"endpoint {self.request.path!r}")
            code, reason = frames.INTERNAL_ERROR, "Internal error"
        else:
            code, reason = frames.NORMAL, ""
        # If the client has closed or failed already, with the code of that.
        self.end_now()
        self.close(code, reason)
