"""Calls and streams of the client, with a real server."""

from __future__ import annotations

import asyncio
import socket
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import aiohttp
import pytest
from plugins.websocket.tests.peers import CuttableProxy, scripted_server, url
from pydantic import BaseModel, SecretStr

from actionhero import Action, Event, Field
from actionhero.testing import free_port
from actionhero_websocket.client import (
    CallFailed,
    ConnectionLost,
    InvalidInputs,
    InvalidResult,
    ServerError,
    connect,
)
from actionhero_websocket.client import handshake as handshake_module
from actionhero_websocket.client.events import parse_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web
    from plugins.websocket.tests.conftest import ServerProcess

    from actionhero_websocket.client import Client


def nested(depth: int) -> Any:
    """Return nested lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


class Credentials(BaseModel):
    """Inputs with a secret."""

    password: SecretStr


class Greeting(BaseModel):
    greeting: str
    times: int


class GreetInputs(BaseModel):
    name: str


class Greet(Action):
    """The contract of the server's action."""

    name = "greet"

    async def run(self, inputs: GreetInputs) -> Greeting:
        raise NotImplementedError


class Number(BaseModel):
    number: int


class Numbers(Action):
    """The contract of a stream."""

    name = "stream"

    async def run(self, count: int = 3) -> AsyncIterator[Number]:
        yield Number(number=count)


class Words(Action):
    """The contract of a stream of text."""

    name = "words"

    async def run(self) -> AsyncIterator[str]:
        yield "word"


class ShortWords(Action):
    """The contract of a stream of text with a constraint."""

    name = "words"

    async def run(self) -> AsyncIterator[Annotated[str, Field(max_length=100_000)]]:
        yield "word"


# -- calls -------------------------------------------------------------------------------------


async def test_concurrent_calls_keep_to_the_rate_of_the_server(
    original_server: ServerProcess,
) -> None:
    """The server accepts 20 messages per second; each call returns its own value."""
    async with connect(url(original_server)) as client:
        responses = await asyncio.gather(*(client.call("greet", name=f"A{i}") for i in range(45)))

    assert [response["greeting"] for response in responses] == [f"Hello, A{i}!" for i in range(45)]


async def test_calls_over_the_rate_of_the_server_are_sent_again(
    original_server: ServerProcess,
) -> None:
    """Of 30 at once, the server refuses ten, which it has not run."""
    async with connect(url(original_server), messages_per_second=30) as client:
        responses = await asyncio.gather(*(client.call("greet", name=f"A{i}") for i in range(30)))

    assert [response["greeting"] for response in responses] == [f"Hello, A{i}!" for i in range(30)]


async def test_streams_over_the_rate_of_the_server_are_called_again(
    original_server: ServerProcess,
) -> None:
    """Like other calls: the server has not run them."""

    async def count(client: Client) -> list[int]:
        return [event.data["number"] async for event in client.stream("stream", count=2)]

    async with connect(url(original_server), messages_per_second=30) as client:
        numbers = await asyncio.gather(*(count(client) for _ in range(30)))

    assert numbers == [[0, 1]] * 30


async def test_without_pacing_calls_over_the_rate_fail_alone(
    original_server: ServerProcess,
) -> None:
    """Each with its own error; the others return their value."""
    async with connect(url(original_server), messages_per_second=0) as client:
        results = await asyncio.gather(
            *(client.call("greet", name=f"A{i}") for i in range(25)), return_exceptions=True
        )

    failed = [result for result in results if isinstance(result, CallFailed)]
    assert {error.type for error in failed} == {"CONNECTION_RATE_LIMITED"}
    assert len(results) - len(failed) == 20


async def test_failed_calls_raise_the_error(server: ServerProcess) -> None:
    """With type, key, value, all problems and request id."""
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed, match="at least 2 characters") as refused:
            await client.call("greet", name="A", times="x")
        with pytest.raises(CallFailed, match="Action not found: missing") as unknown:
            await client.call("missing")

    assert (refused.value.key, refused.value.value) == ("name", "A")
    assert [error["pointer"] for error in refused.value.errors] == ["/name", "/times"]
    assert refused.value.request_id
    assert unknown.value.type == "CONNECTION_ACTION_NOT_FOUND"


@pytest.mark.parametrize(
    ("value", "pointer", "reason"),
    [
        ({"text": ["a\0b"]}, "/value/text/0", "a NUL character"),
        ({"\0": 1}, "/value/\0", "the name contains a NUL character"),
        ("\ud83d", "/value", "a lone surrogate"),
        ([1.0, float("nan")], "/value/1", "a number out of range"),
        (float("-inf"), "/value", "a number out of range"),
        (nested(70), "/value" + "/0" * 61, "nested deeper than 62 levels"),
        (object(), "/value", "'object' cannot be written as JSON"),
        (b"\xff", "/value", "'bytes' cannot be written as JSON"),
        ("x" * 70_000, "/value", "and the limit is 65536"),
    ],
    ids=["nul", "name", "surrogate", "nan", "infinity", "depth", "object", "bytes", "size"],
)
async def test_inputs_that_cannot_be_sent_fail_their_own_call(
    server: ServerProcess, value: Any, pointer: str, reason: str
) -> None:
    """Nothing is sent; the error names the input. Another call is not affected."""
    async with connect(url(server)) as client:
        other = asyncio.create_task(client.call("wait"))
        await asyncio.to_thread(server.wait_for, "waiting for release")

        with pytest.raises(InvalidInputs, match=reason) as invalid:
            await client.call("greet", name="Ada", value=value)

        while not other.done():
            await client.call("release")
        assert await other == {"waited": True}
        assert client.reconnections == 0
    assert invalid.value.pointer == pointer


