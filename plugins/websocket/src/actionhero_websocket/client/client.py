"""`Client`, and `connect`, which creates one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from actionhero_websocket.client.connection import HANDSHAKE_SECONDS, ClientConnection
from actionhero_websocket.client.messages import parse_error, parse_event
from actionhero_websocket.client.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from actionhero import Event


@asynccontextmanager
async def connect(
    url: str,
    *,
    session: str | None = None,
    cookie_name: str = "__session",
    headers: Mapping[str, str] | None = None,
    reconnects: bool = True,
) -> AsyncIterator[Client]:
    """Connect to a server for the duration of a `with` block.

    Args:
        url: Such as `ws://127.0.0.1:8080/api`.
        session: The value of the session cookie, as set over HTTP.
        cookie_name: The name of that cookie.
        headers: Further headers of the handshake.
        reconnects: Whether to reconnect when the connection is lost.

    Raises:
        ConnectionLost: The server is unreachable, or refused the connection.
    """
    request_headers = dict(headers or {})
    if session is not None:
        request_headers["Cookie"] = f"{cookie_name}={session}"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=HANDSHAKE_SECONDS)
    async with aiohttp.ClientSession(
        headers=request_headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        connection = ClientConnection(http, url, reconnects=reconnects)
        await connection.open()
        try:
            yield Client(connection)
        finally:
            await connection.close()


class Client:
    """A client of a WebSocket server; created by `connect`.

    Args:
        connection: Its connection.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def reconnections(self) -> int:
        """How often the connection was lost and restored."""
        return self._connection.reconnections

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action, and return its response.

        While the connection is lost, this waits until it is restored.

        Raises:
            CallFailed: The action failed.
            ConnectionLost: There is no response; the action may have run or not.
        """
        message = {"messageType": "action", "action": action, "params": inputs}
        return (await self._connection.request(message)).get("response")

    async def stream(self, action: str, /, **inputs: Any) -> AsyncGenerator[Event[Any]]:
        """Call an action that is an async generator, and yield its events as they arrive.

        Data that are JSON are decoded. The server cannot be asked to end a stream early: the rest
        is dropped if the iteration stops.

        Raises:
            CallFailed: The action failed, before the first item or later.
            ConnectionLost: The connection was lost.
        """
        async for chunk in self.chunks(action, **inputs):
            event = parse_event(chunk)
            if event.event == "error" and isinstance(event.data, dict) and "error" in event.data:
                raise parse_error(event.data["error"])
            yield event

    async def chunks(self, action: str, /, **inputs: Any) -> AsyncGenerator[str]:
        """Call an action that returns a `Stream`, and yield its chunks as text; see `stream`."""
        replies: asyncio.Queue[dict[str, Any] | Exception] = asyncio.Queue()
        message = {"messageType": "action", "action": action, "params": inputs}
        id = await self._connection.send(message, replies.put_nowait)
        try:
            while True:
                reply = await replies.get()
                if isinstance(reply, Exception):
                    raise reply
                if "chunk" not in reply:
                    return
                yield reply["chunk"]
        finally:
            self._connection.forget(id)

    def subscribe(self, channel: str, *, since: str | None = None) -> Subscription:
        """Subscribe to a channel for the duration of an `async with` block.

        Args:
            channel: The name of the channel.
            since: The id of the last message of an earlier subscription, to receive the messages
                after it.

        Raises:
            CallFailed: On entering: the server refused the subscription.
        """
        return Subscription(self._connection, channel, since)
