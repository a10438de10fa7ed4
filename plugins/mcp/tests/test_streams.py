"""Streams of clients with a handshake: notifications, and the rest of a stream that was cut off."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import aiohttp
import pytest
from plugins.mcp.tests.conftest import TokensPlugin, meta, request
from plugins.mcp.tests.published_schemas import check_messages
from plugins.mcp.tests.test_subscriptions import ChannelPlugin, RoomView

from actionhero import Action, Call
from actionhero_channels import Channels
from actionhero_channels import plugin as channels_plugin
from actionhero_mcp.event_log import EventLog
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from plugins.mcp.tests.conftest import Serve, Site

    from actionhero_mcp.connection import McpConnection

REVISION = "2025-11-25"
UPDATED = "notifications/resources/updated"


class Count(Action):
    """Count to three, a step for each number in a list."""

    name = "count"
    mcp = True
    steps: asyncio.Queue[int]

    async def run(self, call: Call) -> str:
        for number in range(1, 4):
            call.progress(number, 3)
            await asyncio.wait_for(Count.steps.get(), 20)
        return "counted"


class Wait(Action):
    """Wait for a cancellation."""

    name = "wait"
    mcp = True
    states: asyncio.Queue[str]

    async def run(self) -> None:
        Wait.states.put_nowait("started")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Wait.states.put_nowait("cancelled")
            raise


class Flood(Action):
    """Log 30 MB at once, which no client reads so quickly."""

    name = "flood"
    mcp = True
    steps: asyncio.Queue[int]

    async def run(self, call: Call) -> str:
        call.progress(1)
        await asyncio.wait_for(Flood.steps.get(), 20)
        for _ in range(3000):
            cast("McpConnection", call.connection).log("info", "x" * 10_000)
        return "done"


class Event(NamedTuple):
    """An event of a stream."""

    id: str
    message: Any


class Stream:
    """The events of a response.

    Args:
        response: The response.
    """

    def __init__(self, response: Any) -> None:
        self.response = response

    async def next(self) -> Event:
        """Return the next event."""
        async with asyncio.timeout(10):
            while True:
                text = (await self.response.content.readuntil(b"\n\n")).decode()
                fields = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
                if "data" in fields:
                    data = fields["data"].strip()
                    message = json.loads(data) if data else None
                    if message is not None and "method" in message:
                        check_messages({}, self.response.request_info.headers, [message])
                    return Event(fields.get("id", ""), message)


class Agent:
    """A client with a session.

    Args:
        site: The application.
        session: The id of its session.
        user: Its user.
    """

    def __init__(self, site: Site, session: str, user: int) -> None:
        self.site = site
        self.session = session
        self.user = user

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.user}-a",
            "MCP-Protocol-Version": REVISION,
            "Mcp-Session-Id": self.session,
        }

    async def request(self, method: str, **params: Any) -> Any:
        """Send a request, and return its result, or the error."""
        reply = await self.site.post(request(method, params), **self.headers)
        body = reply.body[-1] if isinstance(reply.body, list) else reply.body
        return body.get("result", body.get("error"))

    @contextlib.asynccontextmanager
    async def get(self, last: str = "", **headers: str) -> AsyncIterator[Stream]:
        """Open a stream."""
        sent = {**self.headers, "Accept": "text/event-stream", **headers}
        if last:
            sent["Last-Event-ID"] = last
        async with self.site.client.get(self.site.url, headers=sent) as response:
            yield Stream(response)

    @contextlib.asynccontextmanager
    async def call(self, tool: str) -> AsyncIterator[Stream]:
        """Call a tool, and yield its stream."""
        params = {"name": tool, "arguments": {}, "_meta": {"progressToken": 1}}
        headers = {**self.headers, "Accept": "application/json, text/event-stream"}
        body = request("tools/call", params, "call")
        async with self.site.client.post(self.site.url, json=body, headers=headers) as response:
            yield Stream(response)


async def connect(site: Site, user: int, revision: str = REVISION) -> Agent:
    """Return a client after its handshake."""
    params = {"protocolVersion": revision, "capabilities": {}}
    headers = {"Authorization": f"Bearer {user}-a"}
    reply = await site.post(request("initialize", params), **headers)
    return Agent(site, reply.headers["Mcp-Session-Id"], user)


@pytest.fixture
async def site(serve: Serve, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """Start the application with channels."""
    url = request.getfixturevalue("redis_server").url
    Count.steps, Wait.states, Flood.steps = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
    actions = (RoomView, Count, Wait, Flood)
    plugins = (redis_plugin, channels_plugin, *actions, ChannelPlugin(), TokensPlugin())
    async with serve(*plugins, ACTIONHERO_REDIS__URL=url) as site:
        yield site


async def test_changes_are_announced_once_a_second_on_the_stream_of_a_session(site: Site) -> None:
    """The subscription may precede the stream; changes of other resources are not announced."""
    channels, agent = site.app.get(Channels), await connect(site, 7)
    assert await agent.request("resources/subscribe", uri="chat://rooms/7") == {}
    refused = await agent.request("resources/subscribe", uri="chat://rooms/8")
    async with agent.get() as stream:
        first = await stream.next()
        began = time.monotonic()
        for _ in range(3):
            await channels.broadcast("room:7", "a secret")
            await channels.broadcast("room:8", "a secret")
        events = [await stream.next() for _ in range(2)]
        elapsed_seconds = time.monotonic() - began
        assert await agent.request("resources/unsubscribe", uri="chat://rooms/7") == {}
        assert channels.subscriber_counts == {}

    assert refused["code"] == -32603
    assert first == ("notifications.1", None)
    assert [event.id for event in events] == ["notifications.2", "notifications.3"]
    for event in events:
        assert event.message == {
            "jsonrpc": "2.0", "method": UPDATED, "params": {"uri": "chat://rooms/7"}
        }  # fmt: skip
    assert elapsed_seconds > 0.9


async def test_changes_that_may_be_missed_are_announced_when_a_client_returns(site: Site) -> None:
    """A new client has missed none."""
    agent = await connect(site, 7)
    await agent.request("resources/subscribe", uri="chat://rooms/7")
    async with agent.get("notifications.3") as stream:
        assert (await stream.next()).message is None
        assert (await stream.next()).message["params"] == {"uri": "chat://rooms/7"}
        async with agent.get() as newer:
            # Each message is sent on one stream.
            assert (await newer.next()).message is None
            await asyncio.wait_for(stream.response.content.read(), 10)
            await site.app.get(Channels).broadcast("room:7", "a secret")
            assert (await newer.next()).message["params"] == {"uri": "chat://rooms/7"}


async def test_older_clients_receive_events_without_identifiers(site: Site) -> None:
    agent = await connect(site, 7, "2025-06-18")
    await agent.request("resources/subscribe", uri="chat://rooms/7")
    async with agent.get("notifications.3") as stream:
        assert await stream.response.content.readuntil(b"\n\n") == b":\n\n"
        await site.app.get(Channels).broadcast("room:7", "a secret")
        event = await stream.next()

    assert event.id == ""
    assert event.message["method"] == UPDATED


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Mcp-Session-Id": "forged"}, 404),
        ({"Authorization": "Bearer 8-a"}, 403),
        ({"Authorization": "Bearer x"}, 401),
        ({"Accept": "application/json"}, 406),
        ({"Last-Event-ID": "unknown.7"}, 400),
        ({"Last-Event-ID": "x" * 50}, 400),
    ],
    ids=str,
)
async def test_streams_that_are_refused(site: Site, headers: dict[str, str], status: int) -> None:
    agent = await connect(site, 7)
    async with agent.get(**headers) as stream:
        assert stream.response.status == status


async def test_a_client_continues_the_stream_of_a_call(site: Site) -> None:
    """The call goes on without it; other callers and sessions do not learn of it."""
    agent = await connect(site, 7)
    async with agent.call("count") as stream:
        beginning, first = [await stream.next() for _ in range(2)]
    Count.steps.put_nowait(1)
    async with agent.get(first.id) as stream:
        second = await stream.next()
        for other in (await connect(site, 8), await connect(site, 7)):
            async with other.get(first.id) as refused:
                assert refused.response.status == 400
        for _ in range(2):
            Count.steps.put_nowait(1)
        third, last = [await stream.next() for _ in range(2)]
        assert await stream.response.content.read() == b""
    async with agent.get(second.id) as stream:
        again = [await stream.next() for _ in range(2)]

    assert beginning.message is None
    assert first.message["params"]["progress"] == 1
    assert second.message["params"]["progress"] == 2
    assert third.message["params"]["progress"] == 3
    assert last.message["id"] == "call"
    assert last.message["result"]["content"][0]["text"] == "counted"
    assert again == [third, last]


async def test_a_stream_goes_on_without_redis(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client cannot continue it then."""

    async def fail(*arguments: Any) -> None:
        raise ConnectionError("no Redis")

    monkeypatch.setattr(EventLog, "append", fail)
    agent = await connect(site, 7)
    for _ in range(3):
        Count.steps.put_nowait(1)
    async with agent.call("count") as stream:
        events = [await stream.next() for _ in range(5)]
    async with agent.get(events[1].id) as again:
        status = again.response.status

    assert events[-1].message["result"]["content"][0]["text"] == "counted"
    assert status == 400
    assert [item.message for item in caplog.records if item.name == "actionhero.mcp"] == [
        "the events of a stream are not kept: no Redis"
    ]


