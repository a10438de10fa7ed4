"""Streams of notifications about changed resources."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from plugins.mcp.tests.conftest import META, MODERN, TokensPlugin, meta, request
from plugins.mcp.tests.published_schemas import check_messages

from actionhero import Action, ChannelRefused, Inputs
from actionhero_channels import Channel, Channels
from actionhero_channels import plugin as channels_plugin
from actionhero_mcp import Resource
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from plugins.mcp.tests.conftest import Serve, Site

    from actionhero_channels import Subscription


class Room(Channel):
    """The messages of a room, for its user."""

    name = "room:{id}"

    async def authorize(self, subscription: Subscription) -> None:
        if str(subscription.session.get("userId")) != subscription.params["id"]:
            raise ChannelRefused("This is not your room")


class RoomInputs(Inputs):
    """The room."""

    id: str


class RoomView(Action):
    """View a room."""

    name = "room:view"
    mcp = Resource("chat://rooms/{id}", updates="room:{id}")

    async def run(self, inputs: RoomInputs) -> str:
        return inputs.id


class ChannelPlugin:
    """Adds the channel."""

    from actionhero import hookimpl

    @hookimpl
    def actionhero_channels(self) -> list[type[Channel]]:
        return [Room]


@pytest.fixture
async def site(serve: Serve, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """Start the application with channels."""
    url = request.getfixturevalue("redis_server").url
    plugins = (redis_plugin, channels_plugin, RoomView, ChannelPlugin(), TokensPlugin())
    async with serve(*plugins, ACTIONHERO_REDIS__URL=url) as site:
        yield site


@contextlib.asynccontextmanager
async def listening(site: Site, user: int, *uris: str) -> AsyncIterator[AsyncIterator[Any]]:
    """Open a stream, and yield its messages."""
    params = {"_meta": meta(), "notifications": {"resourceSubscriptions": list(uris)}}
    headers = {
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "subscriptions/listen",
        "Authorization": f"Bearer {user}-a",
    }
    body = request("subscriptions/listen", params, f"listen-{user}")
    async with site.client.post(site.url, json=body, headers=headers) as response:
        assert response.status == 200, await response.text()

        async def messages() -> AsyncGenerator[Any]:
            async for line in response.content:
                if line.startswith(b"data: "):
                    message = json.loads(line[6:])
                    check_messages(body, headers, [message])
                    yield message

        async with contextlib.aclosing(messages()) as stream:
            yield stream


async def test_changes_are_announced_to_authorized_subscribers(site: Site) -> None:
    """With the URI, never with the message."""
    channels = site.app.get(Channels)
    async with (
        listening(site, 7, "chat://rooms/7", "chat://rooms/8", "chat://nothing") as stream,
        listening(site, 8, "chat://rooms/7", "chat://rooms/8") as other,
    ):
        acknowledged = await anext(stream)
        refused = await anext(other)
        await channels.broadcast("room:7", "a secret")
        announced = await anext(stream)
        await channels.broadcast("room:8", "another secret")
        # The first one to this user, and the only one.
        announced_to_other = await anext(other)

    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {"resourceSubscriptions": ["chat://rooms/7"]}
    assert refused["params"]["notifications"] == {"resourceSubscriptions": ["chat://rooms/8"]}
    assert announced_to_other["params"]["uri"] == "chat://rooms/8"
    assert announced == {
        "jsonrpc": "2.0",
        "method": "notifications/resources/updated",
        "params": {"_meta": {META + "subscriptionId": "listen-7"}, "uri": "chat://rooms/7"},
    }
