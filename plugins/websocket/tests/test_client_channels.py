"""Subscriptions of the client, with a real server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from plugins.websocket.tests.peers import scripted_server, url

from actionhero_websocket.client import (
    CallFailed,
    Gap,
    Message,
    Presence,
    SessionEnd,
    SubscriptionEnded,
    connect,
)
from actionhero_websocket.client import buffer as buffer_module
from actionhero_websocket.client import channels as channels_module

if TYPE_CHECKING:
    from aiohttp import web
    from plugins.websocket.tests.conftest import ServerProcess


async def sign_in(http: aiohttp.ClientSession, server: ServerProcess, name: str) -> str:
    """Sign in over HTTP, and return the cookie."""
    address = f"http://127.0.0.1:{server.port}/api/session"
    async with http.put(address, json={"name": name}) as response:
        return response.cookies["__session"].value


async def test_subscriptions_yield_messages_in_order(server: ServerProcess) -> None:
    """Between entering and leaving the `with` block."""
    async with (
        connect(url(server), messages_per_second=0) as client,
        connect(url(server), messages_per_second=0) as other,
    ):
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
    """On entering; of several, the accepted ones are ended."""
    async with connect(url(server)) as client:
        with pytest.raises(CallFailed, match="Authentication required"):
            async with client.subscribe("messages"):
                pytest.fail("the subscription was accepted")
        with pytest.raises(CallFailed, match="Authentication required"):
            async with client.subscribe_many(["news", "messages", "log:refused"]):
                pytest.fail("the subscription was accepted")
        assert (await client.call("subscribers"))["subscribers"] == {}
        async with client.subscribe("news"):
            pass


async def test_cancelled_subscriptions_are_ended(server: ServerProcess) -> None:
    """Also on the server, which may have received the message."""
    async with connect(url(server)) as client:
        entering = asyncio.create_task(client.subscribe("news").__aenter__())
        while not client._requests.connection._handlers:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
        entering.cancel()
        await asyncio.wait([entering])

        assert (await client.call("subscribers"))["subscribers"] == {}


async def test_many_channels_are_one_subscription(original_server: ServerProcess) -> None:
    """More than the server accepts messages per second, with the messages of all."""
    names = [f"many:{number}" for number in range(60)]
    async with connect(url(original_server), messages_per_second=5) as client:
        async with client.subscribe_many([*names, "log:many"]) as group:
            for channel in ("many:3", "log:many"):
                await client.call("broadcast", channel=channel, message=channel)
            received = [await anext(group) for _ in range(2)]
            counts = (await client.call("subscribers"))["subscribers"]
        after = (await client.call("subscribers"))["subscribers"]

    assert [message.channel for message in received] == ["many:3", "log:many"]
    assert group["log:many"].last_id == received[1].id
    assert len(counts) == len(group) == 61
    assert after == {}


async def test_servers_without_lists_get_one_message_per_channel() -> None:
    """After the refusal of the list."""
    subscribed: list[Any] = []

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        async for item in socket:
            message = item.json()
            if "channel" in message:
                subscribed.append((message["messageType"], message["channel"]))
                reply = {f"{message['messageType']}d": {"channel": message["channel"]}}
            else:
                text = "Channel not found: undefined"
                reply = {"error": {"type": "CONNECTION_CHANNEL_AUTHORIZATION", "message": text}}
            await socket.send_json({"messageId": message["messageId"], **reply})

    async with (
        scripted_server(script) as address,
        connect(address) as client,
        client.subscribe_many(["a", "b"]),
    ):
        pass

    actions = ("subscribe", "unsubscribe")
    assert subscribed == [(action, channel) for action in actions for channel in "ab"]


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
        async with client.subscribe_many(
            ["log:since", "log:other"], since={"log:since": messages.last_id}
        ) as group:
            received += [(await anext(group)).message for _ in range(2)]

    assert received == ["two", "three"] * 2
    assert resumed.gaps == 0


async def test_a_subscription_receives_no_messages_of_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server sends them until it has handled the unsubscribe."""
    monkeypatch.setattr(channels_module, "UNSUBSCRIBE_SECONDS", 0)

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        async def broadcast(number: int) -> None:
            message = {"channel": "a", "message": number, "sender": "b", "id": f"{number}-0"}
            await socket.send_json({"message": message})

        async def confirm(message: dict[str, Any], id: str) -> None:
            facts = {"channel": "a", "gap": False, "id": id}
            await socket.send_json({"messageId": message["messageId"], "subscribed": facts})

        await confirm(await socket.receive_json(), "0-0")
        await broadcast(1)
        assert (await socket.receive_json())["messageType"] == "unsubscribe"
        again = await socket.receive_json()
        assert again["since"] == "1-0"
        await broadcast(2)
        await socket.send_json({"unsubscribed": {"channel": "a"}})
        await confirm(again, "1-0")
        await broadcast(2)
        await broadcast(3)
        await socket.receive()

    async with scripted_server(script) as address, connect(address) as client:
        async with client.subscribe("a") as earlier:
            await anext(earlier)
        async with client.subscribe("a", since=earlier.last_id) as later:
            received = [(await anext(later)).message for _ in range(2)]

    assert received == [2, 3]


async def test_an_incomplete_history_is_a_gap(server: ServerProcess) -> None:
    """The next message has `after_gap`, and listeners are called."""
    events: list[Any] = []
    async with connect(url(server)) as client:
        client.listen(events.append)
        async with client.subscribe("log:gap", since="1-0") as messages:
            await client.call("broadcast", channel="log:gap", message="next")
            message = await anext(messages)

    assert message.after_gap
    assert messages.gaps == 1
    assert Gap("log:gap") in events


