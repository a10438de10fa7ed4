"""The readiness probe while the application starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from actionhero import RunMode, Server, hookimpl
from actionhero.testing import running_app
from actionhero_web import WebSettings
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from actionhero import Application


async def readiness(app: Application) -> tuple[int, bool]:
    """Return the status and the content of `/readyz`."""
    [server] = [item for item in app.servers if isinstance(item, WebServer)]
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{server.port}/readyz")
    return response.status_code, response.json()["ready"]


class LaterServer(Server):
    """Asks the HTTP server, which has started before it."""

    name = "later"

    def __init__(self) -> None:
        self.readiness: tuple[int, bool] | None = None

    async def start(self, app: Application) -> None:
        self.readiness = await readiness(app)

    async def close(self) -> None:
        pass


class Plugin:
    def __init__(self, server: Server) -> None:
        self.server = server

    @hookimpl
    def actionhero_servers(self) -> list[Server]:
        return [self.server]


async def test_the_process_is_not_ready_while_servers_start() -> None:
    """A proxy sends no requests to a process that still starts, and may fail to."""
    later = LaterServer()
    async with running_app(
        web_plugin, Plugin(later), settings=[WebSettings(port=0)], mode=RunMode.SERVER
    ) as app:
        started = await readiness(app.app)

    assert later.readiness == (503, False)
    assert started == (200, True)
