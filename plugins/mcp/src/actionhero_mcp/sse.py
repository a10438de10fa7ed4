"""`HttpSink`: the response to a request, which becomes an event stream once it notifies."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero_mcp.jsonrpc import notification_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero_mcp.server_requests import ServerRequests

#: A comment, which clients ignore; it keeps a connection from looking idle.
HEARTBEAT: Final = b":\n\n"
#: How much is buffered for a slow client before its stream ends.
BUFFER_BYTES: Final = 1024 * 1024


class HttpSink:
    """Sends the messages of one request over HTTP.

    Args:
        request: The HTTP request.
        server_requests: The requests of the server.
        headers: The headers of the response.
        heartbeat_seconds: The interval of comments; zero for none.
    """

    def __init__(
        self,
        request: web.Request,
        server_requests: ServerRequests,
        headers: dict[str, str],
        heartbeat_seconds: float,
    ) -> None:
        self._request = request
        self._exchanges = server_requests
        #: The headers of the response.
        self.headers = headers
        self._heartbeat_seconds = heartbeat_seconds
        self._buffer: deque[bytes] = deque()
        self._buffered_bytes = 0
        self._changed = asyncio.Event()
        self._has_ended = False
        self._writing: asyncio.Task[web.StreamResponse] | None = None
        self._timer: asyncio.TimerHandle | None = None
        #: Called when the client is gone, if the request would otherwise never end.
        self.on_lost: Callable[[], object] | None = None

    @property
    def started(self) -> bool:
        """Whether the response is an event stream."""
        return self._writing is not None

    def start_after(self, seconds: float) -> None:
        """Start the event stream after a time, if the request takes so long."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self.start)

    def start(self) -> None:
        """Start the event stream."""
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self.send(notification_bytes(method, params))

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request, and return its result."""
        return await self._exchanges.request(self.send, method, params)

    def send(self, message: bytes) -> None:
        """Send a message, after those that are buffered."""
        if self._has_ended:
            return
        self._buffer.append(message)
        self._buffered_bytes += len(message)
        if self._buffered_bytes > BUFFER_BYTES and len(self._buffer) > 1:
            self._abort()
        self.start()
        self._changed.set()

    def _abort(self) -> None:
        """End the stream of a client that is too slow; it may send the request again."""
        self._has_ended = True
        if self._request.transport is not None:
            self._request.transport.abort()

    async def finish(self, message: bytes | None = None) -> web.StreamResponse:
        """Send the last message, and return the response."""
        assert self._writing is not None  # noqa: S101 - the caller has checked it
        if message is not None:
            self.send(message)
        self._has_ended = True
        self._changed.set()
        return await self._writing

    def close(self) -> None:
        """Stop writing, after the end of the request or its cancellation."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()

    async def _write(self) -> web.StreamResponse:
        try:
            return await self._write_stream(event_stream(self.headers))
        except ConnectionError:
            if self.on_lost is not None:
                self.on_lost()
            raise

    async def _write_stream(self, response: web.StreamResponse) -> web.StreamResponse:
        await self._begin(response)
        while True:
            while self._buffer:
                message = self._buffer.popleft()
                self._buffered_bytes -= len(message)
                is_last = self._has_ended and not self._buffer
                await self._write_message(response, message, is_last=is_last)
            if self._has_ended:
                break
            self._changed.clear()
            try:
                async with asyncio.timeout(self._heartbeat_seconds or None):
                    await self._changed.wait()
            except TimeoutError:
                await self._write_heartbeat(response)
        await self._end(response)
        return response

    async def _begin(self, response: web.StreamResponse) -> None:
        await response.prepare(self._request)
        if not self._buffer:
            await response.write(HEARTBEAT)

    async def _write_message(
        self, response: web.StreamResponse, message: bytes, *, is_last: bool
    ) -> None:
        await response.write(b"event: message\ndata: %b\n\n" % message)

    async def _write_heartbeat(self, response: web.StreamResponse) -> None:
        await response.write(HEARTBEAT)

    async def _end(self, response: web.StreamResponse) -> None:
        await response.write_eof()


def event_stream(headers: Mapping[str, str]) -> web.StreamResponse:
    """Return a response that is an event stream."""
    response = web.StreamResponse(headers=headers)
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Cache-Control"] = "no-cache, no-transform"
    # Otherwise nginx buffers some kilobytes of events.
    response.headers["X-Accel-Buffering"] = "no"
    return response
