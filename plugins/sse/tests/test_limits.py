"""The limits of event streams, and their end on shutdown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession, web
from plugins.sse.tests.conftest import EventReader

from actionhero import Connection, ServiceUnavailable, Session
from actionhero_channels import Channels, Delivery
from actionhero_sse.event_stream import EventStream
from actionhero_web.application import create

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.sse.tests.conftest import Serve, Site

#: More than the buffers of the operating system for one connection.
COUNT, SIZE = 250, 32768

APPLICATION = """
from actionhero_channels import Channel


class News(Channel):
    name = "news"
"""


async def test_streams_over_the_limit_are_refused(serve: Serve) -> None:
    async with serve(ACTIONHERO_SSE__MAX_STREAMS="1") as site:
        async with site.events("news") as events:
            await events.next("subscribed")
            refused = await site.request("GET", "/channels/news/events")
            error = await refused.json()
        await _wait_for_subscribers(site, "news", 0)
        async with site.events("news") as events:
            await events.next("subscribed")

    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert error["error"]["message"] == "Too many event streams (max 1)"


async def test_a_slow_client_loses_its_stream_and_resumes(serve: Serve) -> None:
    """It neither slows down other clients, nor takes more memory than its buffer."""
    async with serve(ACTIONHERO_SSE__SEND_BUFFER_BYTES="100000") as site:
        async with site.events("long") as slow, site.events("long") as fast:
            connection = slow.response.connection
            assert connection is not None
            assert connection.transport is not None
            connection.transport.pause_reading()
            await fast.next("subscribed")
            for _ in range(COUNT):
                await site.broadcast("long", "x" * SIZE)
                await fast.messages(1)
            connection.transport.resume_reading()
            received, last_id = 0, ""
            while (event := await slow.next()).event != "error":
                received += event.event == "message"
                last_id = event.id or last_id
            with pytest.raises(EOFError):
                await slow.next()
        async with site.events("long", headers={"Last-Event-ID": last_id}) as resumed:
            confirmation = await resumed.next("subscribed")
            rest = await resumed.messages(COUNT - received)

    assert event.data["error"]["message"] == "The client is too slow"
    assert 0 < received < COUNT
    assert confirmation.data["gap"] is False
    assert len(rest) == COUNT - received


async def test_a_broadcast_larger_than_the_buffer_is_delivered_to_an_idle_client() -> None:
    stream = EventStream(Connection("test"), Session(), limit_bytes=10)

    stream.deliver(Delivery("news", _body("x" * 100), None))
    event = await stream.next()
    stream.deliver(Delivery("news", _body("1"), None))
    stream.deliver(Delivery("news", _body("2"), None))

    assert event is not None
    with pytest.raises(ServiceUnavailable, match="The client is too slow"):
        await stream.next()


async def test_streams_end_at_once_on_shutdown(serve: Serve) -> None:
    """The grace period of other streams is not waited for; clients reconnect at different times."""
    async with serve(ACTIONHERO_WEB__STREAM_GRACE="100", ACTIONHERO_SSE__RETRY="3") as site:
        async with site.events("news") as events:
            confirmation = await events.next("subscribed")
            stop = asyncio.create_task(site.app.app.stop())
            end = await events.next()
            with pytest.raises(EOFError):
                await events.next()
        await stop

    assert confirmation.retry == "3000"
    assert (end.event, end.data, end.id) == ("end", {"channel": "news"}, None)
    assert 3000 <= int(end.retry or 0) <= 6000


async def test_streams_end_with_the_aiohttp_application_of_another_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "news.py").write_text(APPLICATION)
    (tmp_path / "actionhero.toml").write_text(
        'app.package = "news"\nplugins.enabled = ["channels", "redis", "sse", "web"]\n'
        'redis.mode = "memory"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    runner = web.AppRunner(await create(location=tmp_path, logs=False))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/channels/news/events"

    async with ClientSession() as client, client.get(url) as response:
        events = EventReader(response)
        await events.next("subscribed")
        cleanup = asyncio.create_task(runner.cleanup())
        end = await events.next("end")
        with pytest.raises(EOFError):
            await events.next()
    await cleanup

    assert end.data == {"channel": "news"}


def _body(message: str) -> bytes:
    return b'{"message":{"channel":"news","message":"%b","sender":"test"' % message.encode()


async def _wait_for_subscribers(site: Site, channel: str, count: int) -> None:
    channels = site.app.get(Channels)
    while channels.subscriber_counts.get(channel, 0) != count:  # noqa: ASYNC110 - it has no event
        # The server notices a disconnect when it reads from the connection.
        await asyncio.sleep(0.005)
