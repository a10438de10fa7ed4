"""The client for tests and scripts, with a real server."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from actionhero import Event
from actionhero.testing import free_port
from actionhero_redis.testing import throw_away_redis
from actionhero_websocket.client import CallFailed, ConnectionLost, Message, connect
from actionhero_websocket.client.messages import parse_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.websocket.tests.conftest import ServerProcess, StartServer

    from actionhero_websocket.client import Client

TIMEOUT_SECONDS = 30.0
NO_RATE_LIMIT = "[websocket]\nmessages_per_second = 0\n"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """Yield the URL of a Redis that servers share, and that outlives them."""
    with throw_away_redis() as redis:
        yield redis.url


def url(server: ServerProcess) -> str:
    return f"ws://127.0.0.1:{server.port}/api"


async def wait_for_reconnect(client: Client, before: int = 0) -> None:
    """Wait until a lost connection and all its subscriptions are restored."""
    while client.reconnections == before:
        # Waits for the new connection, or fails if the loss was not detected yet.
        with contextlib.suppress(ConnectionLost):
            await client.call("greet", name="Ada")
    await client.call("greet", name="Ada")


async def broadcast_with_retries(client: Client, channel: str, message: str) -> None:
    """Broadcast a message, with retries until it succeeds."""
    while True:
        with contextlib.suppress(CallFailed):
            await client.call("broadcast", channel=channel, message=message)
            return
        await asyncio.sleep(0.05)


class CuttableProxy:
    """A TCP proxy whose connections can be cut."""

    def __init__(self, port: int) -> None:
        self._target_port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.url = ""

    async def __aenter__(self) -> CuttableProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Abort all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers |= {writer, other_writer}
        for source, target in ((reader, other_writer), (other_reader, writer)):
            task = asyncio.create_task(self._copy(source, target))
            self._tasks.add(task)

    @staticmethod
    async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.transport.abort()


async def test_calls_return_their_value(server: ServerProcess) -> None:
    """Fifty concurrent calls, each with its own."""
    async with connect(url(server)) as client:
        responses = await asyncio.gather(*(client.call("greet", name=f"A{i}") for i in range(50)))

    assert [response["greeting"] for response in responses] == [f"Hello, A{i}!" for i in range(50)]


async def test_failed_calls_raise_the_error(server: ServerProcess) -> None:
    """With type, key, value and request id."""
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed, match="at least 2 characters") as refused:
            await client.call("greet", name="A")
        with pytest.raises(CallFailed, match="Action not found: missing") as unknown:
            await client.call("missing")

    assert (refused.value.key, refused.value.value) == ("name", "A")
    assert refused.value.request_id
    assert unknown.value.type == "CONNECTION_ACTION_NOT_FOUND"


async def test_the_session_is_that_of_the_cookie(server: ServerProcess) -> None:
    """A sign-in over HTTP is valid for the socket."""
    http_url = f"http://127.0.0.1:{server.port}/api"
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as http,
        http.put(f"{http_url}/session", json={"name": "Ada"}) as response,
    ):
        cookie = response.cookies["__session"].value

    async with connect(url(server), session=cookie) as client:
        assert await client.call("whoami") == {"name": "Ada"}
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed):
            await client.call("whoami")


async def test_streams_yield_events_and_chunks(server: ServerProcess) -> None:
    """A later error is raised after the items before it."""
    async with connect(url(server)) as client:
        numbers = [item.data async for item in client.stream("stream", count=3)]
        [event] = [item async for item in client.stream("event")]
        text = "".join([chunk async for chunk in client.chunks("chunks")])
        failing = client.stream("stream", count=1, fails=True)
        first = await anext(failing)
        with pytest.raises(CallFailed, match="No more"):
            await anext(failing)
        # The next call works in spite of the unfinished stream.
        async with aclosing(client.stream("stream", count=50)) as some:
            await anext(some)
        assert (await client.call("greet", name="Ada"))["times"] == 1

    assert numbers == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert event == Event({"index": 1}, event="counter", id="7")
    assert text == "grüße"
    assert first.data == {"number": 0}


async def test_subscriptions_yield_messages_in_order(server: ServerProcess) -> None:
    """Between entering and leaving the `with` block."""
    async with connect(url(server)) as client, connect(url(server)) as other:
        async with client.subscribe("log:order") as messages:
            for number in range(10):
                await other.call("broadcast", channel="log:order", message=number, sender="Ada")
            received = [await anext(messages) for _ in range(10)]
            with pytest.raises(ValueError, match="subscription to channel 'log:order' already"):
                await client.subscribe("log:order").__aenter__()
        assert (await client.call("subscribers"))["subscribers"] == {}

    assert [message.message for message in received] == list(range(10))
    assert {message.sender for message in received} == {"Ada"}
    assert not any(message.after_gap for message in received)


async def test_refused_subscriptions_raise_the_error(server: ServerProcess) -> None:
    """On entering."""
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed, match="Authentication required"):
            async with client.subscribe("messages"):
                pytest.fail("the subscription was accepted")


async def test_since_resumes_an_earlier_subscription(server: ServerProcess) -> None:
    """The messages in between are received."""
    async with connect(url(server)) as client:
        async with client.subscribe("log:since") as messages:
            await client.call("broadcast", channel="log:since", message="one")
            await anext(messages)
        for text in ("two", "three"):
            await client.call("broadcast", channel="log:since", message=text)

        async with client.subscribe("log:since", since=messages.last_id) as resumed:
            received = [(await anext(resumed)).message for _ in range(2)]

    assert received == ["two", "three"]
    assert resumed.gaps == 0


async def test_lost_connections_are_restored_without_gaps(
    start_server: StartServer, redis_url: str
) -> None:
    """Cut several times during broadcasts; each message is received once, in order."""
    server = start_server(NO_RATE_LIMIT, {"REDIS_URL": redis_url})
    count = 60
    async with (
        CuttableProxy(server.port) as proxy,
        connect(proxy.url) as client,
        connect(url(server)) as other,
    ):
        async with client.subscribe("log:cut") as messages:
            await other.call("broadcast", channel="log:cut", message=-1)
            received = [(await anext(messages)).message]
            before = client.reconnections
            for number in range(count):
                await other.call("broadcast", channel="log:cut", message=number)
                if number % 20 == 10:
                    proxy.cut()
                elif number % 20 == 15:
                    # Five messages were sent without a connection.
                    await wait_for_reconnect(client, before)
                    before = client.reconnections
            missing = count + 1 - len(received)
            received += [(await anext(messages)).message for _ in range(missing)]

        assert received == list(range(-1, count))
        assert client.reconnections == 3
        assert messages.gaps == 0
        # There are no more messages: they would precede this response.
        assert (await client.call("greet", name="Ada"))["times"] == 1
        assert messages._items.empty()


async def test_clients_reconnect_to_a_restarted_server(
    start_server: StartServer, redis_url: str, tmp_path: Any
) -> None:
    """Broadcasts of another server in between are received, and calls wait."""
    port = str(free_port())
    environ = {"REDIS_URL": redis_url}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = start_server(NO_RATE_LIMIT, {**environ, "PORT": port}, folder=tmp_path / "one")
    second = start_server(NO_RATE_LIMIT, environ, folder=tmp_path / "two")
    async with (
        connect(url(first)) as client,
        connect(url(second)) as other,
        client.subscribe("log:again") as messages,
    ):
        await other.call("broadcast", channel="log:again", message="before")
        received = [(await anext(messages)).message]

        assert await asyncio.to_thread(first.stop) == 0
        await other.call("broadcast", channel="log:again", message="during")
        waiting = asyncio.create_task(client.call("greet", name="Ada"))
        await asyncio.to_thread(
            start_server, NO_RATE_LIMIT, {**environ, "PORT": port}, folder=tmp_path / "one"
        )

        received.append((await anext(messages)).message)
        assert (await waiting)["greeting"] == "Hello, Ada!"
        await other.call("broadcast", channel="log:again", message="after")
        received.append((await anext(messages)).message)

    assert received == ["before", "during", "after"]


async def test_resubscribing_respects_the_rate_limit(
    original_server: ServerProcess,
) -> None:
    """The server accepts 20 messages per second, and there are 25 subscriptions."""
    names = [f"many:{number}" for number in range(25)]
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(CuttableProxy(original_server.port))
        client = await stack.enter_async_context(connect(proxy.url))
        subscriptions = []
        for number, name in enumerate(names):
            if number == 15:
                await asyncio.sleep(1)
            subscriptions.append(await stack.enter_async_context(client.subscribe(name)))

        proxy.cut()
        await wait_for_reconnect(client)

        counts = (await client.call("subscribers"))["subscribers"]
        assert {name: counts.get(name) for name in names} == dict.fromkeys(names, 1)
        assert client.reconnections == 1
        # Unsubscribing from all of them would exceed the rate limit too.
        await client._connection.close()


async def test_subscriptions_survive_a_redis_outage_during_a_reconnect(
    start_server: StartServer,
) -> None:
    """The server refuses them temporarily; afterwards nothing is missing."""
    with throw_away_redis(options=["--appendfsync", "always"]) as redis:
        environ = {"REDIS_URL": redis.url, "ACTIONHERO_REDIS__RETRIES": "0"}
        server = start_server(NO_RATE_LIMIT, environ)
        async with (
            CuttableProxy(server.port) as proxy,
            connect(proxy.url) as client,
            connect(url(server)) as other,
            client.subscribe("log:away") as messages,
        ):
            await other.call("broadcast", channel="log:away", message="before")
            received = [(await anext(messages)).message]

            await asyncio.to_thread(redis.kill)
            proxy.cut()
            while client.reconnections < 2:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.01)
            await asyncio.to_thread(redis.start)
            await broadcast_with_retries(other, "log:away", "after")
            received.append((await anext(messages)).message)

    assert received == ["before", "after"]
    assert messages.gaps == 0


async def test_reconnects_without_history_are_a_gap(server: ServerProcess) -> None:
    """The next message has `after_gap`."""
    async with (
        CuttableProxy(server.port) as proxy,
        connect(proxy.url) as client,
        connect(url(server)) as other,
        client.subscribe("news") as messages,
    ):
        await other.call("broadcast", channel="news", message="before")
        before = await anext(messages)

        proxy.cut()
        await wait_for_reconnect(client)
        await other.call("broadcast", channel="news", message="after")
        after = await anext(messages)

    assert (before.message, before.after_gap) == ("before", False)
    assert (after.message, after.after_gap) == ("after", True)
    assert messages.gaps == 1


async def test_calls_without_a_response_raise_connection_lost(server: ServerProcess) -> None:
    """They are not retried: they may have run."""
    async with CuttableProxy(server.port) as proxy, connect(proxy.url) as client:
        waiting = asyncio.create_task(client.call("wait"))
        await asyncio.to_thread(server.wait_for, "waiting for release")

        proxy.cut()

        with pytest.raises(ConnectionLost, match="the connection was lost"):
            await waiting


async def test_without_reconnects_calls_and_subscriptions_end(server: ServerProcess) -> None:
    """They raise `ConnectionLost`."""
    async with (
        CuttableProxy(server.port) as proxy,
        connect(proxy.url, reconnects=False) as client,
        client.subscribe("news") as messages,
    ):
        proxy.cut()

        with pytest.raises(ConnectionLost):
            await anext(messages)
        with pytest.raises(ConnectionLost):
            await client.call("greet", name="Ada")


async def test_unreachable_servers_raise_connection_lost(server: ServerProcess) -> None:
    """With the address; so do servers that refuse the connection."""
    port = free_port()
    with pytest.raises(ConnectionLost, match=f"ws://127.0.0.1:{port}/api is unreachable"):
        async with connect(f"ws://127.0.0.1:{port}/api"):
            pytest.fail("the connection succeeded")
    with pytest.raises(ConnectionLost, match="refused the connection: 403"):
        async with connect(url(server), headers={"Origin": "https://elsewhere.example"}):
            pytest.fail("the connection was accepted")


async def test_calls_of_a_closed_client_raise_connection_lost(server: ServerProcess) -> None:
    """With the cause."""
    async with connect(url(server)) as client:
        pass

    with pytest.raises(ConnectionLost, match="the client is closed"):
        await client.call("greet", name="Ada")


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('data: {"a":1}\n\n', Event({"a": 1})),
        ("data: one\ndata: two\n\n", Event("one\ntwo")),
        ("event: tick\nid: 7\ndata: \n\n", Event("", event="tick", id="7")),
        (":\ndata: 1:2\n\n", Event("1:2")),
    ],
)
def test_server_sent_events_are_parsed(text: str, event: Event[Any]) -> None:
    """As in browsers."""
    assert parse_event(text) == event


def test_messages_are_named_tuples() -> None:
    """With defaults for the optional fields."""
    assert Message("news", "hello", "Ada")._asdict() == {
        "channel": "news",
        "message": "hello",
        "sender": "Ada",
        "id": None,
        "after_gap": False,
    }
