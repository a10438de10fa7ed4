"""The HTTP door: the only module that opens and closes sockets."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero import ConfigurationError, Server
from actionhero.settings import ErrorsSettings
from actionhero_web.application import EXCHANGES, build
from actionhero_web.examples import curl_lines
from actionhero_web.protocol import HttpServer
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import App

logger = logging.getLogger("actionhero.web")

#: How often a server that goes down looks whether all is answered.
LOOK_SECONDS = 0.02
#: How long a kept-alive connection must be silent before it is closed: what a client sent before
#: it could know lies in a buffer of the system for less than this.
SILENT_SECONDS = 0.1
#: How long a cancelled call may take to undo what it began, and to be told.
CANCEL_SECONDS = 2.0


class WebServer(Server):
    """HTTP on a TCP port or a Unix socket.

    Args:
        app: The application.
        sockets: Sockets that listen already, handed over by a parent process.
    """

    name = "web"

    def __init__(self, app: App, sockets: Sequence[socket.socket] = ()) -> None:
        self._app = app
        self._settings = app.get(WebSettings)
        self.sockets = list(sockets)
        self._runner: web.AppRunner | None = None
        self._application: web.Application | None = None

    async def start(self, app: App) -> None:
        """Listen.

        Raises:
            ConfigurationError: The address is in use, or not ours.
        """
        self._hide_tracebacks(app)
        application = self._application = build(app)
        self._runner = web.AppRunner(application, shutdown_timeout=CANCEL_SECONDS)
        await self._runner.setup()
        for site in self._sites(self._runner):
            try:
                await site.start()
            except OSError as error:
                raise _unusable(self._settings, error) from error
        for address in self.addresses:
            logger.info("listening on %s", address)

    async def stop_accepting(self) -> None:
        if self._runner is None or self._application is None:
            return
        self._application[EXCHANGES].draining = True
        for site in self._runner.sites:
            await site.stop()
        if self._settings.unix_socket is not None and not self.sockets:
            with contextlib.suppress(FileNotFoundError):
                self._settings.unix_socket.unlink()

    async def finish(self) -> None:
        server = self._http_server
        if server is None:
            return
        silent = 0.0
        while silent < SILENT_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            silent = 0.0 if server.is_busy else silent + LOOK_SECONDS

    async def close(self) -> None:
        if self._runner is None or self._application is None:
            return
        server = self._http_server
        if server is not None and server.is_busy:
            self._application[EXCHANGES].closing = True
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

    @property
    def _http_server(self) -> HttpServer | None:
        server: Any = self._runner.server if self._runner is not None else None
        return server if isinstance(server, HttpServer) else None

    def _sites(self, runner: web.AppRunner) -> list[web.BaseSite]:
        settings = self._settings
        if self.sockets:
            return [web.SockSite(runner, item) for item in self.sockets]
        if settings.unix_socket is not None:
            _remove_stale(settings)
            return [web.UnixSite(runner, settings.unix_socket)]
        return [web.TCPSite(runner, settings.host, settings.port)]

    def _hide_tracebacks(self, app: App) -> None:
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


def listen(settings: WebSettings) -> socket.socket:
    """Return a socket that listens as the settings say, for a parent that hands it over.

    Raises:
        ConfigurationError: The address is in use, or not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        if settings.unix_socket is not None:
            _remove_stale(settings)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(settings.unix_socket))
            listener.listen(1024)
        else:
            listener = socket.create_server(
                (settings.host, settings.port), family=family, backlog=1024
            )
    except OSError as error:
        raise _unusable(settings, error) from error
    listener.setblocking(False)
    return listener


def _unusable(settings: WebSettings, error: OSError) -> ConfigurationError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if settings.unix_socket is not None:
        return ConfigurationError(
            f"web.unix_socket {str(settings.unix_socket)!r} cannot be listened on: {reason}; "
            "remove what is there, or set ACTIONHERO_WEB__UNIX_SOCKET to another path"
        )
    return ConfigurationError(
        f"web.port {settings.port} on {settings.host} cannot be listened on: {reason}; stop what "
        "listens there, or choose another with --port, ACTIONHERO_WEB__PORT or PORT"
    )


def _remove_stale(settings: WebSettings) -> None:
    """Remove a socket file whose server is dead; one that answers is left, and is an error."""
    path = settings.unix_socket
    if path is None or not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _url(address: Any, prefix: str) -> str:
    if isinstance(address, str | bytes):
        return f"unix:{os.fsdecode(address)}"
    host, port = address[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - told, not bound
        host = "localhost"
    return f"http://[{host}]:{port}{prefix}" if ":" in host else f"http://{host}:{port}{prefix}"