async def test_secrets_are_sent_unmasked(server: ServerProcess) -> None:
    """A short one is refused by its length."""
    async with connect(url(server)) as client:
        assert await client.run("secret:store", Credentials(password=SecretStr("12345678"))) == {}
        with pytest.raises(CallFailed, match="at least 8 characters"):
            await client.run("secret:store", {"password": SecretStr("1234567")})


async def test_errors_without_an_id_end_no_call(server: ServerProcess) -> None:
    """They are reported to listeners."""
    async with connect(url(server)) as client:
        reported: asyncio.Queue[Any] = asyncio.Queue()
        client.listen(reported.put_nowait)
        waiting = asyncio.create_task(client.call("wait"))
        await asyncio.to_thread(server.wait_for, "waiting for release")

        assert client._connection._socket is not None
        await client._connection._socket.send_str("not JSON")
        event = await reported.get()

        assert not waiting.done()
        while not waiting.done():
            await client.call("release")
    assert isinstance(event, ServerError)
    assert "Invalid JSON" in str(event.error)


async def test_results_have_the_type_of_the_action(server: ServerProcess) -> None:
    """That of a class, or another one."""
    async with connect(url(server)) as client:
        greeting = await client.run(Greet, GreetInputs(name="Ada"))
        same = await client.call(Greet, name="Ada")
        other = await client.run("greet", {"name": "Ada"}, result=dict[str, str | int])
        items = await client.run("value", {"kind": "list"}, result=list[Any])
        nothing = await client.run("value", {"kind": "none"}, result=int | None)
        with pytest.raises(InvalidResult, match="'greet' does not match its type: /number"):
            await client.run("greet", {"name": "Ada"}, result=Number)

    assert greeting == same == Greeting(greeting="Hello, Ada!", times=1)
    assert other == {"greeting": "Hello, Ada!", "times": 1}
    assert items == ["a", {"b": 1}]
    assert nothing is None


async def test_calls_have_a_timeout(server: ServerProcess) -> None:
    """That of the client, or their own."""
    async with connect(url(server), timeout=timedelta(milliseconds=20)) as client:
        with pytest.raises(TimeoutError, match=r"no answer within 0\.02 s"):
            await client.call("wait")
        result = await client.run("greet", {"name": "Ada"}, timeout=timedelta(seconds=30))

    assert result["greeting"] == "Hello, Ada!"


async def test_rate_limits_of_actions_are_retried_on_request() -> None:
    """Without the option, the call fails: the action may have its own reason."""

    async def refuse_twice(socket: web.WebSocketResponse, _: int) -> None:
        number = 0
        async for message in socket:
            id = message.json()["messageId"]
            error = {"type": "CONNECTION_RATE_LIMITED", "message": "Five per minute"}
            number += 1
            reply = {"response": {"number": number}} if number == 3 else {"error": error}
            await socket.send_json({"messageId": id, **reply})

    async with scripted_server(refuse_twice) as address, connect(address) as client:
        with pytest.raises(CallFailed, match="Five per minute"):
            await client.call("limited")
        assert await client.run("limited", retry_rate_limited=True) == {"number": 3}


async def test_the_session_is_that_of_the_cookie(server: ServerProcess) -> None:
    """A sign-in over HTTP is valid for the socket, also of a connected client."""
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
        await client.reconnect(session=cookie)
        assert await client.call("whoami") == {"name": "Ada"}


# -- streams -----------------------------------------------------------------------------------


async def test_streams_yield_events_and_chunks(server: ServerProcess) -> None:
    """A later error is raised after the items before it."""
    async with connect(url(server)) as client:
        numbers = [item.data async for item in client.stream("stream", count=3)]
        typed = [item.data async for item in client.stream(Numbers, count=2)]
        [event] = [item async for item in client.stream("event")]
        text = "".join([chunk async for chunk in client.chunks("chunks")])
        failing = client.stream("stream", count=1, fails=True)
        first = await anext(failing)
        with pytest.raises(CallFailed, match="No more"):
            await anext(failing)
        with pytest.raises(CallFailed, match="Action not found"):
            await anext(client.stream("missing"))

    assert numbers == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert typed == [Number(number=0), Number(number=1)]
    assert event == Event({"index": 1}, event="counter", id="7")
    assert text == "grüße"
    assert first.data == {"number": 0}


