"""`WebSocketServer`: the shutdown of sockets, which the HTTP server accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Server
from actionhero_websocket.session_registry import registry_for

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero_websocket.session_registry import SessionRegistry


class WebSocketServer(Server):
    """The server of sockets. The HTTP server accepts their connections, and passes them on.

    Args:
        app: The application.
    """

    name = "websocket"

    def __init__(self, app: Application) -> None:
        self._app = app

    async def start(self, app: Application) -> None:
        """Do nothing: the HTTP server accepts connections."""

    async def finish(self) -> None:
        """Wait until no call is running."""
        await self._registry.finish()

    async def close(self) -> None:
        """Cancel calls, and close all sockets with 1001."""
        await self._registry.close()

    @property
    def _registry(self) -> SessionRegistry:
        return registry_for(self._app)


def bind_lifecycle(application: web.Application, app: Application) -> None:
    """Start and close the sessions with an aiohttp application, under any server."""

    async def start(_: Any) -> None:
        registry_for(app).start()

    async def close(_: Any) -> None:
        await registry_for(app).close()

    application.on_startup.append(start)
    application.on_shutdown.append(close)
