"""`Channels`: broadcasts for actions, and subscriptions for the connections of transports."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero import ErrorType, TypedError
from actionhero.transport import name_hint, new_identifier
from actionhero_channels.broadcast_observer import BroadcastObserver, BroadcastObservers
from actionhero_channels.broadcasts import Broadcasts
from actionhero_channels.delivery import encode_body
from actionhero_channels.errors import translate_redis_errors
from actionhero_channels.live_messages import LiveMessages
from actionhero_channels.presence import Presence
from actionhero_channels.registry import CHANNEL_NAME
from actionhero_channels.subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero import Application, Session
    from actionhero_channels.registry import ChannelRegistry
    from actionhero_channels.settings import ChannelsSettings
    from actionhero_channels.subscriber import Subscriber, SubscribeResult
    from actionhero_redis import RedisClients


class ChannelSnapshot(NamedTuple):
    """The state of a channel in one process."""

    #: The name, with placeholders.
    name: str
    #: The number of subscribed connections.
    subscribers: int
    #: The number of broadcasts that were sent since the start.
    broadcasts: int
    #: The number of gaps since the start.
    gaps: int
    #: The subscribed connections of each channel with a value for the placeholders.
    open: dict[str, int]


class Channels:
    """The channels of an application: `call.get(Channels)`.

    ```python
    await call.get(Channels).broadcast("room:7", {"text": "Hello"}, sender="user:1")
    ```

    Args:
        app: The application.
        registry: Its channels.
        clients: Redis.
        settings: The limits.
    """

    def __init__(
        self,
        app: Application,
        registry: ChannelRegistry,
        clients: RedisClients,
        settings: ChannelsSettings,
    ) -> None:
        self._registry = registry
        self._clients = clients
        self._broadcasts = Broadcasts(clients)
        self._presence = Presence(clients, self._broadcasts, settings)
        self._subscriptions = Subscriptions(
            app, registry, clients, self._broadcasts, self._presence, settings
        )
        #: The messages of channels, for operators.
        self.live_messages = LiveMessages(registry, self._subscriptions.local_channels)
        #: The numbers of broadcasts and of gaps of this process, by the declared channel.
        self.sent, self.gaps = self._broadcasts.sent, self._broadcasts.gaps
        #: Called with the channel, the message and the sender of each broadcast that this process
        #: sends: for tests.
        self.observers: list[Callable[[str, Any, str], None]] = []
        #: `None` without plugins that observe broadcasts.
        self._observed = _observers_of(app)

    # -- for authors ---------------------------------------------------------------------------

    async def broadcast(self, channel: str, message: Any, sender: str = "unknown-sender") -> str:
        """Send a message to all subscribers of a channel, in every process.

        In a transaction, wait for the commit: `database.after_commit(channels.broadcast, …)`.

        Args:
            channel: The name of the channel.
            message: Any JSON serializable value.
            sender: The sender, as subscribers see it.

        Returns:
            The identifier of the broadcast. With history it is stored, and subscribers that
            reconnect receive it; without, only those that are connected now do.

        Raises:
            ValueError: The channel does not exist.
            TypeError: The message is not JSON serializable.
            ServiceUnavailable: Redis is unreachable. The message may have been sent or not.
        """
        match = self._registry.find(channel) if CHANNEL_NAME.fullmatch(channel) else None
        if match is None:
            names = sorted(each.name for each in self._registry.channels)
            raise ValueError(f"unknown channel {channel!r}; {name_hint(channel, names)}")
        body = encode_body(channel, message, sender)
        self._clients.require_shared("a broadcast")
        history = match.channel.history
        if self._observed is None:
            id = await self._send(channel, body, history)
        else:
            async with self._observed.observe(channel, match.channel.name) as sent:
                id = sent.id = await self._send(channel, body, history)
        self.sent[match.channel.name] += 1
        for observer in self.observers:
            observer(channel, message, sender)
        return id

    async def _send(self, channel: str, body: bytes, history: Any) -> str:
        async with translate_redis_errors():
            if history:
                return await self._broadcasts.append(channel, body, history)
            id = new_identifier()
            await self._broadcasts.publish(channel, body, id)
            return id

    async def members(self, channel: str) -> list[str]:
        """Return the presence keys of the members of a channel, in all processes, sorted.

        The list is empty if the channel has no members, or does not exist.

        Raises:
            ServiceUnavailable: Redis is unreachable.
        """
        self._clients.require_shared("the members of a channel")
        async with translate_redis_errors():
            return sorted(await self._presence.members(channel))

    @property
    def declared_names(self) -> list[str]:
        """The names of all channels, with placeholders."""
        return [channel.name for channel in self._registry.channels]

    @property
    def subscribers(self) -> Counter[str]:
        """The numbers of subscribed connections of this process, by the declared channel."""
        counts: Counter[str] = Counter()
        for local in self._subscriptions.local_channels.by_name.values():
            counts[local.declared_name] += len(local.recipients)
        return counts

    def snapshot(self) -> list[ChannelSnapshot]:
        """Return the state of the channels in this process, by the name of their class."""
        subscribers = self.subscribers
        open_channels: dict[str, dict[str, int]] = {name: {} for name in self.declared_names}
        for name, count in self.subscriber_counts.items():
            local = self._subscriptions.local_channels.by_name[name]
            # Without subscribers it may be one that an operator views.
            if count:
                open_channels[local.declared_name][name] = count
        return [
            ChannelSnapshot(name, subscribers[name], self.sent[name], self.gaps[name], channels)
            for name, channels in open_channels.items()
        ]

    # -- for transports ------------------------------------------------------------------------

    async def subscribe(
        self, subscriber: Subscriber, channel: str, *, session: Session, since: str | None = None
    ) -> SubscribeResult:
        """Subscribe a connection to a channel. An existing subscription stays as it is.

        Args:
            subscriber: The connection.
            channel: The name of the channel, as requested.
            session: The session of the connection.
            since: The identifier of the last broadcast that it received, to resume an earlier
                subscription.

        Returns:
            The broadcasts after `since`, which precede all deliveries. Deliveries may begin before
            this returns: the subscriber buffers them until it has sent the result.

        Raises:
            TypedError: The subscription is refused. The checks run in this order: the name, the
                limit of subscriptions, the existence of the channel, its middleware, and its
                `authorize`.
            ServiceUnavailable: Redis is unreachable.
        """
        if not CHANNEL_NAME.fullmatch(channel):
            raise TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
        return await self._subscriptions.add(subscriber, channel, session, since)

    async def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Unsubscribe a connection; does nothing if it is not subscribed.

        The presence event is published before this returns.

        Raises:
            TypedError: The name is invalid.
        """
        if not CHANNEL_NAME.fullmatch(channel):
            raise TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
        await self._subscriptions.remove(subscriber, channel)

    async def unsubscribe_all(self, subscriber: Subscriber) -> None:
        """Unsubscribe a connection from all channels.

        A call of `subscribe` that is running continues; cancel it before.
        """
        await self._subscriptions.remove_all(subscriber)

    async def reauthorize(self, subscriber: Subscriber, session: Session) -> list[str]:
        """Authorize the subscriptions of a connection again, with its new session.

        Subscriptions that are being authorized with the old session are included. Calls must not
        overlap, as the older one may have an older session.

        Returns:
            The channels that it was unsubscribed from.

        Raises:
            TimeoutError: It takes more than 30 seconds. The caller ends all subscriptions after
                this and any other error.
        """
        return await self._subscriptions.reauthorize(subscriber, session)

    async def close(self) -> None:
        """End all subscriptions, and the connection to Redis."""
        await self.live_messages.close()
        await self._subscriptions.close()

    @property
    def subscriber_counts(self) -> Mapping[str, int]:
        """The number of subscribers in this process, by channel."""
        local_channels = self._subscriptions.local_channels.by_name.items()
        return {name: len(local.recipients) for name, local in local_channels}


def _observers_of(app: Application) -> BroadcastObservers | None:
    collected = app.plugins.collect("actionhero_channels_observers", BroadcastObserver, app=app)
    app.raise_for_problems()
    return BroadcastObservers([item for _, item in collected]) if collected else None
