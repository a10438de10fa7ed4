"""`Requests`: messages with replies, sent again where that is safe."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType
from actionhero.transport import Backoff
from actionhero_websocket.client.delays import JITTER
from actionhero_websocket.client.encoding import encode_message
from actionhero_websocket.client.errors import CallFailed, ConnectionLost, parse_error
from actionhero_websocket.client.options import CallOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    import aiohttp

    from actionhero_websocket.client.connection import ClientConnection, Reply

#: The error of the server's limit of messages per second; actions have limits of their own.
RATE_EXCEEDED: Final = "WebSocket rate limit exceeded"
#: The error of calls that the server cancels or refuses while it stops.
SHUTTING_DOWN: Final = "The server is shutting down"
#: The limits of the first delay, and of all delays, before a refused call is sent again.
RETRY_SECONDS: Final = (0.2, 10.0)
_ONCE: Final = CallOptions()


class Requests:
    """Sends messages over a connection, and returns the replies.

    Args:
        connection: The connection.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._ids = itertools.count(1)

    async def request(
        self,
        message: Mapping[str, Any],
        on_reply: Callable[[Reply], bool] | None = None,
        *,
        options: CallOptions = _ONCE,
        socket: aiohttp.ClientWebSocketResponse | None = None,
    ) -> Reply:
        """Send a message, and return the last reply.

        A message over the rate of the server is sent again: the server has not handled it.

        Args:
            message: The message, without `messageId`.
            on_reply: Called with each reply, before any later message is handled; returns whether
                it is the last one. By default, there is one.
            options: The options of the call.
            socket: A new connection that is not in general use yet.

        Raises:
            CallFailed: The server answered with an error.
            ConnectionLost: There is no reply.
            InvalidInputs: The message is too large.
            TimeoutError: The timeout of the call has passed.
        """
        id, text = self._encode(message)
        seconds = options.timeout.total_seconds() if options.timeout is not None else None
        try:
            async with asyncio.timeout(seconds):
                return await self._request(id, text, on_reply, options, socket)
        except TimeoutError:
            raise TimeoutError(
                f"no answer within {seconds} s; if it was sent, the action may have run or not"
            ) from None

    async def stream(self, message: Mapping[str, Any]) -> AsyncGenerator[str]:
        """Send a message, and yield the chunks of the replies.

        Raises:
            CallFailed: The server answered with an error.
            ConnectionLost: The connection was lost.
            InvalidInputs: The message is too large.
        """
        id, text = self._encode(message)
        replies: asyncio.Queue[Reply | ConnectionLost] = asyncio.Queue()
        is_open = True

        def handle(reply: Reply | ConnectionLost) -> None:
            nonlocal is_open
            is_open = not isinstance(reply, ConnectionLost) and "chunk" in reply
            replies.put_nowait(reply)

        await self.connection.send(id, text, handle)
        try:
            while True:
                reply = await replies.get()
                if isinstance(reply, ConnectionLost):
                    raise reply
                if "error" in reply:
                    error = parse_error(reply["error"])
                    if not self._slow_down(error):
                        raise error
                    await self.connection.send(id, text, handle)
                    is_open = True
                    continue
                if "chunk" not in reply:
                    return
                yield reply["chunk"]
        finally:
            self.connection.forget(id)
            if is_open:
                self._end_stream(id)

    def _end_stream(self, id: int) -> None:
        """Ask the server to end a stream; without a connection, it has ended."""

        async def send() -> None:
            with suppress(ConnectionLost):
                text = encode_message({"messageType": "cancel", "messageId": id}, 0)
                await self.connection.send(id, text, lambda _: None)
            # The response would be the end of the stream.
            self.connection.forget(id)

        if self.connection.is_online:
            self.connection.start(send())

    def _encode(self, message: Mapping[str, Any]) -> tuple[int, str]:
        id = next(self._ids)
        limit = self.connection.options.message_limit_bytes
        return id, encode_message({"messageId": id, **message}, limit)

    async def _request(
        self,
        id: int,
        text: str,
        on_reply: Callable[[Reply], bool] | None,
        options: CallOptions,
        socket: aiohttp.ClientWebSocketResponse | None,
    ) -> Reply:
        backoff = Backoff(*RETRY_SECONDS, jitter=JITTER)
        while True:
            try:
                return await self._exchange(id, text, on_reply, socket)
            except ConnectionLost as error:
                if not options.idempotent or error.is_final:
                    raise
            except CallFailed as error:
                if self._slow_down(error):
                    continue
                if (options.idempotent and error.message == SHUTTING_DOWN) or (
                    options.retry_rate_limited and error.type == ErrorType.RATE_LIMITED
                ):
                    await asyncio.sleep(backoff.next_seconds())
                else:
                    raise

    def _slow_down(self, error: CallFailed) -> bool:
        """Return whether a message was over the rate, after which the pacer sends less."""
        pacer = self.connection.pacer
        if error.message != RATE_EXCEEDED or not pacer.is_on:
            return False
        pacer.slow_down()
        return True

    async def _exchange(
        self,
        id: int,
        text: str,
        on_reply: Callable[[Reply], bool] | None,
        socket: aiohttp.ClientWebSocketResponse | None,
    ) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def handle(reply: Reply | ConnectionLost) -> None:
            if future.done():
                return
            if isinstance(reply, ConnectionLost):
                future.set_exception(reply)
            elif "error" in reply and "channel" not in reply:
                future.set_exception(parse_error(reply["error"]))
            elif "streaming" in reply:
                self._end_stream(id)
                future.set_exception(TypeError("the action streams; use stream or chunks"))
            elif on_reply is None or on_reply(reply):
                future.set_result(reply)

        await self.connection.send(id, text, handle, socket=socket)
        try:
            return await future
        finally:
            self.connection.forget(id)
