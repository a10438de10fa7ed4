"""The chat over WebSocket: who may listen, what is heard, who is here."""

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
PATIENCE_SECONDS = 30.0
SUBSCRIBE = {"messageType": "subscribe", "channel": "messages"}


class Line:
    """A socket at the chat, and all the broadcasts that came by it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []
        self._number = 0

    async def ask(self, **message: object) -> dict[str, Any]:
        """Send a message, and return the answer to it."""
        self._number += 1
        await self.socket.send_json({"messageId": self._number, **message})
        while (told := await self.read()).get("messageId") != self._number:
            pass
        return told

    async def call(self, action: str, **params: object) -> dict[str, Any]:
        """Run an action, and return the answer."""
        return await self.ask(messageType="action", action=action, params=params)

    async def read(self) -> dict[str, Any]:
        """Return what comes next."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            told: dict[str, Any] = json.loads(await self.socket.receive_str())
        if "message" in told:
            self.heard.append(told["message"])
        return told

    async def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first broadcast of a kind."""
        while not (found := [each for each in self.heard if wanted(each)]):
            await self.read()
        return found[0]

    async def hear_written(self, body: str) -> dict[str, Any]:
        """Return the broadcast of a message."""
        return await self.hear(lambda each: body in json.dumps(each["message"]))

    def presence(self, *keys: str) -> list[tuple[str, str]]:
        """Return what was heard of somebody coming and going."""
        told = [json.loads(each["message"]) for each in self.heard if each["sender"] == "presence"]
        return [(t["event"], t["presenceKey"]) for t in told if t["presenceKey"] in keys]


class Visitor:
    """Somebody with a cookie jar, who has signed in."""

    def __init__(self, chat: Any, user: dict[str, Any], stack: contextlib.AsyncExitStack) -> None:
        self.user = user
        self.key = str(user["id"])
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._chat = chat
        self._stack = stack

    async def sign_in(self) -> None:
        """Sign in over HTTP."""
        told = {"email": self.user["email"], "password": PASSWORD}
        async with self.http.put(f"{self._chat.url}/session", json=told) as answer:
            assert answer.status == 200, await answer.text()

    async def line(self, chat: Any = None) -> Line:
        """Open a socket with the cookie."""
        port = (chat or self._chat).port
        url = f"ws://127.0.0.1:{port}/ws"
        return Line(await self._stack.enter_async_context(self.http.ws_connect(url)))


@pytest.fixture
async def visit() -> AsyncIterator[Callable[..., Any]]:
    """Give a function that makes a user, who has signed in unless told otherwise."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(chat: Any, sign_up: Any, *, signed_in: bool = True) -> Visitor:
            visitor = Visitor(chat, sign_up(), stack)
            stack.push_async_callback(visitor.http.close)
            if signed_in:
                await visitor.sign_in()
            return visitor

        yield make


async def test_a_stranger_may_not_listen(chat: Any, sign_up: Any, visit: Any) -> None:
    """What is written is for those who have signed in."""
    line = await (await visit(chat, sign_up, signed_in=False)).line()

    refused = await line.ask(**SUBSCRIBE)

    assert refused["error"]["message"] == "Authentication required to join this channel"
    assert refused["error"]["type"] == "CONNECTION_CHANNEL_AUTHORIZATION"


async def test_who_comes_and_goes_is_told_once(chat: Any, sign_up: Any, visit: Any) -> None:
    """A second window of the same person is nobody new, and closing it is nobody gone."""
    ada, bob = await visit(chat, sign_up), await visit(chat, sign_up)
    listener = await ada.line()
    await listener.ask(**SUBSCRIBE)
    first, second = await bob.line(), await bob.line()

    await first.ask(**SUBSCRIBE)
    await first.ask(**SUBSCRIBE)
    await second.ask(**SUBSCRIBE)
    members = await listener.call("channel:members", channel="messages")
    await second.ask(messageType="unsubscribe", channel="messages")
    await first.socket.close()
    await listener.hear(_leaving(bob.key))
    # In the order of the channel: what was told before this was heard before it.
    await listener.call("message:create", body="the end")
    await listener.hear_written("the end")

    assert {ada.key, bob.key} <= set(members["response"]["members"])
    assert listener.presence(bob.key) == [("join", bob.key), ("leave", bob.key)]
    after = await listener.call("channel:members", channel="messages")
    assert bob.key not in after["response"]["members"]


