"""The HTTP server: it listens, and stops after the response to every accepted request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero import Server
from actionhero.settings import ErrorsSettings
from actionhero.transport import is_loopback
from actionhero_web.application import REQUEST_HANDLER, build_application
from actionhero_web.connections.http_server import HttpServer
from actionhero_web.connections.listener import BACKLOG, HANDSHAKE_SECONDS, drain_backlog, listen
from actionhero_web.routes.examples import curl_commands
from actionhero_web.routes.links import page_links
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from actionhero import Application, Link
    from actionhero_web.connections.listener import Listener

logger = logging.getLogger("actionhero.web")

#: The interval at which a server that shuts down checks for open requests.
POLL_SECONDS = 0.02
#: How long all connections must be idle before they are closed: a request that a client sent
#: before the shutdown is in a buffer of the operating system for less than this.
IDLE_SECONDS = 0.1
#: The same while a proxy may have open connections. It sends requests on them until it has used
#: each once, and a busy machine interrupts it for longer. It does not repeat a `POST` that it has
#: sent on a connection that is closed at that moment.
PROXY_IDLE_SECONDS = 1.0
#: How long a cancelled call may take to roll back and to respond.
CANCEL_SECONDS = 2.0
#: How long aiohttp may then wait, twice, for calls that suppress their cancellation.
CLEANUP_SECONDS = 0.5


class WebServer(Server):
    """HTTP on a TCP port or a Unix socket.

    Args:
        app: The application.
        sockets: Listening sockets, passed by a parent process.
    """

    name = "web"

    def __init__(self, app: Application, sockets: Sequence[socket.socket] = ()) -> None:
        self._app = app
        self._settings = app.get(WebSettings)
        #: The listening sockets.
        self.sockets = list(sockets)
        self._listeners: list[Listener] = []
        self._runner: web.AppRunner | None = None
        self._application: web.Application | None = None

    async def start(self, app: Application) -> None:
        """Listen.

        Raises:
            ConfigurationError: The address is in use, or not an address of this machine.
        """
        self._hide_tracebacks(app)
        application = self._application = build_application(app)
        if not self.sockets:
            self._listeners = listen(self._settings)
            self.sockets = [listener.socket for listener in self._listeners]
        self._runner = web.AppRunner(application, shutdown_timeout=CLEANUP_SECONDS)
        await self._runner.setup()
        for item in self.sockets:
            await web.SockSite(self._runner, item, backlog=BACKLOG).start()
        # People read the announcement on their terminal, which has the address, too.
        level = logging.DEBUG if sys.stderr.isatty() else logging.INFO
        for address in self.addresses:
            logger.log(level, "listening on %s", address)

    async def stop_accepting(self) -> None:
        if self._runner is None or self._application is None:
            return
        self._application[REQUEST_HANDLER].writer.draining = True
        for listener in self._listeners:
            listener.stop_listening()
        # A parent that has passed its sockets does the same.
        await asyncio.sleep(HANDSHAKE_SECONDS)
        # Duplicates keep the backlog open when the event loop closes its sockets.
        duplicates = [item.dup() for item in self.sockets]
        for site in self._runner.sites:
            await site.stop()
        factory: Any = self._runner.server
        for duplicate in duplicates:
            with duplicate:
                await drain_backlog(duplicate, factory)

    async def finish(self) -> None:
        server = self._http_server
        if server is None:
            return
        timer = self._stop_streams_later()
        try:
            idle_seconds = 0.0
            # Closed here and not in `close`: other servers take their time to close before, and a
            # request that arrived meanwhile would be cancelled at once.
            while idle_seconds < self._idle_limit(server) or not server.close_idle():
                await asyncio.sleep(POLL_SECONDS)
                idle_seconds = 0.0 if server.is_busy else idle_seconds + POLL_SECONDS
        finally:
            timer.cancel()

    def _idle_limit(self, server: HttpServer) -> float:
        """Return how long all connections must be idle before they are closed, in seconds."""
        if self._settings.trusted_proxies and server.protocols:
            return PROXY_IDLE_SECONDS
        return IDLE_SECONDS

    async def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        if self._runner is None or self._application is None:
            return
        server = self._http_server
        if server is not None and server.is_busy:
            self._application[REQUEST_HANDLER].closing = True
            server.cancel_requests()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CANCEL_SECONDS):
                    while server.is_busy:
                        await asyncio.sleep(POLL_SECONDS)
        await self._runner.cleanup()
        self._runner = None

    @property
    def addresses(self) -> list[str]:
        """The base URLs of the actions; a Unix socket as `unix:<path>`."""
        if self._runner is None:
            return []
        return [_url(address, self._settings.prefix) for address in self._runner.addresses]

    @property
    def port(self) -> int:
        """The TCP port of the server, even if the settings have port 0."""
        addresses = self._runner.addresses if self._runner is not None else []
        return next(int(address[1]) for address in addresses if isinstance(address, tuple))

    def announcement(self) -> list[str]:
        return [f"ActionHero listens on {address}" for address in self.addresses]

    def links(self) -> list[Link]:
        if self._application is None or self._settings.unix_socket is not None:
            return []
        return page_links(self._app, self._application, self._origin)

    def examples(self) -> list[str]:
        if self._settings.unix_socket is not None:
            host = f"http://localhost{self._settings.prefix}"
            return curl_commands(self._app, host, f"--unix-socket {self._settings.unix_socket} ")
        return curl_commands(self._app, self.addresses[0]) if self.addresses else []

    @property
    def _origin(self) -> str:
        return self.addresses[0].removesuffix(self._settings.prefix)

    def _stop_streams_later(self) -> asyncio.TimerHandle:
        """Schedule the stop of all event streams after their grace period."""
        assert self._application is not None  # noqa: S101 - created before the HTTP server
        streams = self._application[REQUEST_HANDLER].streams
        seconds = self._settings.stream_grace.total_seconds()
        return asyncio.get_running_loop().call_later(seconds, streams.stop_events)

    @property
    def _http_server(self) -> HttpServer | None:
        server: Any = self._runner.server if self._runner is not None else None
        return server if isinstance(server, HttpServer) else None

    def _hide_tracebacks(self, app: Application) -> None:
        """Hide tracebacks from remote clients, unless the settings show them explicitly."""
        if app.settings.was_set(ErrorsSettings, "show_tracebacks"):
            return
        if self._settings.unix_socket is None and not is_loopback(self._settings.host):
            app.pipeline.show_tracebacks = False


def _url(address: Any, prefix: str) -> str:
    if isinstance(address, str | bytes):
        return f"unix:{os.fsdecode(address)}"
    host, port = address[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - displayed, not bound
        host = "localhost"
    return f"http://[{host}]:{port}{prefix}" if ":" in host else f"http://{host}:{port}{prefix}"
