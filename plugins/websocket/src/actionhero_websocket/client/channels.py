"""`Channels`: the subscriptions of a client, by channel."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from actionhero import ErrorType
from actionhero_websocket.client.errors import (
    CallFailed,
    ConnectionLost,
    SubscriptionEnded,
    parse_error,
)
from actionhero_websocket.client.events import ClientEvent, Gap, SessionEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import aiohttp

    from actionhero_websocket.client.connection import Reply
    from actionhero_websocket.client.requests import Requests
    from actionhero_websocket.client.subscription import Subscription

#: How long leaving a subscription waits for the server.
UNSUBSCRIBE_SECONDS: Final = 5.0
#: How many channels are in one message: the server's default limit of subscriptions.
BATCH_SIZE: Final = 100

#: Errors that may be temporary, in both error formats.
_TEMPORARY_ERRORS: Final = frozenset(
    {
        ErrorType.SERVICE_UNAVAILABLE,
        ErrorType.SERVER_ERROR,
        ErrorType.RATE_LIMITED,
        ErrorType.ACTION_TIMEOUT,
    }
)
#: The channels that the server has refused, with the reason.
Refusals: TypeAlias = dict[str, CallFailed]


class Channels:
    """The subscriptions of a client, by channel.

    Args:
        requests: Sends the messages.
        notify: Called with the events of the client.
    """

    def __init__(self, requests: Requests, notify: Callable[[ClientEvent], None]) -> None:
        self._requests = requests
        self._notify = notify
        self._by_name: dict[str, Subscription] = {}
        #: One, if the server does not accept several channels in one message.
        self._batch_size = BATCH_SIZE

    async def add(self, subscriptions: Sequence[Subscription]) -> None:
        """Subscribe to channels.

        Raises:
            CallFailed: The server refused one of them; there is no subscription to the others.
            ConnectionLost: The connection has ended.
            ValueError: There is a subscription to one of them.
        """
        for subscription in subscriptions:
            if subscription.channel in self._by_name:
                raise ValueError(
                    f"there is a subscription to channel {subscription.channel!r} already; "
                    "use that one"
                )
            subscription.open()
        self._by_name |= {item.channel: item for item in subscriptions}
        try:
            refusals = await self._subscribe(subscriptions)
        except BaseException:
            await self.remove(subscriptions)
            raise
        for channel in refusals:
            del self._by_name[channel]
        if refusals:
            await self.remove([item for item in subscriptions if item.channel not in refusals])
            raise next(iter(refusals.values()))

    async def remove(self, subscriptions: Sequence[Subscription]) -> None:
        """Unsubscribe from channels."""
        names = []
        for subscription in subscriptions:
            subscription.close()
            if self._by_name.get(subscription.channel) is subscription:
                del self._by_name[subscription.channel]
                names.append(subscription.channel)
        # Without a connection, there are no subscriptions to end.
        if names and self._requests.connection.is_online:
            task = self._requests.connection.start(self._unsubscribe(names))
            # Messages before it may wait for the rate: it is sent then.
            await asyncio.wait((task,), timeout=UNSUBSCRIBE_SECONDS)

    # -- called by the connection --------------------------------------------------------------

    def receive(self, message: dict[str, Any]) -> None:
        """Handle a message that is not a reply."""
        if "message" in message:
            content = message["message"]
            subscription = self._confirmed(content["channel"])
            dropped = subscription.receive(content) if subscription is not None else None
            if dropped is not None:
                # It may be of another channel of the same group.
                if subscription := self._by_name.get(dropped.channel):
                    subscription.note_gap(before_next=not dropped.is_marked)
                self._notify(Gap(dropped.channel))
        elif "gap" in message:
            if subscription := self._by_name.get(message["gap"]["channel"]):
                subscription.note_gap()
                self._notify(Gap(subscription.channel))
        elif "unsubscribed" in message:
            channel = message["unsubscribed"]["channel"]
            if subscription := self._confirmed(channel):
                del self._by_name[channel]
                subscription.end(SubscriptionEnded(channel))
                self._notify(SessionEnd(channel))

    def _confirmed(self, channel: str) -> Subscription | None:
        """Return a subscription; messages before its confirmation are of an earlier one."""
        subscription = self._by_name.get(channel)
        return subscription if subscription is not None and subscription.is_confirmed else None

    async def restore(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Subscribe to all channels again, over a new connection.

        Raises:
            CallFailed: The server refused it for now.
            ConnectionLost: The new connection was lost too.
        """
        # The others are sent again by their own request.
        subscriptions = [item for item in self._by_name.values() if item.is_confirmed]
        refusals = await self._subscribe(subscriptions, socket)
        for error in refusals.values():
            if error.type in _TEMPORARY_ERRORS:
                raise error
        # Some were left in the meantime, without a connection, and perhaps entered again: those are
        # subscribed to by their own request, which would have no effect on a present subscription.
        left = [item.channel for item in subscriptions if self._by_name.get(item.channel) != item]
        for channel in refusals.keys() - set(left):
            self._by_name.pop(channel).end(refusals[channel])
        if names := [name for name in left if name not in refusals]:
            await self._unsubscribe(names, socket)

    def end(self, error: ConnectionLost) -> None:
        """End all subscriptions."""
        for subscription in self._by_name.values():
            subscription.end(error.copy(sent=False))
        self._by_name.clear()

    # -- messages ------------------------------------------------------------------------------

    async def _subscribe(
        self,
        subscriptions: Sequence[Subscription],
        socket: aiohttp.ClientWebSocketResponse | None = None,
    ) -> Refusals:
        """Subscribe to channels, and return the refused ones."""
        refusals: Refusals = {}
        pending = {item.channel: item for item in subscriptions}

        def handle(channel: str, reply: Reply) -> None:
            subscription = pending.pop(channel)
            if "error" in reply:
                refusals[channel] = parse_error(reply["error"])
            elif subscription.confirm(reply["subscribed"]):
                self._notify(Gap(channel))

        while pending:
            names = list(pending)[: self._batch_size]
            since = {name: pending[name].last_id for name in names}
            try:
                await self._send("subscribe", names, since, handle, socket)
            except ConnectionLost as error:
                # Without a new connection, `restore` subscribes to the confirmed ones again.
                if socket is not None or error.is_final:
                    raise
        return refusals

    async def _unsubscribe(
        self, names: Sequence[str], socket: aiohttp.ClientWebSocketResponse | None = None
    ) -> None:
        """Unsubscribe from channels; without a connection, there is nothing to do."""
        pending = dict.fromkeys(names)
        with suppress(ConnectionLost):
            while pending:
                names = list(pending)[: self._batch_size]
                await self._send(
                    "unsubscribe", names, None, lambda name, _: pending.pop(name), socket
                )

    async def _send(
        self,
        kind: str,
        names: Sequence[str],
        since: Mapping[str, str | None] | None,
        handle: Callable[[str, Reply], object],
        socket: aiohttp.ClientWebSocketResponse | None,
    ) -> None:
        """Send one message about channels, and pass on the reply about each.

        A server that does not read lists refuses the whole message: no reply is passed on, and
        `_batch_size` is one from then on.
        """
        message: dict[str, Any] = {"messageType": kind}
        if len(names) > 1:
            message["channels"] = list(names)
        else:
            message["channel"] = names[0]
        if since is not None:
            message["since"] = since if len(names) > 1 else since[names[0]]
        missing = set(names)

        def on_reply(reply: Reply) -> bool:
            facts = reply if "error" in reply else reply.get(f"{kind}d", {})
            channel = facts.get("channel", names[0])
            missing.discard(channel)
            handle(channel, reply)
            return not missing

        try:
            await self._requests.request(message, on_reply, socket=socket)
        except CallFailed as error:
            if len(names) > 1 and len(missing) == len(names):
                self._batch_size = 1
            else:
                handle(names[0], {"error": error.document})