@pytest.mark.parametrize(
    "text", ["abc", "123", "NaN", "null", '"quoted"', "a\nb", "", "[" * 100_000]
)
async def test_text_items_are_not_decoded(text: str) -> None:
    """With the class of an action that yields text, also text like JSON; nor is `NaN` JSON."""

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        async for item in socket:
            id = item.json()["messageId"]
            lines = "".join(f"data: {line}\n" for line in text.split("\n"))
            await socket.send_json({"messageId": id, "streaming": True, "chunk": f"{lines}\n"})
            await socket.send_json({"messageId": id, "streaming": False})

    async with scripted_server(script) as address, connect(address) as client:
        [typed] = [event.data async for event in client.stream(Words)]
        [optional] = [event.data async for event in client.stream(ShortWords)]
        [untyped] = [event.data async for event in client.stream("words")]

    assert typed == text
    assert optional == text.strip('"')
    assert untyped == {"123": 123, "null": None, '"quoted"': "quoted"}.get(text, text)


async def test_streams_that_are_called_again_can_be_left_early() -> None:
    """The server ends a stream whose call it has refused at first, also before the first item."""
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        async for item in socket:
            message = item.json()
            received.put_nowait(message["messageType"])
            if received.qsize() == 1:
                text = "WebSocket rate limit exceeded"
                error = {"type": "CONNECTION_RATE_LIMITED", "message": text}
                await socket.send_json({"messageId": message["messageId"], "error": error})

    async with scripted_server(script) as address, connect(address) as client:
        stream = client.stream("endless")
        waiting = asyncio.create_task(anext(stream))
        while received.qsize() < 2:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)
        # The handler of the second call is set before its message is sent.
        waiting.cancel()
        await asyncio.wait([waiting])

        messages = [await asyncio.wait_for(received.get(), 10) for _ in range(3)]

    assert messages == ["action", "action", "cancel"]


async def test_streams_can_be_left_early(server: ServerProcess) -> None:
    """The server ends the call; also that of a stream which was called like another action."""
    async with connect(url(server), messages_per_second=0) as client:
        for number in range(1, 35):  # The server runs 32 streams of one client.
            async with aclosing(client.stream("endless")) as some:
                await anext(some)
            await asyncio.to_thread(server.wait_for, "after endless: cancelled", times=number)
        with pytest.raises(TypeError, match="use stream or chunks"):
            await client.call("endless")
        await asyncio.to_thread(server.wait_for, "after endless: cancelled", times=35)
        assert client._connection._handlers == {}


# -- connections -------------------------------------------------------------------------------


async def test_calls_without_a_response_raise_connection_lost(server: ServerProcess) -> None:
    """They are not repeated: they may have run."""
    async with CuttableProxy(server.port) as proxy, connect(proxy.url) as client:
        waiting = asyncio.create_task(client.call("wait"))
        await asyncio.to_thread(server.wait_for, "waiting for release")

        proxy.cut()

        with pytest.raises(ConnectionLost, match="the connection was lost") as lost:
            await waiting
    assert lost.value.sent


async def test_unreachable_servers_raise_connection_lost(server: ServerProcess) -> None:
    """With the address; so do servers that refuse the connection."""
    port = free_port()
    with pytest.raises(ConnectionLost, match=f"ws://127.0.0.1:{port}/api is unreachable"):
        async with connect(f"ws://127.0.0.1:{port}/api"):
            pytest.fail("the connection succeeded")
    with pytest.raises(ConnectionLost, match="refused the connection: 403") as lost:
        async with connect(url(server), headers={"Origin": "https://elsewhere.example"}):
            pytest.fail("the connection was accepted")
    assert not lost.value.sent


async def test_handshakes_without_an_answer_raise_connection_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a process that is stopped, whose connections the system accepts."""
    monkeypatch.setattr(handshake_module, "CONNECT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ws://127.0.0.1:{silent.getsockname()[1]}/api"
        with pytest.raises(ConnectionLost, match=f"{address} did not answer .* within 0.05 s"):
            async with connect(address):
                pytest.fail("the connection succeeded")


async def test_calls_of_a_closed_client_raise_connection_lost(server: ServerProcess) -> None:
    """With the cause; so do calls that waited."""
    async with connect(url(server)) as client:
        waiting = asyncio.create_task(client.call("wait"))
        await asyncio.to_thread(server.wait_for, "waiting for release")

    with pytest.raises(ConnectionLost, match="the client is closed") as lost:
        await client.call("greet", name="Ada")
    assert not lost.value.sent
    with pytest.raises(ConnectionLost, match="the client is closed"):
        await client.reconnect()
    with pytest.raises(ConnectionLost, match="the client is closed") as lost:
        await waiting
    assert lost.value.sent
    assert client.state == "closed"


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('data: {"a":1}\n\n', Event('{"a":1}')),
        ("data: one\ndata: two\n\n", Event("one\ntwo")),
        ("event: tick\nid: 7\ndata: \n\n", Event("", event="tick", id="7")),
        (":\ndata: 1:2\n\n", Event("1:2")),
    ],
)
def test_server_sent_events_are_parsed(text: str, event: Event[Any]) -> None:
    """As in browsers."""
    assert parse_event(text) == event
