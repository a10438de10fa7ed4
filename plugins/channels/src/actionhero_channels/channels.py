"""`Channels`: broadcasts for actions, and subscriptions for the connections of transports."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from actionhero import ChannelRefused, ErrorType, TypedError
from actionhero.transport import new_identifier
from actionhero_channels.broadcasts import Broadcasts
from actionhero_channels.channel import Subscription
from actionhero_channels.delivery import encode_body, parse_id
from actionhero_channels.errors import translate_redis_errors
from actionhero_channels.local_channel import LocalChannel
from actionhero_channels.presence import Presence
from actionhero_channels.presence_heartbeat import PresenceHeartbeat
from actionhero_channels.pubsub_listener import PubSubListener
from actionhero_channels.registry import CHANNEL_NAME
from actionhero_channels.subscriber import SubscribeResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from actionhero import Application, Session
    from actionhero_channels.channel import Channel
    from actionhero_channels.registry import ChannelRegistry
    from actionhero_channels.settings import ChannelsSettings
    from actionhero_channels.subscriber import Subscriber
    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.channels")

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
        self._listener = PubSubListener(clients, self._broadcasts)
        self._local_channels: dict[str, LocalChannel] = {}
        #: By subscriber and channel; `None` for a subscription that is not active yet.
        self._subscriptions: dict[Subscriber, dict[str, Subscription | None]] = {}
        self._heartbeat = PresenceHeartbeat(
            self._presence, self._subscriptions, settings.presence_heartbeat.total_seconds()
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
        subscriptions = self._subscriptions.get(subscriber, {})
        if channel in subscriptions:
            return SubscribeResult()
        limit = self._settings.max_subscriptions
        if len(subscriptions) >= limit:
            raise TypedError(
                f"Too many subscriptions (max {limit})", type=ErrorType.CHANNEL_VALIDATION
            )
        match = self._registry.find(channel)
        if match is None:
            raise ChannelRefused(f"Channel not found: {channel}")
        subscription = Subscription(self._app, subscriber, session, channel, match.params)
        # Reserved now: concurrent subscriptions of this connection count towards the limit.
        self._subscriptions.setdefault(subscriber, {})[channel] = None
        try:
            await self._authorize(match.channel, subscription)
            try:
                return await self._activate(match.channel, subscription, since)
            except BaseException:
                await self._run_after(match.channel, subscription)
                raise
        except BaseException:
            self._forget(subscriber, channel)
            raise

    async def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Unsubscribe a connection; does nothing if it is not subscribed.

        The presence event is published before this returns.

        Raises:
            TypedError: The name is invalid.
        """
        if not CHANNEL_NAME.fullmatch(channel):
            raise TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
        subscription = self._subscriptions.get(subscriber, {}).get(channel)
        if subscription is not None:
            await self._deactivate(subscription)

    async def unsubscribe_all(self, subscriber: Subscriber) -> None:
        """Unsubscribe a connection from all channels."""
        for subscription in tuple(self._subscriptions.get(subscriber, {}).values()):
            if subscription is not None:
                await self._deactivate(subscription)

    async def reauthorize(self, subscriber: Subscriber, session: Session) -> list[str]:
        """Authorize the subscriptions of a connection again, with its new session.

        Returns:
            The channels that it was unsubscribed from.
        """
        ended = []
        for channel, old in tuple(self._subscriptions.get(subscriber, {}).items()):
            match = self._registry.find(channel)
            if old is None or match is None:
                continue
            new = Subscription(self._app, subscriber, session, channel, old.params)
            new.presence_key = old.presence_key
            try:
                await self._authorize(match.channel, new)
            except TypedError:
                ended.append(channel)
                await self._deactivate(old)
                continue
            if self._subscriptions.get(subscriber, {}).get(channel) is not old:
                await self._run_after(match.channel, new)
                continue
            self._subscriptions[subscriber][channel] = new
            await self._run_after(match.channel, old)
            await self._join_presence(match.channel, new, old_key=old.presence_key)
        return ended

    async def close(self) -> None:
        """End all subscriptions, and the connection to Redis."""
        for subscriber in tuple(self._subscriptions):
            await self.unsubscribe_all(subscriber)
        await self._heartbeat.stop()
        if self._cleanups:
            await asyncio.wait(self._cleanups)
        await self._listener.close()

    @property
    def subscriber_counts(self) -> Mapping[str, int]:
        """The number of subscribers in this process, by channel."""
        return {name: len(local.subscribers) for name, local in self._local_channels.items()}

    # -- subscriptions -------------------------------------------------------------------------

    async def _authorize(self, channel: Channel, subscription: Subscription) -> None:
        """Run `before` of the middleware, then `authorize` of the channel."""
        entered = 0
        try:
            for middleware in channel.middleware:
                await middleware.before(subscription)
                entered += 1
            await channel.authorize(subscription)
        except BaseException:
            await self._run_after(channel, subscription, entered)
            raise

    async def _run_after(
        self, channel: Channel, subscription: Subscription, entered: int | None = None
    ) -> None:
        """Run `after` of the middleware whose `before` has returned."""
        for middleware in reversed(channel.middleware[:entered]):
            try:
                await middleware.after(subscription)
            except Exception:
                logger.exception("channel %r: %s.after failed", subscription.channel, middleware)

    async def _activate(
        self, channel: Channel, subscription: Subscription, since: str | None
    ) -> SubscribeResult:
        name, subscriber = subscription.channel, subscription.subscriber
        async with translate_redis_errors(), self._local_channel(channel, name) as local:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_SECONDS):
                await local.confirmed.wait()
                await local.load_position()
                result = await self._read_backlog(channel, local, since)
            # No other task runs between the backlog and this, so no broadcast is lost.
            if channel.history:
                result = result._replace(last_id=local.last_id)
            local.subscribers[subscriber] = None
            self._subscriptions[subscriber][name] = subscription
            connection = subscriber.connection
            if connection.subscriptions is None:
                connection.subscriptions = set()
            connection.subscriptions.add(name)
            try:
                await self._join_presence(channel, subscription)
            except BaseException:
                local.subscribers.pop(subscriber, None)
                self._forget(subscriber, name)
                await self._shielded(self._leave_presence(subscription))
                raise
        return result

    async def _read_backlog(
        self, channel: Channel, local: LocalChannel, since: str | None
    ) -> SubscribeResult:
        if since is None:
            return SubscribeResult()
        try:
            parse_id(since)
        except ValueError:
            return SubscribeResult(gap=True)
        if not channel.history:
            return SubscribeResult(gap=True)
        backlog, gap = await local.read_backlog(since)
        return SubscribeResult(backlog, gap)

    async def _join_presence(
        self, channel: Channel, subscription: Subscription, *, old_key: str | None = None
    ) -> None:
        key = await channel.presence_key(subscription)
        name, connection = subscription.channel, subscription.connection.id
        if old_key is not None and old_key != key:
            await self._presence.leave(name, old_key, connection)
        subscription.presence_key = key
        if key is not None:
            self._heartbeat.start()
            await self._presence.join(name, key, connection)
            if self._subscriptions.get(subscription.subscriber, {}).get(name) is not subscription:
                # It ended in the meantime, and its removal came before our `join`.
                await self._presence.leave(name, key, connection)

    async def _leave_presence(self, subscription: Subscription) -> None:
        name, key = subscription.channel, subscription.presence_key
        if key is None:
            return
        try:
            await self._presence.leave(name, key, subscription.connection.id)
        except Exception as error:  # noqa: BLE001 - the entry expires
            logger.warning("channel %r: removing a member failed: %s", name, error)

    async def _shielded(self, cleanup: Coroutine[Any, Any, None]) -> None:
        """Run a cleanup to its end, and wait for it unless the caller is cancelled."""
        task = asyncio.get_running_loop().create_task(cleanup)
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        await asyncio.shield(task)

    async def _deactivate(self, subscription: Subscription) -> None:
        await self._shielded(self._deactivate_now(subscription))

    async def _deactivate_now(self, subscription: Subscription) -> None:
        name, subscriber = subscription.channel, subscription.subscriber
        match = self._registry.find(name)
        local = self._local_channels.get(name)
        if match is None or local is None or subscriber not in local.subscribers:
            return
        local.pending_subscribers += 1
        del local.subscribers[subscriber]
        self._forget(subscriber, name)
        try:
            await self._leave_presence(subscription)
            await self._run_after(match.channel, subscription)
        finally:
            await self._release(local)

    def _forget(self, subscriber: Subscriber, channel: str) -> None:
        subscriptions = self._subscriptions.get(subscriber)
        if subscriptions is not None:
            subscriptions.pop(channel, None)
            if not subscriptions:
                del self._subscriptions[subscriber]
        if subscriber.connection.subscriptions is not None:
            subscriber.connection.subscriptions.discard(channel)

    # -- local channels ------------------------------------------------------------------------

    @asynccontextmanager
    async def _local_channel(self, channel: Channel, name: str) -> AsyncIterator[LocalChannel]:
        """Yield the local channel, which stays open as long as it has subscribers."""
        local = self._local_channels.get(name)
        is_new = local is None
        if local is None:
            local = self._local_channels[name] = LocalChannel(
                name, history=channel.history > 0, broadcasts=self._broadcasts
            )
        local.pending_subscribers += 1
        try:
            if is_new:
                self._clients.require_shared("a channel")
                await self._listener.add(local)
            yield local
        finally:
            await self._release(local)

    async def _release(self, local: LocalChannel) -> None:
        local.pending_subscribers -= 1
        if local.is_empty and self._local_channels.get(local.name) is local:
            del self._local_channels[local.name]
            await self._listener.remove(local)
