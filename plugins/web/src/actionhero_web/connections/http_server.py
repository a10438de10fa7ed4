"""`HttpServer`: all connections of one server, which are checked for stalled clients."""

from __future__ import annotations

import logging
import select
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final

from aiohttp.web_server import Server

from actionhero.transport import WriteBatch
from actionhero_web.connections.framing import CheckedHeaders
from actionhero_web.connections.protocol import HttpProtocol

if sys.platform != "win32":
    # Plugins import this module for commands, too, which work on Windows.
    import resource

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from aiohttp import web
    from aiohttp.web_protocol import RequestHandler

    from actionhero_web.connections.allowed_hosts import AllowedHosts
    from actionhero_web.settings import WebSettings

#: A warning follows if no more file descriptors than these are left, at most once in an interval.
RESERVED_DESCRIPTORS: Final = 8
WARNING_SECONDS: Final = 60.0

logger = logging.getLogger("actionhero.web")

#: The interval at which connections are checked for stalled clients.
SWEEP_SECONDS: Final = 1.0

#: The servers of this process, for metrics.
SERVERS: Final[weakref.WeakSet[HttpServer]] = weakref.WeakSet()


class HttpServer(Server):
    """All connections of one server.

    Args:
        handler: The handler of requests.
        settings: The timeouts.
        hosts: The names of the server.
        error_response: Creates the response to an unparsable or unexpectedly failed request, which
            closes the connection.
        prepare_response: Completes a response of aiohttp's own class before its headers are sent.
        arguments: The arguments of aiohttp's `Server`.
    """

    def __init__(
        self,
        handler: Any,
        *,
        settings: WebSettings,
        hosts: AllowedHosts,
        error_response: Callable[..., web.StreamResponse],
        prepare_response: Callable[[web.Request, web.StreamResponse], None],
        **arguments: Any,
    ) -> None:
        super().__init__(handler, **arguments)
        SERVERS.add(self)
        self._checked_headers = CheckedHeaders(hosts)
        self._writes = WriteBatch()
        self.error_response = error_response
        self.prepare_response = prepare_response
        self._header_timeout_seconds = settings.header_timeout.total_seconds()
        self._write_timeout_seconds = settings.write_timeout.total_seconds()
        self._sweep_seconds = min(
            SWEEP_SECONDS, self._header_timeout_seconds / 4, self._write_timeout_seconds / 4
        )
        self._timer: asyncio.TimerHandle | None = None
        self._next_descriptor_warning = 0.0

    def __call__(self) -> HttpProtocol:
        """Return the protocol of a new connection."""
        return HttpProtocol(
            self, self._checked_headers, self._writes, loop=self._loop, **self._kwargs
        )

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Add a connection."""
        super().connection_made(handler, transport)
        self._check_descriptors(transport)
        if self._timer is None:
            self._timer = self._loop.call_later(self._sweep_seconds, self._sweep)

    def _check_descriptors(self, transport: asyncio.Transport) -> None:
        """Log that hardly any further connection can be accepted; the event loop does not."""
        connection = transport.get_extra_info("socket")
        if connection is None:
            return
        # The system assigns the smallest unused number.
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if not 0 < limit - connection.fileno() <= RESERVED_DESCRIPTORS:
            return
        now = self._loop.time()
        if now >= self._next_descriptor_warning:
            self._next_descriptor_warning = now + WARNING_SECONDS
            logger.warning(
                "nearly all of the %d file descriptors are in use, so connections may not be "
                "accepted; raise the limit of the process (ulimit -n)",
                limit,
            )

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection in self.protocols:
            connection.sweep(now, self._header_timeout_seconds, self._write_timeout_seconds)
        if self._connections:
            self._timer = self._loop.call_later(self._sweep_seconds, self._sweep)

    @property
    def connection_count(self) -> int:
        """The number of open connections, except for upgraded ones."""
        return len(self._connections)

    @property
    def protocols(self) -> list[HttpProtocol]:
        """The open connections."""
        return [item for item in self.connections if isinstance(item, HttpProtocol)]

    @property
    def is_busy(self) -> bool:
        """Whether any connection is busy."""
        return any(connection.is_busy for connection in self.protocols)

    def close_idle(self) -> bool:
        """Close all connections if none of them is in use, and return whether it has.

        A proxy may send a request on a connection at any time, and then loses it if we close the
        connection. So one whose request has arrived, but was not read yet, is in use.
        """
        connections = self.protocols
        if any(item.is_busy for item in connections) or _has_unread_data(connections):
            return False
        for connection in connections:
            connection.force_close()
        return True

    def cancel_requests(self) -> None:
        """Cancel every request in progress."""
        for connection in self.protocols:
            connection.cancel_request()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Close all connections."""
        await super().shutdown(timeout)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _has_unread_data(connections: list[HttpProtocol]) -> bool:
    """Return whether the operating system has received data that the event loop has not read."""
    poll = select.poll()
    for connection in connections:
        transport = connection.transport
        # At the end of the input there is always something to read.
        if transport is not None and not transport.is_closing() and not connection.has_eof:
            poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
