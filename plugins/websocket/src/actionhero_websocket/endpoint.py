"""Sockets that a plugin owns: `Endpoint`, and what serves it is given, `EndpointSocket`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable  # noqa: TC003 - fields of a dataclass, read at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero_websocket import frames
from actionhero_websocket.socket import Socket

if TYPE_CHECKING:
    from actionhero_web import UpgradeRequest
    from actionhero_websocket.sockets import Sockets

logger = logging.getLogger("actionhero.websocket")

#: How much may wait for whoever serves a socket before no more is read from the client.
RECEIVE_BUFFER_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path at which sockets come in, and the coroutine function that owns each of them.

    Args:
        path: The path, whole: the prefix of the actions is not put before it.
        serve: Awaited with an `EndpointSocket`. When it returns the socket is closed with 1000;
            what it raises is logged, and closes with 1011. It is cancelled when the client is gone.
    """

    path: str
    serve: Callable[[EndpointSocket], Awaitable[None]]


class EndpointSocket(Socket):
    """A socket, for the coroutine that owns it.

    ```python
    async for message in socket:
        await socket.send(message)
    ```

    Args:
        sockets: Where it is noted, and the knobs.
        request: The request by which it came in.
        window_bits: How far back the compression that was agreed on looks; 0: there is none.
        serve: What owns it.
    """

    __slots__ = ("_arrived", "_messages", "_reading_is_paused", "_serve", "_task", "_waiting_bytes")

    def __init__(
        self,
        sockets: Sockets,
        request: UpgradeRequest,
        serve: Callable[[EndpointSocket], Awaitable[None]],
        *,
        window_bits: int = 0,
    ) -> None:
        super().__init__(sockets, request, window_bits=window_bits)
        self._serve = serve
        self._messages: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._reading_is_paused = False
        self._arrived: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def __aiter__(self) -> EndpointSocket:
        """Iterate over the messages, until the socket is closed."""
        return self

    async def __anext__(self) -> str | bytes:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def receive(self) -> str | bytes | None:
        """Return the next message: text, or bytes; `None` when there is none any more."""
        while not self._messages:
            if self.is_closing:
                return None
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        message = self._messages.popleft()
        self._waiting_bytes -= len(message)
        if self._reading_is_paused and self._waiting_bytes <= RECEIVE_BUFFER_BYTES // 2:
            self._reading_is_paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()
        return message

    async def send(self, message: str | bytes) -> None:
        """Send text, or bytes; returns when the client has room for more."""
        opcode = frames.TEXT if isinstance(message, str) else frames.BINARY
        body = message.encode() if isinstance(message, str) else bytes(message)
        if self.window_bits:
            self.write(frames.deflated_frame(body, self.window_bits, opcode))
        else:
            self.write(frames.frame(opcode, body))
        await self.drained()

    # -- what the connection tells -------------------------------------------------------------

    def opened(self) -> None:
        """Let whoever owns it begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def received(self, opcode: int, content: bytearray) -> None:
        """Keep a message until it is asked for."""
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
        self._waiting_bytes += len(message)
        if self._waiting_bytes > RECEIVE_BUFFER_BYTES and not self._reading_is_paused:
            self._reading_is_paused = True
            self.transport.pause_reading()
        self._tell()

    def ended(self) -> None:
        """Wake whoever waits for a message."""
        self._tell()

    def lost(self) -> None:
        """Cancel what was begun for somebody who is gone."""
        self._tell()
        if self._task is not None:
            self._task.cancel()

    def _tell(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
        self._arrived = None

    async def _run(self) -> None:
        try:
            await self._serve(self)
        except asyncio.CancelledError:
            pass
        except Exception as error:
            logger.exception("what serves %s failed: %s", self.request.path, error)
            self.close(frames.INTERNAL_ERROR, "Internal error")
        else:
            self.close(frames.NORMAL)