async def test_presence_is_reported_to_the_handler(server: ServerProcess) -> None:
    """Presence events are not messages; `members` follows them."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        ada, bob = [await sign_in(http, server, name) for name in ("Ada", "Bob")]
    presence: asyncio.Queue[Presence] = asyncio.Queue()

    async def load_members() -> list[str]:
        return ["Ada"]

    async with (
        connect(url(server), session=ada) as client,
        connect(url(server), session=bob) as other,
        client.subscribe(
            "messages", on_presence=presence.put_nowait, load_members=load_members
        ) as messages,
    ):
        events = [await presence.get()]
        async with other.subscribe("messages"):
            events.append(await presence.get())
            members = messages.members
        events.append(await presence.get())
        await client.call("broadcast", channel="messages", message="Hello")
        message = await anext(messages)

    assert events == [
        Presence("messages", "join", "Ada"),
        Presence("messages", "join", "Bob"),
        Presence("messages", "leave", "Bob"),
    ]
    assert members == frozenset({"Ada", "Bob"})
    assert messages.members == frozenset({"Ada"})
    assert message.message == "Hello"


async def test_the_end_of_a_session_ends_its_subscriptions(server: ServerProcess) -> None:
    """Listeners are called; other subscriptions continue."""
    events: list[Any] = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        cookie = await sign_in(http, server, "Ada")
        async with connect(url(server), session=cookie) as client:
            client.listen(events.append)
            async with client.subscribe_many(["messages", "news"]) as group:
                async with http.delete(
                    f"http://127.0.0.1:{server.port}/api/session",
                    headers={"Cookie": f"__session={cookie}"},
                ):
                    pass
                with pytest.raises(SubscriptionEnded) as ended:
                    await anext(group)
                await client.call("broadcast", channel="news", message="still here")
                message = await anext(group)
            with pytest.raises(CallFailed, match="Session not found"):
                await client.call("whoami")

    assert ended.value.channel == "messages"
    assert SessionEnd("messages") in events
    assert message.message == "still here"


async def test_a_full_buffer_drops_the_oldest_messages(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is a gap."""
    monkeypatch.setattr(buffer_module, "BUFFER_LIMIT", 2)
    events: asyncio.Queue[Any] = asyncio.Queue()
    async with connect(url(server)) as client, client.subscribe("news") as messages:
        client.listen(events.put_nowait)
        for number in range(4):
            await client.call("broadcast", channel="news", message=number)
        assert [await events.get() for _ in range(2)] == [Gap("news")] * 2
        received = [await anext(messages) for _ in range(2)]

    assert [(message.message, message.after_gap) for message in received] == [(2, True), (3, False)]
    assert messages.gaps == 2


@pytest.mark.parametrize("is_buffered", [True, False])
async def test_a_full_buffer_of_a_group_is_a_gap_of_the_channel_of_the_dropped_message(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, is_buffered: bool
) -> None:
    """Not of the channel whose message came; its next message follows the gap."""
    monkeypatch.setattr(buffer_module, "BUFFER_LIMIT", 2)
    events: asyncio.Queue[Any] = asyncio.Queue()
    channels = ["many:1", "many:2", "many:1" if is_buffered else "many:2"]
    async with (
        connect(url(server)) as client,
        client.subscribe_many(["many:1", "many:2"]) as group,
    ):
        client.listen(events.put_nowait)
        for channel in channels:
            await client.call("broadcast", channel=channel, message="one")
        gap = await events.get()
        received = [await anext(group) for _ in range(2)]
        await client.call("broadcast", channel="many:1", message="two")
        received.append(await anext(group))

    assert gap == Gap("many:1")
    assert [group[name].gaps for name in ("many:1", "many:2")] == [1, 0]
    assert [(message.channel, message.after_gap) for message in received] == [
        ("many:2", False),
        (channels[-1], is_buffered),
        ("many:1", not is_buffered),
    ]


@pytest.mark.parametrize("is_group", [True, False])
async def test_leaving_a_subscription_ends_its_iteration(
    server: ServerProcess, is_group: bool
) -> None:
    """After the messages before; entering it again continues."""
    received: list[Any] = []
    async with connect(url(server)) as client:
        messages = (
            client.subscribe_many(["log:left", "news"])
            if is_group
            else client.subscribe("log:left")
        )

        async def iterate() -> None:
            async for message in messages:
                received.append(message.message)  # noqa: PERF401 - not a comprehension of `async with`

        async with messages:
            task = asyncio.create_task(iterate())
            await client.call("broadcast", channel="log:left", message="one")
            while not received:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0)
        await asyncio.wait_for(task, 10)
        await client.call("broadcast", channel="log:left", message="two")
        async with messages:
            received.append((await anext(messages)).message)

    assert received == ["one", "two"]


async def test_failures_of_listeners_are_logged(
    server: ServerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection continues."""

    def fail(event: object) -> None:
        raise RuntimeError("expected")

    async def fail_to_load() -> list[str]:
        raise RuntimeError("expected")

    async with aiohttp.ClientSession() as http:
        cookie = await sign_in(http, server, "Ada")
    async with connect(url(server), session=cookie) as client:
        remove = client.listen(fail)
        async with client.subscribe("messages", on_presence=fail, load_members=fail_to_load):
            assert await client.call("whoami") == {"name": "Ada"}
        await client.reconnect()
        remove()

    assert "a listener of the client failed" in caplog.text
    assert "loading the members of 'messages' failed" in caplog.text
    assert "a message of the server cannot be handled" in caplog.text


def test_messages_are_named_tuples() -> None:
    """With defaults for the optional fields."""
    message = Message("news", json.loads('"hello"'), "Ada")

    assert message._asdict() == {
        "channel": "news",
        "message": "hello",
        "sender": "Ada",
        "id": None,
        "after_gap": False,
    }
