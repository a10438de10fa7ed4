"""aiohttp's HTTP protocol, extended with timeouts for slow clients and our error responses.

It depends on private names of aiohttp, as a few other modules do. All of them are listed in
`tests/test_aiohttp_private_names.py`, which fails if aiohttp renames one, if a module uses one that
is not listed, and if a listed one is not used.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from aiohttp.web_server import Server

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from aiohttp import web

    from actionhero_web.settings import WebSettings

logger = logging.getLogger("actionhero.web")

#: The interval at which connections are checked for stalled clients.
SWEEP_SECONDS = 1.0

# Looked up once, as it is called for all received data.
_data_received = RequestHandler.data_received


class HttpProtocol(RequestHandler):
    """One connection."""

    __slots__ = ("_headers_since", "_writing_paused_since", "remote")

    def __init__(self, manager: HttpServer, **arguments: Any) -> None:
        super().__init__(manager, **arguments)
        #: The start of the wait for request headers; 0 outside of such a wait.
        self._headers_since = 0.0
        #: The time at which writing was paused, as the client reads too slowly; 0 if it is not.
        self._writing_paused_since = 0.0
        #: The address of the client, looked up once; `None` on a Unix socket.
        self.remote: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._headers_since = self._loop.time()
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) and peer else None

    def data_received(self, data: bytes) -> None:
        _data_received(self, data)
        if self._headers_since:
            if self._messages:
                self._headers_since = 0.0
        elif not self._messages and self._current_request is None and not self._upgraded:
            self._headers_since = self._loop.time()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing_paused_since = self._loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing_paused_since = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a request is in progress or queued, or a response is not completely sent."""
        if self._request_in_progress or self._messages:
            return True
        transport: Any = self.transport
        return transport is not None and transport.get_write_buffer_size() > 0

    @property
    def has_pipelined_requests(self) -> bool:
        """Whether further requests have been received already."""
        return bool(self._messages)

    def sweep(
        self, now: float, header_timeout_seconds: float, write_timeout_seconds: float
    ) -> None:
        """Close the connection if its client stalls.

        A sweep over all connections, once a second, instead of a `TimeoutQueue`: a queue would have
        to be updated twice for each request, when the wait for its headers starts and when it
        ends. Here these are two assignments.
        """
        if self._writing_paused_since and now - self._writing_paused_since > write_timeout_seconds:
            logger.debug("a client read nothing of its response for %g s", write_timeout_seconds)
            if self.transport is not None:
                # Not `close`, which would wait for the client to read the rest.
                self.transport.abort()
        elif self._waiter is None:
            self._headers_since = 0.0
        elif self._headers_since and now - self._headers_since > header_timeout_seconds:
            logger.debug("a client sent no complete headers within %g s", header_timeout_seconds)
            self.force_close()

    def cancel_request(self) -> None:
        """Cancel the request in progress; its handler can still return a response."""
        if self._request_in_progress and self._task_handler is not None:
            # The task that reads requests awaits the task of the handler, so asyncio cancels that
            # one in its place. The connection stays open.
            self._task_handler.cancel()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log unexpected exceptions; errors in the unread body of a client only at DEBUG."""
        error = kw.get("exc_info")
        if isinstance(error, RequestPayloadError):
            logger.debug("an unread request body is malformed: %s", error)
        else:
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return our error response to an unparsable request or an unexpected exception."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has started and cannot become an error response")
        manager: Any = self._manager
        if manager is None:
            raise ConnectionResetError("the client has disconnected")
        response: web.StreamResponse = manager.error_response(request, status, exc, message)
        return response


class HttpServer(Server):
    """All connections of one server.

    Args:
        handler: The handler of requests.
        settings: The timeouts.
        error_response: Creates the response to an unparsable or unexpectedly failed request, which
            closes the connection.
        arguments: The arguments of aiohttp's `Server`.
    """

    def __init__(
        self,
        handler: Any,
        *,
        settings: WebSettings,
        error_response: Callable[..., web.StreamResponse],
        **arguments: Any,
    ) -> None:
        super().__init__(handler, **arguments)
        self.error_response = error_response
        self._header_timeout_seconds = settings.header_timeout.total_seconds()
        self._write_timeout_seconds = settings.write_timeout.total_seconds()
        self._sweep_seconds = min(
            SWEEP_SECONDS, self._header_timeout_seconds / 4, self._write_timeout_seconds / 4
        )
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> HttpProtocol:
        return HttpProtocol(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if self._timer is None:
            self._timer = self._loop.call_later(self._sweep_seconds, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection in self.protocols:
            connection.sweep(now, self._header_timeout_seconds, self._write_timeout_seconds)
        if self._connections:
            self._timer = self._loop.call_later(self._sweep_seconds, self._sweep)

    @property
    def protocols(self) -> list[HttpProtocol]:
        """The open connections."""
        return [item for item in self.connections if isinstance(item, HttpProtocol)]

    @property
    def is_busy(self) -> bool:
        """Whether any connection is busy."""
        return any(connection.is_busy for connection in self.protocols)

    def cancel_requests(self) -> None:
        """Cancel every request in progress."""
        for connection in self.protocols:
            connection.cancel_request()

    async def shutdown(self, timeout: float | None = None) -> None:
        await super().shutdown(timeout)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def remote_address(request: web.BaseRequest) -> str | None:
    """Return the address of the peer; our protocol has it precomputed."""
    protocol = request.protocol
    return protocol.remote if isinstance(protocol, HttpProtocol) else request.remote
