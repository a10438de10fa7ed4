"""A channel as a client hears it: `Subscription`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from actionhero_websocket.client_answers import ConnectionLost, Message

if TYPE_CHECKING:
    import aiohttp

    from actionhero_websocket.client import Client


class Subscription:
    """What is said in a channel, message after message; made by `Client.subscribe`.

    It outlives the connection: what was said meanwhile is told when it is back, where the channel
    keeps a history that reaches so far. Where it may not, the next message says `after_gap`.
    """

    def __init__(self, client: Client, channel: str, since: str | None) -> None:
        self._client = client
        #: The name of the channel.
        self.channel = channel
        #: The id of the last message, of those before the first: where another subscription goes
        #: on. `None` where the channel keeps no history.
        self.last_id = since
        #: How often messages may have been missed.
        self.gaps = 0
        self._is_after_gap = False
        self._ended = False
        self._items: asyncio.Queue[Message | Exception] = asyncio.Queue()

    async def __aenter__(self) -> Subscription:
        subscriptions = self._client._subscriptions
        if self.channel in subscriptions:
            raise ValueError(f"channel {self.channel!r} is joined already; use that subscription")
        subscriptions[self.channel] = self
        try:
            self._note_joined(await self._client._ask(self._joining()))
        except BaseException:
            subscriptions.pop(self.channel, None)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client._subscriptions.pop(self.channel, None) is not None:
            leaving = {"messageType": "unsubscribe", "channel": self.channel}
            # Who is not there is in no channel.
            if self._client._online.is_set():
                with suppress(ConnectionLost):
                    await self._client._ask(leaving)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Message:
        """Return the next message.

        Raises:
            CallFailed: The channel may not be stayed in.
            ConnectionLost: The connection is lost, and will not come back.
        """
        item = await self._items.get()
        if isinstance(item, Exception):
            self._items.put_nowait(item)
            raise item
        return item

    def _joining(self) -> dict[str, Any]:
        return {"messageType": "subscribe", "channel": self.channel, "since": self.last_id}

    async def _rejoin(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        if self.last_id is None:
            # There is nothing to go on from.
            self._note_gap()
        await self._client._send_over(socket, self._joining(), self._take_rejoined)

    def _take_rejoined(self, answer: dict[str, Any] | Exception) -> None:
        if isinstance(answer, ConnectionLost):
            # It is tried again with the next connection.
            return
        if isinstance(answer, Exception):
            self._client._subscriptions.pop(self.channel, None)
            self._end(answer)
        else:
            self._note_joined(answer)
        self._client._note_rejoined()

    def _note_joined(self, answer: dict[str, Any]) -> None:
        told = answer["subscribed"]
        if told.get("gap"):
            self._note_gap()
        if self.last_id is None:
            self.last_id = told.get("id")

    def _note_gap(self) -> None:
        self.gaps += 1
        self._is_after_gap = True

    def _take(self, found: dict[str, Any]) -> None:
        id = found.get("id")
        if id is not None:
            self.last_id = id
        self._items.put_nowait(
            Message(self.channel, found["message"], found["sender"], id, self._is_after_gap)
        )
        self._is_after_gap = False

    def _end(self, error: Exception) -> None:
        if not self._ended:
            self._ended = True
            self._items.put_nowait(error)
