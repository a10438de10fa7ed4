"""`Subscriptions`: the subscriptions of this process, from their authorization to their end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from actionhero import AuditLog, ErrorType, TypedError
from actionhero_channels.authorization import authorize, run_after, time_limit
from actionhero_channels.channel import Subscription
from actionhero_channels.delivery import parse_id
from actionhero_channels.errors import ChannelNotFound, translate_redis_errors
from actionhero_channels.local_channels import LocalChannels
from actionhero_channels.memberships import Memberships
from actionhero_channels.presence_heartbeat import PresenceHeartbeat
from actionhero_channels.subscriber import SubscribeResult

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from actionhero import Application, Session
    from actionhero_channels.broadcasts import Broadcasts
    from actionhero_channels.channel import Channel
    from actionhero_channels.delivery import Delivery
    from actionhero_channels.local_channel import LocalChannel
    from actionhero_channels.presence import Presence
    from actionhero_channels.registry import ChannelRegistry
    from actionhero_channels.settings import ChannelsSettings
    from actionhero_channels.subscriber import Subscriber
    from actionhero_redis import RedisClients

#: How long a new subscription waits for Redis.
SUBSCRIBE_TIMEOUT_SECONDS: Final = 5.0
#: How long the authorization of all subscriptions of a connection with a new session may take.
REAUTHORIZE_TIMEOUT_SECONDS: Final = 30.0


class Subscriptions:
    """The subscriptions of this process; see `Channels` for the public methods.

    Args:
        app: The application.
        registry: Its channels.
        clients: Redis.
        broadcasts: Reads the history.
        presence: The members of channels, in all processes.
        settings: The limits.
    """

    def __init__(
        self,
        app: Application,
        registry: ChannelRegistry,
        clients: RedisClients,
        broadcasts: Broadcasts,
        presence: Presence,
        settings: ChannelsSettings,
    ) -> None:
        self._app = app
        self._registry = registry
        self._limit = settings.max_subscriptions
        self.local_channels = LocalChannels(clients, broadcasts)
        #: By subscriber and channel, with those that are not active yet.
        self.by_subscriber: dict[Subscriber, dict[str, Subscription]] = {}
        self._memberships = Memberships(presence, self.by_subscriber)
        self._heartbeat = PresenceHeartbeat(
            presence,
            self._memberships,
            self.by_subscriber,
            settings.presence_heartbeat.total_seconds(),
        )
        #: Cleanup that finishes even if its caller is cancelled.
        self._cleanups: set[asyncio.Task[None]] = set()

    async def add(
        self, subscriber: Subscriber, channel: str, session: Session, since: str | None
    ) -> SubscribeResult:
        """Subscribe a connection to a channel; see `Channels.subscribe`."""
        while (existing := self._find(subscriber, channel)) is not None:
            if existing.is_active:
                return SubscribeResult()
            await existing.settled.wait()
        if len(self.by_subscriber.get(subscriber, ())) >= self._limit:
            raise TypedError(
                f"Too many subscriptions (max {self._limit})", type=ErrorType.CHANNEL_VALIDATION
            )
        match = self._registry.find(channel)
        if match is None:
            raise ChannelNotFound(f"Channel not found: {channel}")
        subscription = Subscription(self._app, subscriber, session, channel, match.params)
        # Reserved now: concurrent subscriptions of this connection count towards the limit.
        self.by_subscriber.setdefault(subscriber, {})[channel] = subscription
        try:
            try:
                await authorize(match.channel, subscription)
            except TypedError as error:
                self._record_refusal(error, subscription)
                raise
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

    async def remove(self, subscriber: Subscriber, channel: str) -> None:
        """End a subscription that is active."""
        subscription = self._find(subscriber, channel)
        if subscription is not None and subscription.is_active:
            await self._deactivate(subscription)

    async def remove_all(self, subscriber: Subscriber) -> None:
        """End the subscriptions of a connection that are active."""
        for channel in tuple(self.by_subscriber.get(subscriber, ())):
            await self.remove(subscriber, channel)

    async def reauthorize(self, subscriber: Subscriber, session: Session) -> list[str]:
        """Authorize subscriptions again, and return those that have ended for it."""
        subscriptions = self.by_subscriber.get(subscriber, {})
        # Those that are not active yet come last, as they are awaited.
        channels = sorted(subscriptions, key=lambda name: not subscriptions[name].is_active)
        async with asyncio.timeout(REAUTHORIZE_TIMEOUT_SECONDS):
            return [
                channel
                for channel in channels
                if not await self._reauthorize(subscriber, channel, session)
            ]

    async def close(self) -> None:
        """End all subscriptions, and the connection to Redis."""
        for subscriber in tuple(self.by_subscriber):
            await self.remove_all(subscriber)
        await self._heartbeat.stop()
        if self._cleanups:
            await asyncio.wait(self._cleanups)
        await self.local_channels.listener.close()

    def _record_refusal(self, error: TypedError, subscription: Subscription) -> None:
        """Record the refusal of a client in the audit log."""
        self._app.get(AuditLog).refused(
            error,
            subscription.connection,
            session=subscription.session,
            details={"channel": subscription.channel},
        )

    async def _activate(
        self, channel: Channel, subscription: Subscription, since: str | None
    ) -> SubscribeResult:
        name, connection = subscription.channel, subscription.connection
        async with translate_redis_errors(), self.local_channels.open(channel, name) as local:
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
        local = self.local_channels.by_name
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
            new.is_active, old.is_active = True, False
            new.settled.set()
            self.by_subscriber[subscriber][channel] = new
            local[channel].recipients.add(new)
            await run_after(match.channel, old)
            await self._join_presence(match.channel, new)
            break
        return True

    async def _join_presence(self, channel: Channel, subscription: Subscription) -> None:
        async with time_limit(subscription, "presence_key"):
            key: object = await channel.presence_key(subscription)
        if not isinstance(key, str | None):
            # Clients would see it as a number in some events, and as text in others.
            raise TypeError(
                f"channel {subscription.channel!r}: presence_key returned {key!r}; return a text, "
                "such as str(user_id), or None"
            )
        old_key = subscription.presence_key
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
        """End an active subscription, which the caller has found without an `await` since."""
        local = self.local_channels.by_name[subscription.channel]
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
            await self.local_channels.release(local)

    def _find(self, subscriber: Subscriber, channel: str) -> Subscription | None:
        return self.by_subscriber.get(subscriber, {}).get(channel)

    def _forget(self, subscriber: Subscriber, channel: str) -> None:
        subscriptions = self.by_subscriber.get(subscriber)
        if subscriptions is not None:
            subscriptions.pop(channel, None)
            if not subscriptions:
                del self.by_subscriber[subscriber]
        if subscriber.connection.subscriptions is not None:
            subscriber.connection.subscriptions.discard(channel)
