"""aiohttp's HTTP protocol with what it lacks: deadlines for slow clients, and our error answers.

Everything that leans on aiohttp's undocumented names is here, in `response.py` and in
`application.py`, and `tests/test_protocol.py` fails if one of them goes away.
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

#: How often connections are looked through for clients that stall.
SWEEP_SECONDS = 1.0

# Looked up once: this is the hottest line that we put into aiohttp's way.
_receive = RequestHandler.data_received


class HttpProtocol(RequestHandler):
    """One connection."""

    __slots__ = ("_head_since", "_paused_since", "remote")

    def __init__(self, manager: HttpServer, **arguments: Any) -> None:
        super().__init__(manager, **arguments)
        #: Since when the head of a request is waited for; 0: it is not.
        self._head_since = 0.0
        #: Since when the client has taken nothing; 0: it takes what we send.
        self._paused_since = 0.0
        #: The address of the client, looked up once; `None` on a Unix socket.
        self.remote: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._head_since = self._loop.time()
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) and peer else None

    def data_received(self, data: bytes) -> None:
        _receive(self, data)
        if self._head_since:
            if self._messages:
                self._head_since = 0.0
        elif not self._messages and self._current_request is None and not self._upgraded:
            self._head_since = self._loop.time()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._paused_since = self._loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._paused_since = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered, or waits to be, or an answer to be taken."""
        if self._request_in_progress or self._messages:
            return True
        transport: Any = self.transport
        return transport is not None and transport.get_write_buffer_size() > 0

    @property
    def has_more(self) -> bool:
        """Whether further requests have come in already."""
        return bool(self._messages)

    def sweep(self, now: float, header_seconds: float, drain_seconds: float) -> None:
        """End the connection if its client stalls."""
        if self._paused_since and now - self._paused_since > drain_seconds:
            logger.debug("a client took nothing of its answer for %g s", drain_seconds)
            if self.transport is not None:
                # Not `close`, which would wait for the client to take the rest.
                self.transport.abort()
        elif self._waiter is None:
            self._head_since = 0.0
        elif self._head_since and now - self._head_since > header_seconds:
            logger.debug("a client did not send the head of a request in %g s", header_seconds)
            self.force_close()

    def cancel_request(self) -> None:
        """Cancel the call that is being answered, and let the answer be written."""
        if self._request_in_progress and self._task_handler is not None:
            # The task that reads requests waits for the one that answers, which is cancelled in
            # its place and may still answer: the connection itself lives on.
            self._task_handler.cancel()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what aiohttp could not foresee, but not what a client sent and nobody read."""
        error = kw.get("exc_info")
        if isinstance(error, RequestPayloadError):
            logger.debug("a body that was not read is broken: %s", error)
        else:
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be parsed, and what nobody foresaw, in our own words."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, so it cannot become an error")
        manager: Any = self._manager
        if manager is None:
            raise ConnectionResetError("the client is gone")
        response: web.StreamResponse = manager.tell_error(request, status, exc, message)
        response.force_close()
        return response


class HttpServer(Server):
    """All connections of one listening application.

    Args:
        handler: Answers a request.
        settings: The deadlines.
        tell_error: Makes the answer to a request that could not be parsed, or that failed.
        arguments: What aiohttp's own takes.
    """

    def __init__(
        self,
        handler: Any,
        *,
        settings: WebSettings,
        tell_error: Callable[..., web.StreamResponse],
        **arguments: Any,
    ) -> None:
        super().__init__(handler, **arguments)
        self.tell_error = tell_error
        self._header_seconds = settings.header_timeout.total_seconds()
        self._drain_seconds = settings.write_timeout.total_seconds()
        self._sweep_seconds = min(SWEEP_SECONDS, self._header_seconds / 4, self._drain_seconds / 4)
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
            connection.sweep(now, self._header_seconds, self._drain_seconds)
        if self._connections:
            self._timer = self._loop.call_later(self._sweep_seconds, self._sweep)

    @property
    def protocols(self) -> list[HttpProtocol]:
        """The connections that are open."""
        return [item for item in self.connections if isinstance(item, HttpProtocol)]

    @property
    def is_busy(self) -> bool:
        """Whether any connection is."""
        return any(connection.is_busy for connection in self.protocols)

    def cancel_requests(self) -> None:
        """Cancel every call that is being answered."""
        for connection in self.protocols:
            connection.cancel_request()

    async def shutdown(self, timeout: float | None = None) -> None:
        await super().shutdown(timeout)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def remote_address(request: web.BaseRequest) -> str | None:
    """Return the address of the other side, from our protocol if it is ours."""
    protocol = request.protocol
    return protocol.remote if isinstance(protocol, HttpProtocol) else request.remote