async def test_a_call_without_a_stream_ends_with_its_connection(site: Site) -> None:
    """Nothing was sent yet, with which the client could continue."""
    agent = await connect(site, 7)
    body = request("tools/call", {"name": "wait", "arguments": {}})
    headers = {**agent.headers, "Accept": "*/*"}
    sending = asyncio.ensure_future(site.client.post(site.url, json=body, headers=headers))
    assert await asyncio.wait_for(Wait.states.get(), 10) == "started"
    sending.cancel()

    assert await asyncio.wait_for(Wait.states.get(), 10) == "cancelled"


async def test_a_session_belongs_to_one_client(site: Site) -> None:
    """Also if its user has another one, from the same second."""
    agents = await asyncio.gather(*(connect(site, 7) for _ in range(4)))

    assert len({agent.session for agent in agents}) == 4


class Later(Action):
    """A tool that the second start has."""

    name = "later"
    mcp = True

    async def run(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("with_redis", [True, False], ids=["redis", "file"])
async def test_a_start_with_other_lists_is_announced(
    serve: Serve, tmp_path: Path, with_redis: bool, request: pytest.FixtureRequest
) -> None:
    """On the streams of both eras, for the lists that have changed."""
    settings = {"ACTIONHERO_APP__DATA_DIR": str(tmp_path), "ACTIONHERO_APP__SECRET_KEY": "k" * 64}
    plugins: tuple[Any, ...] = (TokensPlugin(), Count)
    if with_redis:
        plugins = (redis_plugin, *plugins)
        settings["ACTIONHERO_REDIS__URL"] = request.getfixturevalue("redis_server").url
    received = []
    for more in ((), (), (Later,)):
        async with serve(*plugins, *more, **settings) as site:
            agent = await connect(site, 7)
            async with agent.get() as stream:
                await stream.next()
                params = {
                    "_meta": meta(),
                    "notifications": {"toolsListChanged": True, "promptsListChanged": True},
                }
                headers = {
                    "Accept": "application/json, text/event-stream",
                    "MCP-Protocol-Version": "2026-07-28",
                    "Mcp-Method": "subscriptions/listen",
                }
                body = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen"}
                async with site.client.post(
                    site.url, json={**body, "params": params}, headers=headers
                ) as response:
                    listening = Stream(response)
                    acknowledged = await listening.next()
                    honored = acknowledged.message["params"]["notifications"]
                    assert honored == params["notifications"]
                    if more:
                        received = [(await item.next()).message for item in (stream, listening)]
                    else:
                        with pytest.raises(TimeoutError):
                            await asyncio.wait_for(listening.next(), 0.1)

    assert [message["method"] for message in received] == ["notifications/tools/list_changed"] * 2


async def test_notifications_that_nothing_reads_are_not_kept_in_memory(site: Site) -> None:
    """The result arrives nevertheless, after those that were buffered."""
    agent = await connect(site, 7)
    async with agent.call("flood") as stream:
        first = await stream.next()
        Flood.steps.put_nowait(1)
        with contextlib.suppress(aiohttp.ClientError):
            await stream.response.content.read()
    messages: list[Any] = []
    async with agent.get(first.id) as stream:
        while not messages or "result" not in messages[-1]:
            messages.append((await stream.next()).message)

    assert messages[-1]["result"]["content"][0]["text"] == "done"
    assert 50 < len(messages) < 150
