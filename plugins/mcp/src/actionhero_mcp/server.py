"""`McpServer`: the shutdown of streams, and the endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Link, Server
from actionhero_mcp.catalog import catalog_for
from actionhero_mcp.service import service_for
from actionhero_mcp.settings import McpSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_web import Endpoint


class McpServer(Server):
    """The shutdown of the streams of agents, whose requests the HTTP server accepts.

    Args:
        app: The application.
    """

    name = "mcp"

    def __init__(self, app: Application) -> None:
        self._app = app

    async def start(self, app: Application) -> None:
        """Receive revocations and messages of other processes; the HTTP server accepts requests."""
        if not catalog_for(app).is_empty:
            await service_for(app).start()

    async def finish(self) -> None:
        """End the streams of notifications. Clients that return find the next server process."""
        service = service_for(self._app)
        service.dispatcher.watchers.end_all()
        await service.detached.finish()

    async def close(self) -> None:
        """Receive revocations and messages no more."""
        await service_for(self._app).stop()


def links_for(app: Application, origin: str) -> list[Link]:
    """Return the URL of the endpoint; none if nothing is offered."""
    return [] if catalog_for(app).is_empty else [Link("MCP", origin + app.get(McpSettings).path)]


def endpoints_for(app: Application) -> list[Endpoint]:
    """Return the endpoint; none if nothing is offered."""
    from actionhero_mcp.http import McpEndpoint

    if catalog_for(app).is_empty:
        return []
    return [McpEndpoint(app)]
