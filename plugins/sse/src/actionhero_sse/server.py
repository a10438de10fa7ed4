"""`EventStreamServer`: the shutdown of event streams, which the HTTP server accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Server
from actionhero_sse.stream_registry import registry_for

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application


class EventStreamServer(Server):
    """The shutdown of event streams.

    Args:
        app: The application.
    """

    name = "sse"

    def __init__(self, app: Application) -> None:
        self._app = app

    async def start(self, app: Application) -> None:
        """Do nothing: the HTTP server accepts requests."""

    async def finish(self) -> None:
        """End all streams. Clients that reconnect now find the next server process."""
        registry_for(self._app).end_all()

    async def close(self) -> None:
        """Stop watching for sessions that end."""
        await registry_for(self._app).stop()


def bind_lifecycle(application: web.Application, app: Application) -> None:
    """Start and stop the streams with an aiohttp application, under any server."""

    async def start(_: Any) -> None:
        registry_for(app).start()

    async def stop(_: Any) -> None:
        await registry_for(app).stop()

    application.on_startup.append(start)
    application.on_shutdown.append(stop)
