"""The WebSocket door: web opens it, and it closes by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Server
from actionhero_websocket.conversations import conversations_of

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import App
    from actionhero_websocket.conversations import Conversations


class WebSocketServer(Server):
    """Sockets, which come in through the HTTP server and leave it there.

    Args:
        app: The application.
    """

    name = "websocket"

    def __init__(self, app: App) -> None:
        self._app = app

    async def start(self, app: App) -> None:
        """Do nothing: whoever comes is handed over by the HTTP server."""

    async def finish(self) -> None:
        """Return when no call is open any more."""
        await self._conversations.finish()

    async def close(self) -> None:
        """Cancel calls, and tell clients with 1001 that we go."""
        await self._conversations.close()

    @property
    def _conversations(self) -> Conversations:
        return conversations_of(self._app)


def live_with(application: web.Application, app: App) -> None:
    """Begin and end with an aiohttp application, which servers that are not ours may run."""

    async def start(_: Any) -> None:
        conversations_of(app).start()

    async def close(_: Any) -> None:
        await conversations_of(app).close()

    application.on_startup.append(start)
    application.on_shutdown.append(close)
