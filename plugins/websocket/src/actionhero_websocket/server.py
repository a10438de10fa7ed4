"""The WebSocket door: web opens it, and it closes by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Server
from actionhero_websocket.session_registry import conversations_of

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero_websocket.session_registry import SessionRegistry


class WebSocketServer(Server):
    """Sockets, which come in through the HTTP server and leave it there.

    Args:
        app: The application.
    """

    name = "websocket"

    def __init__(self, app: Application) -> None:
        self._app = app

    async def start(self, app: Application) -> None:
        """Do nothing: whoever comes is handed over by the HTTP server."""

    async def finish(self) -> None:
        """Return when no call is open any more."""
        await self._conversations.finish()

    async def close(self) -> None:
        """Cancel calls, and tell clients with 1001 that we go."""
        await self._conversations.close()

    @property
    def _conversations(self) -> SessionRegistry:
        return conversations_of(self._app)


def live_with(application: web.Application, app: Application) -> None:
    """Begin and end with an aiohttp application, which servers that are not ours may run."""

    async def start(_: Any) -> None:
        conversations_of(app).start()

    async def close(_: Any) -> None:
        await conversations_of(app).close()

    application.on_startup.append(start)
    application.on_shutdown.append(close)
