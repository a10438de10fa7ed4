"""Versions of actions over a socket."""

from __future__ import annotations

from actionhero import Action, RunMode
from actionhero.testing import running_app
from actionhero_channels import plugin as channels_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_web import plugin as web_plugin
from actionhero_websocket import plugin as websocket_plugin
from actionhero_websocket.client import connect


class First(Action):
    """Return the number of the version."""

    name = "show"
    web = "GET /show"

    async def run(self) -> int:
        return 1


class Second(Action):
    """Return the number of the version."""

    name = "show"
    version = 2
    web = "GET /show"

    async def run(self) -> int:
        return 2


async def test_versions_are_called_by_name() -> None:
    """The name without a version is version 1."""
    plugins = (web_plugin, redis_plugin, channels_plugin, websocket_plugin)
    environ = {"PORT": "0", "ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(
        *plugins, First, Second, mode=RunMode.SERVER, environ=environ
    ) as running:
        server = next(item for item in running.app.servers if item.name == "web")
        address = server.addresses[0].replace("http", "ws")  # type: ignore[attr-defined]
        async with connect(address) as client:
            results = [await client.call(name) for name in ("show", "show@1", "show@2")]

    assert results == [1, 1, 2]
