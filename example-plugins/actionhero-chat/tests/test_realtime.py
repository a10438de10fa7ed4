"""Tests of the chat over WebSocket: authorization, broadcasts and presence."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PASSWORD = "correct horse"
TIMEOUT_SECONDS = 30.0
SUBSCRIBE = {"messageType": "subscribe", "channel": "messages"}


class ChatSocket:
    """A WebSocket connection to the chat, and the broadcasts that it received."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.broadcasts: list[dict[str, Any]] = []
        self._number = 0

    async def request(self, **message: object) -> dict[str, Any]:
        """Send a message, and return its response."""
        self._number += 1
        await self.socket.send_json({"messageId": self._number, **message})
        while (response := await self.read()).get("messageId") != self._number:
            pass
        return response

    async def call(self, action: str, **params: object) -> dict[str, Any]:
        """Call an action, and return the response."""
        return await self.request(messageType="action", action=action, params=params)

    async def read(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            message: dict[str, Any] = json.loads(await self.socket.receive_str())
        if "message" in message:
            self.broadcasts.append(message["message"])
        return message

    async def wait_for(self, predicate: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first broadcast that matches a predicate."""
        while not (matches := [each for each in self.broadcasts if predicate(each)]):
            await self.read()
        return matches[0]

    async def wait_for_message(self, body: str) -> dict[str, Any]:
        """Return the broadcast of a message with `body`."""
        return await self.wait_for(lambda each: body in json.dumps(each["message"]))

    def presence(self, *keys: str) -> list[tuple[str, str]]:
        """Return event and key of the presence broadcasts of `keys`."""
        events = [
            json.loads(each["message"]) for each in self.broadcasts if each["sender"] == "presence"
        ]
        return [(e["event"], e["presenceKey"]) for e in events if e["presenceKey"] in keys]


class Client:
    """An HTTP client with a cookie jar, for one user."""

    def __init__(self, chat: Any, user: dict[str, Any], stack: contextlib.AsyncExitStack) -> None:
        self.user = user
        self.key = str(user["id"])
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._chat = chat
        self._stack = stack

    async def sign_in(self) -> None:
        """Sign in over HTTP."""
        inputs = {"email": self.user["email"], "password": PASSWORD}
        async with self.http.put(f"{self._chat.url}/session", json=inputs) as response:
            assert response.status == 200, await response.text()

    async def connect(self, chat: Any = None) -> ChatSocket:
        """Open a WebSocket connection with the cookie."""
        port = (chat or self._chat).port
        url = f"ws://127.0.0.1:{port}/ws"
        return ChatSocket(await self._stack.enter_async_context(self.http.ws_connect(url)))


@pytest.fixture
async def new_client() -> AsyncIterator[Callable[..., Any]]:
    """Return a function that creates a user with a client, signed in by default."""
    async with contextlib.AsyncExitStack() as stack:

        async def create(chat: Any, sign_up: Any, *, signed_in: bool = True) -> Client:
            client = Client(chat, sign_up(), stack)
            stack.push_async_callback(client.http.close)
            if signed_in:
                await client.sign_in()
            return client

        yield create


async def test_subscriptions_require_a_session(chat: Any, sign_up: Any, new_client: Any) -> None:
    """Without a session, the subscription is refused."""
    socket = await (await new_client(chat, sign_up, signed_in=False)).connect()

    failure = await socket.request(**SUBSCRIBE)

    assert failure["error"]["message"] == "Authentication required to join this channel"
    assert failure["error"]["type"] == "CONNECTION_CHANNEL_AUTHORIZATION"


async def test_presence_is_broadcast_once_per_user(
    chat: Any, sign_up: Any, new_client: Any
) -> None:
    """A second connection of a user neither joins nor leaves."""
    ada, bob = await new_client(chat, sign_up), await new_client(chat, sign_up)
    listener = await ada.connect()
    await listener.request(**SUBSCRIBE)
    first, second = await bob.connect(), await bob.connect()

    await first.request(**SUBSCRIBE)
    await first.request(**SUBSCRIBE)
    await second.request(**SUBSCRIBE)
    members = await listener.call("channel:members", channel="messages")
    await second.request(messageType="unsubscribe", channel="messages")
    await first.socket.close()
    await listener.wait_for(_is_leave_event(bob.key))
    # Broadcasts are ordered, so all previous ones have arrived before this one.
    await listener.call("message:create", body="the end")
    await listener.wait_for_message("the end")

    assert {ada.key, bob.key} <= set(members["response"]["members"])
    assert listener.presence(bob.key) == [("join", bob.key), ("leave", bob.key)]
    after = await listener.call("channel:members", channel="messages")
    assert bob.key not in after["response"]["members"]


async def test_messages_are_broadcast_to_all_subscribers(
    chat: Any, sign_up: Any, new_client: Any
) -> None:
    """This includes the author."""
    ada, bob = await new_client(chat, sign_up), await new_client(chat, sign_up)
    sockets = [await ada.connect(), await bob.connect()]
    for socket in sockets:
        await socket.request(**SUBSCRIBE)

    response = await sockets[0].call("message:create", body="héllo 🎈")
    broadcasts = [await socket.wait_for_message(json.dumps("héllo 🎈")[1:-1]) for socket in sockets]

    message = broadcasts[0]["message"]["message"]
    assert broadcasts[0] == broadcasts[1]
    assert set(message) == {"id", "body", "user_id", "createdAt", "updatedAt", "user_name"}
    assert message["id"] == response["response"]["message"]["id"]
    assert (message["body"], message["user_name"]) == ("héllo 🎈", ada.user["name"])
    assert (broadcasts[0]["channel"], broadcasts[0]["sender"]) == ("messages", f"user:{ada.key}")


async def test_missed_messages_are_replayed_after_a_reconnect(
    chat: Any, sign_up: Any, new_client: Any
) -> None:
    """They are replayed in order, once, from the last id."""
    ada = await new_client(chat, sign_up)
    socket = await ada.connect()
    await socket.request(**SUBSCRIBE)
    await socket.call("message:create", body="while here")
    last = (await socket.wait_for_message("while here"))["id"]
    await socket.socket.close()
    bodies = [f"while away {number}" for number in range(5)]
    for body in bodies:
        async with ada.http.put(f"{chat.url}/message", json={"body": body}) as response:
            assert response.status == 200

    second = await ada.connect()
    await second.request(**SUBSCRIBE, since=last)
    await second.call("message:create", body="back again")
    await second.wait_for_message("back again")

    received = [
        e["message"]["message"]["body"] for e in second.broadcasts if e["sender"] != "presence"
    ]
    assert received == [*bodies, "back again"]


async def test_sign_in_and_sign_out_apply_to_open_sockets(
    chat: Any, sign_up: Any, new_client: Any
) -> None:
    """The sign-in is over the socket, the sign-out over HTTP."""
    ada = await new_client(chat, sign_up, signed_in=False)
    socket = await ada.connect()
    signed_in = await socket.call("session:create", email=ada.user["email"], password=PASSWORD)
    subscribed = await socket.request(**SUBSCRIBE)
    other = await new_client(chat, sign_up)
    other_socket = await other.connect()
    await other_socket.request(**SUBSCRIBE)

    async with other.http.delete(f"{chat.url}/session") as response:
        assert response.status == 200
    await socket.wait_for(_is_leave_event(other.key))
    failure = await other_socket.call("message:create", body="hello again")

    assert signed_in["response"]["user"]["id"] == ada.user["id"]
    assert subscribed["subscribed"]["channel"] == "messages"
    assert failure["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"


async def test_the_counter_is_streamed(chat: Any, sign_up: Any, new_client: Any) -> None:
    """HTTP receives server-sent events, and the socket their text."""
    ada = await new_client(chat, sign_up, signed_in=False)
    events = [f'event: counter\ndata: {{"index":{n},"total":2}}\n\n' for n in (1, 2)]

    async with ada.http.get(f"{chat.url}/streaming/counter?count=2") as response:
        content_type, text = response.headers["Content-Type"], await response.text()
    socket = await ada.connect()
    parts = [await socket.call("streaming:counter", count=2)]
    while parts[-1]["streaming"]:
        parts.append(await socket.read())

    assert (content_type, text) == ("text/event-stream", "".join(events))
    assert [each.get("chunk") for each in parts] == [*events, None]


async def test_two_processes_share_users_and_channels(
    storage: str, tmp_path: Path, start_chat: Any, servers: Any, new_client: Any
) -> None:
    """Subscribers of both receive the messages of both."""
    environ: dict[str, str] = servers(9) if storage == "servers" else {}
    first = start_chat(tmp_path, **environ).wait_until_listening()
    second = start_chat(tmp_path, **environ).wait_until_listening()
    inputs = {"name": "Ada Lovelace", "email": "ada@example.com", "password": PASSWORD}
    async with (
        aiohttp.ClientSession() as http,
        http.put(f"{first.url}/user", json=inputs) as response,
    ):
        user = (await response.json())["user"]
    ada = await new_client(first, lambda: user)
    sockets = [await ada.connect(first), await ada.connect(second)]
    for socket in sockets:
        await socket.request(**SUBSCRIBE)

    await sockets[0].call("message:create", body="at the first")
    await sockets[1].call("message:create", body="at the second")

    for socket in sockets:
        for body in ("at the first", "at the second"):
            assert (await socket.wait_for_message(body))["sender"] == f"user:{ada.key}"
    members = await sockets[1].call("channel:members", channel="messages")
    assert members["response"] == {"members": [ada.key]}


def _presence(event: str, key: str) -> str:
    return json.dumps({"event": event, "presenceKey": key}, separators=(",", ":"))


def _is_leave_event(key: str) -> Callable[[dict[str, Any]], bool]:
    """Return a predicate for the broadcast that a presence key has left."""
    event = _presence("leave", key)
    return lambda each: each["message"] == event
