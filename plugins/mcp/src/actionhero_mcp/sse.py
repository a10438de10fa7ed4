"""`HttpSink`: the response to a request, which becomes an event stream once it notifies."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero_mcp.jsonrpc import notification_bytes

if TYPE_CHECKING:
    from actionhero_mcp.server_requests import ServerRequests

#: A comment, which clients ignore; it keeps a connection from looking idle.
_HEARTBEAT: Final = b":\n\n"
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
        self._headers = headers
        self._heartbeat_seconds = heartbeat_seconds
        self._buffer: deque[bytes] = deque()
        self._buffered_bytes = 0
        self._changed = asyncio.Event()
        self._has_ended = False
        self._writing: asyncio.Task[web.StreamResponse] | None = None
        self._timer: asyncio.TimerHandle | None = None

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
            # The client is too slow; it may send the request again.
            self._has_ended = True
            if self._request.transport is not None:
                self._request.transport.abort()
        self.start()
        self._changed.set()

    async def finish(self, message: bytes) -> web.StreamResponse:
        """Send the last message, and return the response."""
        assert self._writing is not None  # noqa: S101 - the caller has checked it
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
        response = web.StreamResponse(headers=self._headers)
        response.headers["Content-Type"] = "text/event-stream"
        response.headers["Cache-Control"] = "no-cache, no-transform"
        # Otherwise nginx buffers some kilobytes of events.
        response.headers["X-Accel-Buffering"] = "no"
        await response.prepare(self._request)
        if not self._buffer:
            await response.write(_HEARTBEAT)
        while True:
            while self._buffer:
                message = self._buffer.popleft()
                self._buffered_bytes -= len(message)
                await response.write(b"event: message\ndata: %b\n\n" % message)
            if self._has_ended:
                break
            self._changed.clear()
            try:
                async with asyncio.timeout(self._heartbeat_seconds or None):
                    await self._changed.wait()
            except TimeoutError:
                await response.write(_HEARTBEAT)
        await response.write_eof()
        return response
