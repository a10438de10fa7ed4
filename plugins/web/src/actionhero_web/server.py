"""The HTTP door: it opens, and closes when all who came in have been answered."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero import Server
from actionhero.settings import ErrorsSettings
from actionhero_web.application import REQUEST_HANDLER, build_application
from actionhero_web.examples import curl_lines
from actionhero_web.listener import BACKLOG, HANDSHAKE_SECONDS, admit_waiting, listen
from actionhero_web.protocol import HttpServer
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_web.listener import Listener

logger = logging.getLogger("actionhero.web")

#: How often a server that goes down looks whether all is answered.
LOOK_SECONDS = 0.02
#: How long a kept-alive connection must be silent before it is closed: what a client sent before
#: it could know lies in a buffer of the system for less than this.
SILENT_SECONDS = 0.1
#: How long a cancelled call may take to undo what it began, and to be told.
CANCEL_SECONDS = 2.0
#: How long aiohttp may then wait, twice, for calls that would not be cancelled.
STUBBORN_SECONDS = 0.5


class WebServer(Server):
    """HTTP on a TCP port or a Unix socket.

    Args:
        app: The application.
        sockets: Sockets that listen already, handed over by a parent process.
    """

    name = "web"

    def __init__(self, app: Application, sockets: Sequence[socket.socket] = ()) -> None:
        self._app = app
        self._settings = app.get(WebSettings)
        #: What is listened on.
        self.sockets = list(sockets)
        self._listeners: list[Listener] = []
        self._runner: web.AppRunner | None = None
        self._application: web.Application | None = None

    async def start(self, app: Application) -> None:
        """Listen.

        Raises:
            ConfigurationError: The address is in use, or not ours.
        """
        self._hide_tracebacks(app)
        application = self._application = build_application(app)
        if not self.sockets:
            self._listeners = listen(self._settings)
            self.sockets = [listener.socket for listener in self._listeners]
        self._runner = web.AppRunner(application, shutdown_timeout=STUBBORN_SECONDS)
        await self._runner.setup()
        for item in self.sockets:
            await web.SockSite(self._runner, item, backlog=BACKLOG).start()
        for address in self.addresses:
            logger.info("listening on %s", address)

    async def stop_accepting(self) -> None:
        if self._runner is None or self._application is None:
            return
        self._application[REQUEST_HANDLER].draining = True
        for listener in self._listeners:
            listener.turn_away()
        # A parent that has handed us its sockets has done the same.
        await asyncio.sleep(HANDSHAKE_SECONDS)
        # With a descriptor of our own the queue outlives the event loop's interest in it.
        doors = [item.dup() for item in self.sockets]
        for site in self._runner.sites:
            await site.stop()
        factory: Any = self._runner.server
        for door in doors:
            with door:
                await admit_waiting(door, factory)

    async def finish(self) -> None:
        server = self._http_server
        if server is None:
            return
        ending = self._end_streams_later()
        try:
            silent = 0.0
            while silent < SILENT_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
                silent = 0.0 if server.is_busy else silent + LOOK_SECONDS
        finally:
            ending.cancel()

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
                        await asyncio.sleep(LOOK_SECONDS)
        await self._runner.cleanup()
        self._runner = None

    @property
    def addresses(self) -> list[str]:
        """Where actions are reached, as URLs; a Unix socket as `unix:<path>`."""
        if self._runner is None:
            return []
        return [_url(address, self._settings.prefix) for address in self._runner.addresses]

    @property
    def port(self) -> int:
        """The TCP port that is listened on, also where any free one was asked for."""
        addresses = self._runner.addresses if self._runner is not None else []
        return next(int(address[1]) for address in addresses if isinstance(address, tuple))

    def announcement(self) -> list[str]:
        lines = [f"ActionHero listens on {address}" for address in self.addresses]
        if self._app.environment == "development" and lines:
            lines += ["", "Try:", *(f"  {line}" for line in self._examples()), ""]
        return lines

    def _examples(self) -> list[str]:
        address = self.addresses[0]
        if self._settings.unix_socket is not None:
            host = f"http://localhost{self._settings.prefix}"
            return curl_lines(self._app, host, f"--unix-socket {self._settings.unix_socket} ")
        return curl_lines(self._app, address)

    def _end_streams_later(self) -> asyncio.TimerHandle:
        """Have streams of events end in a while: many have no end of their own."""
        assert self._application is not None  # noqa: S101 - made before the server of connections
        streams = self._application[REQUEST_HANDLER].streams
        seconds = self._settings.stream_grace.total_seconds()
        return asyncio.get_running_loop().call_later(seconds, streams.stop_events)

    @property
    def _http_server(self) -> HttpServer | None:
        server: Any = self._runner.server if self._runner is not None else None
        return server if isinstance(server, HttpServer) else None

    def _hide_tracebacks(self, app: Application) -> None:
        """Show no traceback to the network, unless somebody asked for it by name."""
        if app.settings.was_set(ErrorsSettings, "show_tracebacks"):
            return
        if self._settings.unix_socket is None and not is_loopback(self._settings.host):
            app.pipeline.show_tracebacks = False


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(address: Any, prefix: str) -> str:
    if isinstance(address, str | bytes):
        return f"unix:{os.fsdecode(address)}"
    host, port = address[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - told, not bound
        host = "localhost"
    return f"http://[{host}]:{port}{prefix}" if ":" in host else f"http://{host}:{port}{prefix}"
