"""The client for tests and scripts, at a real server."""

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
from actionhero_websocket.client_answers import event_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.websocket.tests.conftest import Started, StartServer

    from actionhero_websocket.client import Client

PATIENCE_SECONDS = 30.0
MANY = "[websocket]\nmessages_per_second = 0\n"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """Give the address of a Redis that servers share, and that outlives them."""
    with throw_away_redis() as redis:
        yield redis.url


def url(server: Started) -> str:
    return f"ws://127.0.0.1:{server.port}/api"


async def until_back(client: Client, before: int = 0) -> None:
    """Return when a connection that was cut is there again, and all channels are joined."""
    while client.reconnections == before:
        # Answered when the connection is back; perhaps nobody knows yet that it is cut.
        with contextlib.suppress(ConnectionLost):
            await client.call("greet", name="Ada")
    await client.call("greet", name="Ada")


async def until_told(client: Client, channel: str, message: str) -> None:
    """Broadcast something, as soon as that is possible."""
    while True:
        with contextlib.suppress(CallFailed):
            await client.call("tell", channel=channel, message=message)
            return
        await asyncio.sleep(0.05)


class Wire:
    """A connection to a server that can be cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.url = ""

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, other_writer}
        for source, target in ((reader, other_writer), (other_reader, writer)):
            task = asyncio.create_task(self._carry(source, target))
            self._tasks.add(task)

    @staticmethod
    async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.transport.abort()


async def test_a_call_has_its_value(server: Started) -> None:
    """Many at once, each with its own."""
    async with connect(url(server)) as client:
        answers = await asyncio.gather(*(client.call("greet", name=f"A{i}") for i in range(50)))

    assert [answer["greeting"] for answer in answers] == [f"Hello, A{i}!" for i in range(50)]


async def test_a_call_that_fails_says_why(server: Started) -> None:
    """Type, key and value, as they are on the wire."""
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed, match="at least 2 characters") as refused:
            await client.call("greet", name="A")
        with pytest.raises(CallFailed, match="Action not found: nobody") as unknown:
            await client.call("nobody")

    assert (refused.value.key, refused.value.value) == ("name", "A")
    assert refused.value.request_id
    assert unknown.value.type == "CONNECTION_ACTION_NOT_FOUND"


async def test_a_session_is_that_of_the_cookie(server: Started) -> None:
    """Whoever has signed in over HTTP is the same over the socket."""
    http_url = f"http://127.0.0.1:{server.port}/api"
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as http,
        http.put(f"{http_url}/session", json={"name": "Ada"}) as answer,
    ):
        cookie = answer.cookies["__session"].value

    async with connect(url(server), session=cookie) as client:
        assert await client.call("whoami") == {"name": "Ada"}
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed):
            await client.call("whoami")


async def test_a_stream_is_read_as_it_comes(server: Started) -> None:
    """Events with their names, chunks as text, and what fails later after what came before."""
    async with connect(url(server)) as client:
        counted = [item.data async for item in client.stream("stream", count=3)]
        [event] = [item async for item in client.stream("event")]
        text = "".join([chunk async for chunk in client.chunks("chunks")])
        failing = client.stream("stream", count=1, fails=True)
        first = await anext(failing)
        with pytest.raises(CallFailed, match="No more"):
            await anext(failing)
        # Nothing of all this is in the way of the next call.
        async with aclosing(client.stream("stream", count=50)) as some:
            await anext(some)
        assert (await client.call("greet", name="Ada"))["times"] == 1

    assert counted == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert event == Event({"index": 1}, event="counter", id="7")
    assert text == "grüße"
    assert first.data == {"number": 0}


async def test_messages_of_a_channel_come_in_order(server: Started) -> None:
    """From when it is joined until it is left."""
    async with connect(url(server)) as client, connect(url(server)) as other:
        async with client.subscribe("log:order") as messages:
            for number in range(10):
                await other.call("tell", channel="log:order", message=number, sender="Ada")
            heard = [await anext(messages) for _ in range(10)]
            with pytest.raises(ValueError, match="'log:order' is joined already"):
                await client.subscribe("log:order").__aenter__()
        assert (await client.call("joined"))["joined"] == {}

    assert [message.message for message in heard] == list(range(10))
    assert {message.sender for message in heard} == {"Ada"}
    assert not any(message.after_gap for message in heard)


async def test_a_channel_that_may_not_be_joined_is_refused(server: Started) -> None:
    """On entering."""
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed, match="Authentication required"):
            async with client.subscribe("messages"):
                pytest.fail("it was joined")


async def test_what_came_after_a_message_is_told(server: Started) -> None:
    """With `since`, another client goes on where the first has stopped."""
    async with connect(url(server)) as client:
        async with client.subscribe("log:since") as messages:
            await client.call("tell", channel="log:since", message="one")
            await anext(messages)
        for text in ("two", "three"):
            await client.call("tell", channel="log:since", message=text)

        async with client.subscribe("log:since", since=messages.last_id) as again:
            heard = [(await anext(again)).message for _ in range(2)]

    assert heard == ["two", "three"]
    assert again.gaps == 0


async def test_a_lost_connection_comes_back_and_misses_nothing(
    start_server: StartServer, redis_url: str
) -> None:
    """It is cut again and again while messages are told; each comes once, in order."""
    server = start_server(MANY, {"REDIS_URL": redis_url})
    count = 60
    async with Wire(server.port) as wire, connect(wire.url) as client, connect(url(server)) as told:
        async with client.subscribe("log:cut") as messages:
            await told.call("tell", channel="log:cut", message=-1)
            heard = [(await anext(messages)).message]
            before = client.reconnections
            for number in range(count):
                await told.call("tell", channel="log:cut", message=number)
                if number % 20 == 10:
                    wire.cut()
                elif number % 20 == 15:
                    # Five were told while nobody was there to hear them.
                    await until_back(client, before)
                    before = client.reconnections
            heard += [(await anext(messages)).message for _ in range(count + 1 - len(heard))]

        assert heard == list(range(-1, count))
        assert client.reconnections == 3
        assert messages.gaps == 0
        # There is nothing more: this would come after it.
        assert (await client.call("greet", name="Ada"))["times"] == 1
        assert messages._items.empty()


async def test_a_server_that_starts_again_is_found_again(
    start_server: StartServer, redis_url: str, tmp_path: Any
) -> None:
    """What another server told meanwhile is there; calls wait until the connection is back."""
    port = str(free_port())
    environ = {"REDIS_URL": redis_url}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = start_server(MANY, {**environ, "PORT": port}, folder=tmp_path / "one")
    other = start_server(MANY, environ, folder=tmp_path / "two")
    async with (
        connect(url(first)) as client,
        connect(url(other)) as told,
        client.subscribe("log:again") as messages,
    ):
        await told.call("tell", channel="log:again", message="before")
        heard = [(await anext(messages)).message]

        assert await asyncio.to_thread(first.stop) == 0
        await told.call("tell", channel="log:again", message="meanwhile")
        waiting = asyncio.create_task(client.call("greet", name="Ada"))
        start = asyncio.to_thread(
            start_server, MANY, {**environ, "PORT": port}, folder=tmp_path / "one"
        )
        await start

        heard.append((await anext(messages)).message)
        assert (await waiting)["greeting"] == "Hello, Ada!"
        await told.call("tell", channel="log:again", message="after")
        heard.append((await anext(messages)).message)

    assert heard == ["before", "meanwhile", "after"]


async def test_many_channels_are_joined_again_however_few_messages_a_server_takes(
    original: Started,
) -> None:
    """Twenty a second are heard; more channels than that come back all the same."""
    names = [f"many:{number}" for number in range(25)]
    async with contextlib.AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(original.port))
        client = await stack.enter_async_context(connect(wire.url))
        joined = []
        for number, name in enumerate(names):
            if number == 15:
                await asyncio.sleep(1)
            joined.append(await stack.enter_async_context(client.subscribe(name)))

        wire.cut()
        await until_back(client)

        heard = (await client.call("joined"))["joined"]
        assert {name: heard.get(name) for name in names} == dict.fromkeys(names, 1)
        assert client.reconnections == 1
        # To leave them all at once would be too much for this server, too.
        await client._close()


async def test_a_channel_outlives_a_redis_that_is_away_when_the_client_comes_back(
    start_server: StartServer,
) -> None:
    """The server refuses to let it in, for now; nothing is missed when it can."""
    with throw_away_redis(options=["--appendfsync", "always"]) as redis:
        environ = {"REDIS_URL": redis.url, "ACTIONHERO_REDIS__RETRIES": "0"}
        server = start_server(MANY, environ)
        async with (
            Wire(server.port) as wire,
            connect(wire.url) as client,
            connect(url(server)) as told,
            client.subscribe("log:away") as messages,
        ):
            await told.call("tell", channel="log:away", message="before")
            heard = [(await anext(messages)).message]

            await asyncio.to_thread(redis.kill)
            wire.cut()
            while client.reconnections < 2:  # noqa: ASYNC110 - nobody else counts them
                await asyncio.sleep(0.01)
            await asyncio.to_thread(redis.start)
            await until_told(told, "log:away", "after")
            heard.append((await anext(messages)).message)

    assert heard == ["before", "after"]
    assert messages.gaps == 0


async def test_a_gap_is_told(server: Started) -> None:
    """Where nothing is kept, nobody can say what was missed."""
    async with (
        Wire(server.port) as wire,
        connect(wire.url) as client,
        connect(url(server)) as told,
        client.subscribe("news") as messages,
    ):
        await told.call("tell", channel="news", message="before")
        before = await anext(messages)

        wire.cut()
        await until_back(client)
        await told.call("tell", channel="news", message="after")
        after = await anext(messages)

    assert (before.message, before.after_gap) == ("before", False)
    assert (after.message, after.after_gap) == ("after", True)
    assert messages.gaps == 1


async def test_a_call_whose_answer_is_lost_says_so(server: Started) -> None:
    """It is not sent again: nobody knows whether it ran."""
    async with Wire(server.port) as wire, connect(wire.url) as client:
        waiting = asyncio.create_task(client.call("wait"))
        await asyncio.to_thread(server.wait_for, "waiting")

        wire.cut()

        with pytest.raises(ConnectionLost, match="the connection was lost"):
            await waiting


async def test_without_coming_back_all_ends(server: Started) -> None:
    """Calls and channels say that there is no connection."""
    async with (
        Wire(server.port) as wire,
        connect(wire.url, reconnects=False) as client,
        client.subscribe("news") as messages,
    ):
        wire.cut()

        with pytest.raises(ConnectionLost):
            await anext(messages)
        with pytest.raises(ConnectionLost):
            await client.call("greet", name="Ada")


async def test_a_server_that_is_not_there_is_told(server: Started) -> None:
    """At once, with its address; and so is one that refuses."""
    port = free_port()
    with pytest.raises(ConnectionLost, match=f"ws://127.0.0.1:{port}/api cannot be reached"):
        async with connect(f"ws://127.0.0.1:{port}/api"):
            pytest.fail("it was reached")
    with pytest.raises(ConnectionLost, match="refused the connection: 403"):
        async with connect(url(server), headers={"Origin": "https://elsewhere.example"}):
            pytest.fail("it was let in")


async def test_a_closed_client_says_so(server: Started) -> None:
    """To whoever still waits."""
    async with connect(url(server)) as client:
        pass

    with pytest.raises(ConnectionLost, match="the client is closed"):
        await client.call("greet", name="Ada")


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ('data: {"a":1}\n\n', Event({"a": 1})),
        ("data: one\ndata: two\n\n", Event("one\ntwo")),
        ("event: tick\nid: 7\ndata: \n\n", Event("", event="tick", id="7")),
        (":\ndata: 1:2\n\n", Event("1:2")),
    ],
)
def test_the_text_of_an_event_is_read(frame: str, event: Event[Any]) -> None:
    """As a browser does."""
    assert event_in(frame) == event


def test_a_message_is_what_it_says() -> None:
    """A message has its parts by name."""
    assert Message("news", "hello", "Ada")._asdict() == {
        "channel": "news",
        "message": "hello",
        "sender": "Ada",
        "id": None,
        "after_gap": False,
    }
