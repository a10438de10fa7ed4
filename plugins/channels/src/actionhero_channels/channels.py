"""`Channels`: what actions broadcast by, and what doors let their connections listen through."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from actionhero import ChannelRefused, ErrorType, TypedError
from actionhero.transport import new_identifier
from actionhero_channels.broadcasts import Broadcasts
from actionhero_channels.channel import Subscription
from actionhero_channels.delivery import body_of, position
from actionhero_channels.errors import redis_reached
from actionhero_channels.local_channel import Room
from actionhero_channels.names import CHANNEL_NAME
from actionhero_channels.presence import Presence
from actionhero_channels.presence_heartbeat import PresenceHeartbeat
from actionhero_channels.pubsub_listener import PubSubListener
from actionhero_channels.subscriber import Subscribed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from actionhero import Application, Session
    from actionhero_channels.channel import Channel
    from actionhero_channels.names import ChannelNames
    from actionhero_channels.settings import ChannelsSettings
    from actionhero_channels.subscriber import Subscriber
    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.channels")

#: How long somebody who joins waits for Redis.
LISTEN_SECONDS: Final = 5.0


class Channels:
    """The channels of an application: `call.get(Channels)`.

    ```python
    await call.get(Channels).broadcast("room:7", {"text": "Hello"}, sender="user:1")
    ```

    Args:
        app: The application.
        names: Its channels.
        clients: Redis.
        settings: Limits.
    """

    def __init__(
        self,
        app: Application,
        names: ChannelNames,
        clients: RedisClients,
        settings: ChannelsSettings,
    ) -> None:
        self._app = app
        self._names = names
        self._clients = clients
        self._settings = settings
        self._broadcasts = Broadcasts(clients)
        ttl_ms = int(settings.presence_ttl.total_seconds() * 1000)
        self._presence = Presence(clients, self._broadcasts, ttl_ms)
        self._relay = PubSubListener(clients, self._broadcasts)
        self._rooms: dict[str, Room] = {}
        self._joined: dict[Subscriber, dict[str, Subscription | None]] = {}
        self._heart = PresenceHeartbeat(
            self._presence, self._joined, settings.presence_heartbeat.total_seconds()
        )
        #: What is ended even if whoever wanted it is cancelled.
        self._endings: set[asyncio.Task[None]] = set()
        #: Called with the channel, the message and the sender of each broadcast that this process
        #: sends: for tests.
        self.taps: list[Callable[[str, Any, str], None]] = []

    # -- what authors use ----------------------------------------------------------------------

    async def broadcast(self, channel: str, message: Any, sender: str = "unknown-sender") -> str:
        """Let everybody who has joined a channel hear something, in whichever process they are.

        In a transaction, wait for the commit: `database.after_commit(channels.broadcast, …)`.

        Args:
            channel: Its name.
            message: Anything that JSON can hold.
            sender: Who says it.

        Returns:
            The identifier of the broadcast. With history it is kept now, and nobody who comes
            back misses it; without, whoever is away does not hear of it.

        Raises:
            ValueError: There is no such channel.
            TypeError: The message cannot be written as JSON.
            ServiceUnavailable: Redis cannot be reached. Whether it was broadcast is not known.
        """
        found = self._names.find(channel) if CHANNEL_NAME.fullmatch(channel) else None
        if found is None:
            known = ", ".join(sorted(repr(each.name) for each in self._names.known)) or "none"
            raise ValueError(f"there is no channel {channel!r}; there are: {known}")
        body = body_of(channel, message, sender)
        self._clients.require_shared("a broadcast")
        history = found[0].history
        async with redis_reached():
            if history:
                id = await self._broadcasts.keep(channel, body, history)
            else:
                id = new_identifier()
                await self._broadcasts.send(channel, body, id)
        for tap in self.taps:
            tap(channel, message, sender)
        return id

    async def members(self, channel: str) -> list[str]:
        """Return the presence keys of who is in a channel, in all processes, sorted.

        Of a channel that nobody is in, or that there is none of, the list is empty.

        Raises:
            ServiceUnavailable: Redis cannot be reached.
        """
        self._clients.require_shared("who is in a channel")
        async with redis_reached():
            return sorted(await self._presence.members(channel))

    # -- what doors use ------------------------------------------------------------------------

    async def subscribe(
        self, subscriber: Subscriber, channel: str, *, session: Session, since: str | None = None
    ) -> Subscribed:
        """Let a connection listen to a channel. Who is in it already stays in it.

        Args:
            subscriber: The connection.
            channel: Its name, as it was asked for.
            session: What is remembered of them.
            since: The identifier of the last broadcast that they have heard, if they were in it
                before.

        Returns:
            What was broadcast since then, which goes before all that is delivered from now on.

        Raises:
            TypedError: They may not. The checks are made in this order: the name, how many
                channels they are in, whether there is such a channel, its middleware, the channel
                itself.
            ServiceUnavailable: Redis cannot be reached.
        """
        if not CHANNEL_NAME.fullmatch(channel):
            raise TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
        joined = self._joined.get(subscriber, {})
        if channel in joined:
            return Subscribed()
        limit = self._settings.max_subscriptions
        if len(joined) >= limit:
            raise TypedError(
                f"Too many subscriptions (max {limit})", type=ErrorType.CHANNEL_VALIDATION
            )
        found = self._names.find(channel)
        if found is None:
            raise ChannelRefused(f"Channel not found: {channel}")
        subscription = Subscription(self._app, subscriber, session, channel, found[1])
        # Counted from now on: others of this connection may be on their way, too.
        self._joined.setdefault(subscriber, {})[channel] = None
        try:
            await self._admit(found[0], subscription)
            try:
                return await self._enter(found[0], subscription, since)
            except BaseException:
                await self._dismiss(found[0], subscription)
                raise
        except BaseException:
            self._forget(subscriber, channel)
            raise

    async def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Let a connection no longer listen. The others hear of it before this returns.

        Raises:
            TypedError: That is no name of a channel. That they are not in it is no error.
        """
        if not CHANNEL_NAME.fullmatch(channel):
            raise TypedError("Invalid channel name", type=ErrorType.CHANNEL_VALIDATION)
        subscription = self._joined.get(subscriber, {}).get(channel)
        if subscription is not None:
            await self._leave(subscription)

    async def leave_all(self, subscriber: Subscriber) -> None:
        """Let a connection leave every channel: it is gone."""
        for subscription in tuple(self._joined.get(subscriber, {}).values()):
            if subscription is not None:
                await self._leave(subscription)

    async def recheck(self, subscriber: Subscriber, session: Session) -> list[str]:
        """Ask again whether a connection may stay in its channels: its session is another one.

        Returns:
            The channels that it has left.
        """
        left = []
        for channel, old in tuple(self._joined.get(subscriber, {}).items()):
            found = self._names.find(channel)
            if old is None or found is None:
                continue
            new = Subscription(self._app, subscriber, session, channel, old.params)
            new.presence_key = old.presence_key
            try:
                await self._admit(found[0], new)
            except TypedError:
                left.append(channel)
                await self._leave(old)
                continue
            if self._joined.get(subscriber, {}).get(channel) is not old:
                await self._dismiss(found[0], new)
                continue
            self._joined[subscriber][channel] = new
            await self._dismiss(found[0], old)
            await self._be_here(found[0], new, instead_of=old.presence_key)
        return left

    async def close(self) -> None:
        """Leave every channel, and end the subscription to Redis."""
        for subscriber in tuple(self._joined):
            await self.leave_all(subscriber)
        await self._heart.end()
        if self._endings:
            await asyncio.wait(self._endings)
        await self._relay.close()

    @property
    def joined(self) -> Mapping[str, int]:
        """How many connections of this process are in each channel that any is in."""
        return {name: len(room.subscribers) for name, room in self._rooms.items()}

    # -- joining and leaving -------------------------------------------------------------------

    async def _admit(self, channel: Channel, subscription: Subscription) -> None:
        """Ask the middleware, and then the channel."""
        entered = 0
        try:
            for middleware in channel.middleware:
                await middleware.before(subscription)
                entered += 1
            await channel.authorize(subscription)
        except BaseException:
            await self._dismiss(channel, subscription, entered)
            raise

    async def _dismiss(
        self, channel: Channel, subscription: Subscription, entered: int | None = None
    ) -> None:
        """Let the middleware that has let somebody in see them off."""
        for middleware in reversed(channel.middleware[:entered]):
            try:
                await middleware.after(subscription)
            except Exception:
                logger.exception(
                    "channel %r: %s failed after somebody left", subscription.channel, middleware
                )

    async def _enter(
        self, channel: Channel, subscription: Subscription, since: str | None
    ) -> Subscribed:
        name, subscriber = subscription.channel, subscription.subscriber
        async with redis_reached(), self._room(channel, name) as room:
            async with asyncio.timeout(LISTEN_SECONDS):
                await room.listening.wait()
                await room.begin()
                subscribed = await self._replayed(channel, room, since)
            # No turn of the loop lies between what is replayed and this.
            if channel.history:
                subscribed = subscribed._replace(position=room.last)
            room.subscribers[subscriber] = None
            self._joined[subscriber][name] = subscription
            connection = subscriber.connection
            if connection.subscriptions is None:
                connection.subscriptions = set()
            connection.subscriptions.add(name)
            try:
                await self._be_here(channel, subscription)
            except BaseException:
                room.subscribers.pop(subscriber, None)
                self._forget(subscriber, name)
                await self._end(self._be_gone(subscription))
                raise
        return subscribed

    async def _replayed(self, channel: Channel, room: Room, since: str | None) -> Subscribed:
        if since is None:
            return Subscribed()
        try:
            position(since)
        except ValueError:
            return Subscribed(gap=True)
        if not channel.history:
            return Subscribed(gap=True)
        replayed, gap = await room.read_between(since)
        return Subscribed(replayed, gap)

    async def _be_here(
        self, channel: Channel, subscription: Subscription, *, instead_of: str | None = None
    ) -> None:
        key = await channel.presence_key(subscription)
        name, connection = subscription.channel, subscription.connection.id
        if instead_of is not None and instead_of != key:
            await self._presence.leave(name, instead_of, connection)
        subscription.presence_key = key
        if key is not None:
            self._heart.begin()
            await self._presence.join(name, key, connection)
            if self._joined.get(subscription.subscriber, {}).get(name) is not subscription:
                # They have left meanwhile, and we were the later one.
                await self._presence.leave(name, key, connection)

    async def _be_gone(self, subscription: Subscription) -> None:
        name, key = subscription.channel, subscription.presence_key
        if key is None:
            return
        try:
            await self._presence.leave(name, key, subscription.connection.id)
        except Exception as error:  # noqa: BLE001 - Redis is away: it forgets in time
            logger.warning("channel %r: that somebody left is not told: %s", name, error)

    async def _end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what must be done to its end, and wait for it as long as nobody cancels us."""
        task = asyncio.get_running_loop().create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        await asyncio.shield(task)

    async def _leave(self, subscription: Subscription) -> None:
        await self._end(self._leave_now(subscription))

    async def _leave_now(self, subscription: Subscription) -> None:
        name, subscriber = subscription.channel, subscription.subscriber
        found = self._names.find(name)
        room = self._rooms.get(name)
        if found is None or room is None or subscriber not in room.subscribers:
            return
        room.visitors += 1
        del room.subscribers[subscriber]
        self._forget(subscriber, name)
        try:
            await self._be_gone(subscription)
            await self._dismiss(found[0], subscription)
        finally:
            await self._depart(room)

    def _forget(self, subscriber: Subscriber, channel: str) -> None:
        joined = self._joined.get(subscriber)
        if joined is not None:
            joined.pop(channel, None)
            if not joined:
                del self._joined[subscriber]
        if subscriber.connection.subscriptions is not None:
            subscriber.connection.subscriptions.discard(channel)

    # -- rooms ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def _room(self, channel: Channel, name: str) -> AsyncIterator[Room]:
        """Give the room of a channel, which stays open for as long as somebody is in it."""
        room = self._rooms.get(name)
        is_new = room is None
        if room is None:
            room = self._rooms[name] = Room(
                name, history=channel.history > 0, broadcasts=self._broadcasts
            )
        room.visitors += 1
        try:
            if is_new:
                self._clients.require_shared("a channel")
                await self._relay.open(room)
            yield room
        finally:
            await self._depart(room)

    async def _depart(self, room: Room) -> None:
        room.visitors -= 1
        if room.is_empty and self._rooms.get(room.channel) is room:
            del self._rooms[room.channel]
            await self._relay.close_room(room)
