"""A channel as a client hears it: `Subscription`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from actionhero_websocket.client_answers import CallFailed, ConnectionLost, Message

if TYPE_CHECKING:
    import aiohttp

    from actionhero_websocket.client import Client


#: What may be otherwise the next time, in both profiles of errors.
_PASSING: Final = frozenset(
    {
        "CONNECTION_SERVICE_UNAVAILABLE",
        "CONNECTION_SERVER_ERROR",
        "CONNECTION_RATE_LIMITED",
        "CONNECTION_ACTION_TIMEOUT",
    }
)


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
            await self._client._ask(self._joining(), self._note_joined)
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
        """Join the channel again, with a new connection.

        Raises:
            CallFailed: It could not be joined now; later, perhaps.
            ConnectionLost: Nor is there a connection any more.
        """
        subscriptions = self._client._subscriptions
        if subscriptions.get(self.channel) is not self:
            return
        try:
            await self._client._ask(self._joining(), self._note_rejoined, over=socket)
        except CallFailed as error:
            if error.type in _PASSING:
                raise
            if subscriptions.get(self.channel) is self:
                del subscriptions[self.channel]
            self._end(error)
            return
        if self.channel not in subscriptions:
            # It was left meanwhile, while nobody could be told.
            leaving = {"messageType": "unsubscribe", "channel": self.channel}
            await self._client._ask(leaving, over=socket)

    def _note_rejoined(self, answer: dict[str, Any]) -> None:
        if self.last_id is None:
            # There was nothing to go on from.
            self._note_gap()
        self._note_joined(answer)

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
