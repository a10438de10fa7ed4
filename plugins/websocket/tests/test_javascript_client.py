"""The JavaScript client as a file of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from actionhero.testing import running_app
from actionhero_channels import plugin as channels
from actionhero_redis import plugin as redis
from actionhero_web import StaticFiles
from actionhero_web import plugin as web
from actionhero_websocket import WebSocketSettings
from actionhero_websocket import plugin as websocket

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import ServerProcess


async def test_the_client_is_served_and_revalidated(server: ServerProcess) -> None:
    """With an `ETag`, so that a browser requests a new version only."""
    url = f"http://127.0.0.1:{server.port}/actionhero/client.js"
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as response:
            text = await response.text()
        async with http.get(url, headers={"If-None-Match": response.headers["ETag"]}) as again:
            pass

    assert response.content_type == "text/javascript"
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert "export{" in text
    assert again.status == 304


async def test_a_setting_disables_the_client() -> None:
    """For applications that bundle it."""
    folders = []
    for serve_client in (True, False):
        settings = [WebSocketSettings(serve_client=serve_client)]
        async with running_app(websocket, channels, redis, web, settings=settings) as app:
            folders.append(
                app.app.plugins.collect("actionhero_web_static", StaticFiles, app=app.app)
            )

    assert [len(list(each)) for each in folders] == [1, 0]
