"""`HttpSink`: the response to a request, which becomes an event stream once it notifies."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero.transport import TimeoutQueue
from actionhero_mcp.jsonrpc import notification_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_mcp.server_requests import ServerRequests
    from actionhero_web import EndpointRequest, Headers

#: A comment, which clients ignore; it keeps a connection from looking idle.
HEARTBEAT: Final = b":\n\n"
#: How much is buffered for a slow client before its stream ends.
BUFFER_BYTES: Final = 1024 * 1024


class EventStreams:
    """The settings of all event streams, and the calls that may become one.

    Args:
        server_requests: The requests of the server.
        heartbeat_seconds: The interval of comments; zero for none.
        start_seconds: After this time, the response to a call becomes an event stream.
    """

    def __init__(
        self, server_requests: ServerRequests, *, heartbeat_seconds: float, start_seconds: float
    ) -> None:
        self.server_requests = server_requests
        self.heartbeat_seconds = heartbeat_seconds
        #: The calls whose responses are no event streams. A timer for each would take as long as
        #: all the rest of its sink.
        self.waiting: TimeoutQueue[HttpSink] = TimeoutQueue(start_seconds, HttpSink.start)


class HttpSink:
    """Sends the messages of one request over HTTP.

    Args:
        request: The HTTP request.
        streams: The settings of event streams.
        headers: The headers of the response.
    """

    # Set when the stream starts: most responses are none.
    _buffer: deque[bytes]
    _changed: asyncio.Event

    def __init__(self, request: EndpointRequest, streams: EventStreams, headers: Headers) -> None:
        self._request = request
        self._streams = streams
        #: The headers of the response.
        self.headers = headers
        self._buffered_bytes = 0
        self._has_ended = False
        self._writing: asyncio.Task[web.StreamResponse] | None = None
        #: Called when the client is gone, if the request would otherwise never end.
        self.on_lost: Callable[[], object] | None = None

    @property
    def started(self) -> bool:
        """Whether the response is an event stream."""
        return self._writing is not None

    def start_later(self) -> None:
        """Start the event stream after a time, if the request takes so long."""
        self._streams.waiting.add(self)

    def start(self) -> None:
        """Start the event stream."""
        if self._writing is None:
            self._buffer = deque()
            self._changed = asyncio.Event()
            self._writing = asyncio.get_running_loop().create_task(self._write())

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self.send(notification_bytes(method, params))

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request, and return its result."""
        return await self._streams.server_requests.request(self.send, method, params)

    def send(self, message: bytes) -> None:
        """Send a message, after those that are buffered."""
        if self._has_ended:
            return
        self.start()
        self._buffer.append(message)
        self._buffered_bytes += len(message)
        if self._buffered_bytes > BUFFER_BYTES and len(self._buffer) > 1:
            self._abort()
        self._changed.set()

    def _abort(self) -> None:
        """End the stream of a client that is too slow; it may send the request again."""
        self._has_ended = True
        transport = self._request.request.transport
        if transport is not None:
            transport.abort()

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
        self._streams.waiting.discard(self)
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()

    async def _write(self) -> web.StreamResponse:
        try:
            return await self._write_stream(event_stream(self._request, self.headers))
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
                # An encoded message occupies 4 KiB, which an idle stream would keep.
                del message
            if self._has_ended:
                break
            self._changed.clear()
            try:
                async with asyncio.timeout(self._streams.heartbeat_seconds or None):
                    await self._changed.wait()
            except TimeoutError:
                await self._write_heartbeat(response)
        await self._end(response)
        return response

    async def _begin(self, response: web.StreamResponse) -> None:
        await response.prepare(self._request.request)
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


def event_stream(request: EndpointRequest, headers: Headers) -> web.StreamResponse:
    """Return a response to a request that is an event stream."""
    response = web.StreamResponse(headers=headers)
    response.headers["X-Request-Id"] = request.request_id
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Cache-Control"] = "no-cache, no-transform"
    # Otherwise nginx buffers some kilobytes of events.
    response.headers["X-Accel-Buffering"] = "no"
    return response
