"""`Channels`: broadcasts for actions, and subscriptions for the connections of transports."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, TypedError
from actionhero.transport import new_identifier
from actionhero_channels.authorization import authorize, run_after
from actionhero_channels.broadcasts import Broadcasts
from actionhero_channels.channel import Subscription
from actionhero_channels.delivery import encode_body, parse_id
from actionhero_channels.errors import ChannelNotFound, translate_redis_errors
from actionhero_channels.local_channels import LocalChannels
from actionhero_channels.memberships import Memberships
from actionhero_channels.presence import Presence
from actionhero_channels.presence_heartbeat import PresenceHeartbeat
from actionhero_channels.registry import CHANNEL_NAME
from actionhero_channels.subscriber import SubscribeResult

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from actionhero import Application, Session
    from actionhero_channels.channel import Channel
    from actionhero_channels.delivery import Delivery
    from actionhero_channels.local_channel import LocalChannel
    from actionhero_channels.registry import ChannelRegistry
    from actionhero_channels.settings import ChannelsSettings
    from actionhero_channels.subscriber import Subscriber
    from actionhero_redis import RedisClients

#: How long a new subscription waits for Redis.
SUBSCRIBE_TIMEOUT_SECONDS: Final = 5.0


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
        self._app = app
        self._registry = registry
        self._clients = clients
        self._settings = settings
        self._broadcasts = Broadcasts(clients)
        ttl_ms = int(settings.presence_ttl.total_seconds() * 1000)
        self._presence = Presence(clients, self._broadcasts, ttl_ms)
        self._local_channels = LocalChannels(clients, self._broadcasts)
        #: By subscriber and channel, with those that are not active yet.
        self._subscriptions: dict[Subscriber, dict[str, Subscription]] = {}
        self._memberships = Memberships(self._presence, self._subscriptions)
        self._heartbeat = PresenceHeartbeat(
            self._presence,
            self._memberships,
            self._subscriptions,
            settings.presence_heartbeat.total_seconds(),
        )
        #: Cleanup that finishes even if its caller is cancelled.
        self._cleanups: set[asyncio.Task[None]] = set()
        #: Called with the channel, the message and the sender of each broadcast that this process
        #: sends: for tests.
        self.observers: list[Callable[[str, Any, str], None]] = []

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
            names = ", ".join(sorted(repr(each.name) for each in self._registry.channels))
            raise ValueError(f"unknown channel {channel!r} (available: {names or 'none'})")
        body = encode_body(channel, message, sender)
        self._clients.require_shared("a broadcast")
        history = match.channel.history
        async with translate_redis_errors():
            if history:
                id = await self._broadcasts.append(channel, body, history)
            else:
                id = new_identifier()
                await self._broadcasts.publish(channel, body, id)
        for observer in self.observers:
            observer(channel, message, sender)
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
            The broadcasts after `since`, which precede all deliveries.

        Raises:
            TypedError: The subscription is refused. The checks run in this order: the name, the
                limit of subscriptions, the existence of the channel, its middleware, and its
                `authorize`.
            ServiceUnavailable: Redis is unreachable.
        """
        if not CHANNEL_NAME.fullmatch(channel):
            raise TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
        while (existing := self._find(subscriber, channel)) is not None:
            if existing.is_active:
                return SubscribeResult()
            await existing.settled.wait()
        limit = self._settings.max_subscriptions
        if len(self._subscriptions.get(subscriber, ())) >= limit:
            raise TypedError(
                f"Too many subscriptions (max {limit})", type=ErrorType.CHANNEL_VALIDATION
            )
        match = self._registry.find(channel)
        if match is None:
            raise ChannelNotFound(f"Channel not found: {channel}")
        subscription = Subscription(self._app, subscriber, session, channel, match.params)
        # Reserved now: concurrent subscriptions of this connection count towards the limit.
        self._subscriptions.setdefault(subscriber, {})[channel] = subscription
        try:
            await authorize(match.channel, subscription)
            try:
                result = await self._activate(match.channel, subscription, since)
            except BaseException:
                await run_after(match.channel, subscription)
                raise
            subscription.is_active = True
        except BaseException:
            self._forget(subscriber, channel)
            raise
        finally:
            subscription.settled.set()
        return result

    async def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Unsubscribe a connection; does nothing if it is not subscribed.

        The presence event is published before this returns.

        Raises:
            TypedError: The name is invalid.
        """
        if not CHANNEL_NAME.fullmatch(channel):
            raise TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
        subscription = self._find(subscriber, channel)
        if subscription is not None and subscription.is_active:
            await self._deactivate(subscription)

    async def unsubscribe_all(self, subscriber: Subscriber) -> None:
        """Unsubscribe a connection from all channels.

        A call of `subscribe` that is running continues; cancel it before.
        """
        for channel in tuple(self._subscriptions.get(subscriber, ())):
            await self.unsubscribe(subscriber, channel)

    async def reauthorize(self, subscriber: Subscriber, session: Session) -> list[str]:
        """Authorize the subscriptions of a connection again, with its new session.

        Subscriptions that are being authorized with the old session are included.

        Returns:
            The channels that it was unsubscribed from.
        """
        subscriptions = self._subscriptions.get(subscriber, {})
        # Those that are not active yet come last, as they are awaited.
        channels = sorted(subscriptions, key=lambda name: not subscriptions[name].is_active)
        return [
            channel
            for channel in channels
            if not await self._reauthorize(subscriber, channel, session)
        ]

    async def close(self) -> None:
        """End all subscriptions, and the connection to Redis."""
        for subscriber in tuple(self._subscriptions):
            await self.unsubscribe_all(subscriber)
        await self._heartbeat.stop()
        if self._cleanups:
            await asyncio.wait(self._cleanups)
        await self._local_channels.listener.close()

    @property
    def subscriber_counts(self) -> Mapping[str, int]:
        """The number of subscribers in this process, by channel."""
        local_channels = self._local_channels.by_name.items()
        return {name: len(local.recipients) for name, local in local_channels}

    # -- subscriptions -------------------------------------------------------------------------

    async def _activate(
        self, channel: Channel, subscription: Subscription, since: str | None
    ) -> SubscribeResult:
        name, connection = subscription.channel, subscription.connection
        async with translate_redis_errors(), self._local_channels.open(channel, name) as local:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_SECONDS):
                await local.confirmed.wait()
                await local.load_position()
                backlog, gap = await self._read_backlog(channel, local, since)
            # No other task runs between the backlog and this, so no broadcast is lost.
            local.recipients.add(subscription)
            visible = local.recipients.visible_to(subscription, backlog)
            result = SubscribeResult(visible, gap, local.last_id)
            if connection.subscriptions is None:
                connection.subscriptions = set()
            connection.subscriptions.add(name)
            try:
                await self._join_presence(channel, subscription)
            except BaseException:
                local.recipients.remove(subscription.subscriber)
                await self._shielded(self._memberships.leave(subscription))
                raise
        return result

    async def _read_backlog(
        self, channel: Channel, local: LocalChannel, since: str | None
    ) -> tuple[list[Delivery], bool]:
        if since is None:
            return [], False
        try:
            parse_id(since)
        except ValueError:
            return [], True
        if not channel.history:
            return [], True
        return await local.read_backlog(since)

    async def _reauthorize(self, subscriber: Subscriber, channel: str, session: Session) -> bool:
        """Authorize a subscription again; return `False` if it was ended for that."""
        match = self._registry.find(channel)
        local = self._local_channels.by_name
        while match is not None and (old := self._find(subscriber, channel)) is not None:
            if not old.is_active:
                await old.settled.wait()
                continue
            new = Subscription(self._app, subscriber, session, channel, old.params)
            try:
                await authorize(match.channel, new)
            except TypedError:
                if self._find(subscriber, channel) is old:
                    await self._deactivate(old)
                    return False
                continue
            if self._find(subscriber, channel) is not old:
                # It has ended, or was authorized with another session in the meantime.
                await run_after(match.channel, new)
                continue
            new.presence_key = old.presence_key
            new.is_active = True
            new.settled.set()
            self._subscriptions[subscriber][channel] = new
            local[channel].recipients.add(new)
            await run_after(match.channel, old)
            await self._join_presence(match.channel, new)
            break
        return True

    async def _join_presence(self, channel: Channel, subscription: Subscription) -> None:
        old_key, key = subscription.presence_key, await channel.presence_key(subscription)
        if old_key is not None and old_key != key:
            await self._memberships.leave(subscription)
        if key is not None:
            self._heartbeat.start()
        await self._memberships.join(subscription, key)

    async def _shielded(self, cleanup: Coroutine[Any, Any, None]) -> None:
        """Run a cleanup to its end, and wait for it unless the caller is cancelled."""
        task = asyncio.get_running_loop().create_task(cleanup)
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        await asyncio.shield(task)

    async def _deactivate(self, subscription: Subscription) -> None:
        """End the active subscription of a connection; the caller has not awaited since."""
        local = self._local_channels.by_name[subscription.channel]
        local.pending_subscribers += 1
        local.recipients.remove(subscription.subscriber)
        subscription.is_active = False
        self._forget(subscription.subscriber, subscription.channel)
        await self._shielded(self._clean_up(subscription, local))

    async def _clean_up(self, subscription: Subscription, local: LocalChannel) -> None:
        try:
            await self._memberships.leave(subscription)
            match = self._registry.find(subscription.channel)
            if match is not None:
                await run_after(match.channel, subscription)
        finally:
            await self._local_channels.release(local)

    def _find(self, subscriber: Subscriber, channel: str) -> Subscription | None:
        return self._subscriptions.get(subscriber, {}).get(channel)

    def _forget(self, subscriber: Subscriber, channel: str) -> None:
        subscriptions = self._subscriptions.get(subscriber)
        if subscriptions is not None:
            subscriptions.pop(channel, None)
            if not subscriptions:
                del self._subscriptions[subscriber]
        if subscriber.connection.subscriptions is not None:
            subscriber.connection.subscriptions.discard(channel)