async def test_what_is_written_is_heard_by_all(chat: Any, sign_up: Any, visit: Any) -> None:
    """By who wrote it as well."""
    ada, bob = await visit(chat, sign_up), await visit(chat, sign_up)
    lines = [await ada.line(), await bob.line()]
    for line in lines:
        await line.ask(**SUBSCRIBE)

    answer = await lines[0].call("message:create", body="héllo 🎈")
    heard = [await line.hear_written(json.dumps("héllo 🎈")[1:-1]) for line in lines]

    message = heard[0]["message"]["message"]
    assert heard[0] == heard[1]
    assert set(message) == {"id", "body", "user_id", "createdAt", "updatedAt", "user_name"}
    assert message["id"] == answer["response"]["message"]["id"]
    assert (message["body"], message["user_name"]) == ("héllo 🎈", ada.user["name"])
    assert (heard[0]["channel"], heard[0]["sender"]) == ("messages", f"user:{ada.key}")


async def test_who_was_away_hears_what_was_missed(chat: Any, sign_up: Any, visit: Any) -> None:
    """In order, each once, and nothing from before."""
    ada = await visit(chat, sign_up)
    line = await ada.line()
    await line.ask(**SUBSCRIBE)
    await line.call("message:create", body="while here")
    last = (await line.hear_written("while here"))["id"]
    await line.socket.close()
    bodies = [f"while away {number}" for number in range(5)]
    for body in bodies:
        async with ada.http.put(f"{chat.url}/message", json={"body": body}) as answer:
            assert answer.status == 200

    back = await ada.line()
    await back.ask(**SUBSCRIBE, since=last)
    await back.call("message:create", body="back again")
    await back.hear_written("back again")

    written = [e["message"]["message"]["body"] for e in back.heard if e["sender"] != "presence"]
    assert written == [*bodies, "back again"]


async def test_signing_in_and_out_reach_an_open_socket(chat: Any, sign_up: Any, visit: Any) -> None:
    """In over the socket itself; out over HTTP, in another window."""
    ada = await visit(chat, sign_up, signed_in=False)
    line = await ada.line()
    signed_in = await line.call("session:create", email=ada.user["email"], password=PASSWORD)
    subscribed = await line.ask(**SUBSCRIBE)
    other = await visit(chat, sign_up)
    other_line = await other.line()
    await other_line.ask(**SUBSCRIBE)

    async with other.http.delete(f"{chat.url}/session") as answer:
        assert answer.status == 200
    await line.hear(_leaving(other.key))
    refused = await other_line.call("message:create", body="am I still there?")

    assert signed_in["response"]["user"]["id"] == ada.user["id"]
    assert subscribed["subscribed"]["channel"] == "messages"
    assert refused["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"


async def test_a_count_comes_number_by_number(chat: Any, sign_up: Any, visit: Any) -> None:
    """Over HTTP as server-sent events, over the socket as their text."""
    ada = await visit(chat, sign_up, signed_in=False)
    events = [f'event: counter\ndata: {{"index":{n},"total":2}}\n\n' for n in (1, 2)]

    async with ada.http.get(f"{chat.url}/streaming/counter?count=2") as answer:
        kind, text = answer.headers["Content-Type"], await answer.text()
    line = await ada.line()
    told = [await line.call("streaming:counter", count=2)]
    while told[-1]["streaming"]:
        told.append(await line.read())

    assert (kind, text) == ("text/event-stream", "".join(events))
    assert [each.get("chunk") for each in told] == [*events, None]


async def test_two_processes_are_one_chat(
    storage: str, tmp_path: Path, start_chat: Any, servers: Any, visit: Any
) -> None:
    """Whoever listens at either hears what is written at either."""
    environ: dict[str, str] = servers(9) if storage == "servers" else {}
    first = start_chat(tmp_path, **environ).listening()
    second = start_chat(tmp_path, **environ).listening()
    told = {"name": "Ada Lovelace", "email": "ada@example.com", "password": PASSWORD}
    async with (
        aiohttp.ClientSession() as desk,
        desk.put(f"{first.url}/user", json=told) as answer,
    ):
        user = (await answer.json())["user"]
    ada = await visit(first, lambda: user)
    lines = [await ada.line(first), await ada.line(second)]
    for line in lines:
        await line.ask(**SUBSCRIBE)

    await lines[0].call("message:create", body="at the first")
    await lines[1].call("message:create", body="at the second")

    for line in lines:
        for body in ("at the first", "at the second"):
            assert (await line.hear_written(body))["sender"] == f"user:{ada.key}"
    members = await lines[1].call("channel:members", channel="messages")
    assert members["response"] == {"members": [ada.key]}


def _presence(event: str, key: str) -> str:
    return json.dumps({"event": event, "presenceKey": key}, separators=(",", ":"))


def _leaving(key: str) -> Callable[[dict[str, Any]], bool]:
    """Return what knows the broadcast that somebody has left."""
    left = _presence("leave", key)
    return lambda each: each["message"] == left
