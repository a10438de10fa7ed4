"""`Subscription`: the subscription of a client to a channel."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from actionhero_websocket.client.messages import CallFailed, ConnectionLost, Message

if TYPE_CHECKING:
    import aiohttp

    from actionhero_websocket.client.connection import ClientConnection


#: The errors that may be temporary, in both error formats.
_TEMPORARY_ERRORS: Final = frozenset(
    {
        "CONNECTION_SERVICE_UNAVAILABLE",
        "CONNECTION_SERVER_ERROR",
        "CONNECTION_RATE_LIMITED",
        "CONNECTION_ACTION_TIMEOUT",
    }
)


class Subscription:
    """An asynchronous iterator of the messages of a channel; returned by `Client.subscribe`.

    It survives reconnects: the messages in between are delivered as far as the history of the
    channel reaches. Where messages may be lost, the next one has `after_gap`.

    Args:
        connection: The connection of the client.
        channel: The name of the channel.
        since: The id of the last message of an earlier subscription.
    """

    def __init__(self, connection: ClientConnection, channel: str, since: str | None) -> None:
        self._connection = connection
        #: The name of the channel.
        self.channel = channel
        #: The id of the last message, or of the last one before the first message: the position
        #: from which another subscription resumes. `None` if the channel has no history.
        self.last_id = since
        #: How often messages may have been lost.
        self.gaps = 0
        self._is_after_gap = False
        self._ended = False
        self._items: asyncio.Queue[Message | Exception] = asyncio.Queue()

    async def __aenter__(self) -> Subscription:
        subscriptions = self._connection.subscriptions
        if self.channel in subscriptions:
            raise ValueError(
                f"there is a subscription to channel {self.channel!r} already; use that one"
            )
        subscriptions[self.channel] = self
        try:
            await self._connection.request(self._subscribe_message(), self._handle_confirmation)
        except BaseException:
            subscriptions.pop(self.channel, None)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        # Without a connection, there is no subscription to end.
        if (
            self._connection.subscriptions.pop(self.channel, None) is not None
            and self._connection.is_online
        ):
            with suppress(ConnectionLost):
                await self._connection.request(self._unsubscribe_message())

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Message:
        """Return the next message.

        Raises:
            CallFailed: The server has ended the subscription.
            ConnectionLost: The connection was lost for good.
        """
        item = await self._items.get()
        if isinstance(item, Exception):
            self._items.put_nowait(item)
            raise item
        return item

    # -- called by the connection --------------------------------------------------------------

    def receive(self, message: dict[str, Any]) -> None:
        """Receive a message of the channel."""
        id = message.get("id")
        if id is not None:
            self.last_id = id
        self._items.put_nowait(
            Message(self.channel, message["message"], message["sender"], id, self._is_after_gap)
        )
        self._is_after_gap = False

    def note_gap(self) -> None:
        """Record that messages may have been lost."""
        self.gaps += 1
        self._is_after_gap = True

    def end(self, error: Exception) -> None:
        """End the subscription: the iteration raises `error` after the last message."""
        if not self._ended:
            self._ended = True
            self._items.put_nowait(error)

    async def resubscribe(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Subscribe again, over a new connection.

        Raises:
            CallFailed: The server refused it for now.
            ConnectionLost: The new connection was lost too.
        """
        subscriptions = self._connection.subscriptions
        if subscriptions.get(self.channel) is not self:
            return
        try:
            await self._connection.request(
                self._subscribe_message(), self._handle_resubscription, socket=socket
            )
        except CallFailed as error:
            if error.type in _TEMPORARY_ERRORS:
                raise
            if subscriptions.get(self.channel) is self:
                del subscriptions[self.channel]
            self.end(error)
            return
        if self.channel not in subscriptions:
            # It was ended in the meantime, without a connection.
            await self._connection.request(self._unsubscribe_message(), socket=socket)

    # -- messages ------------------------------------------------------------------------------

    def _subscribe_message(self) -> dict[str, Any]:
        return {"messageType": "subscribe", "channel": self.channel, "since": self.last_id}

    def _unsubscribe_message(self) -> dict[str, Any]:
        return {"messageType": "unsubscribe", "channel": self.channel}

    def _handle_confirmation(self, reply: dict[str, Any]) -> None:
        facts = reply["subscribed"]
        if facts.get("gap"):
            self.note_gap()
        if self.last_id is None:
            self.last_id = facts.get("id")

    def _handle_resubscription(self, reply: dict[str, Any]) -> None:
        if self.last_id is None:
            # There was no position to resume from.
            self.note_gap()
        self._handle_confirmation(reply)
