"""`PubSubListener`: the one Redis subscription of this process, for all its channels."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import Backoff
from actionhero_channels.broadcasts import decode_published

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

    from actionhero_channels.broadcasts import Broadcasts
    from actionhero_channels.local_channel import LocalChannel
    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.channels")

#: The first and the longest delay before a reconnect to Redis.
FIRST_DELAY_SECONDS: Final = 0.05
MAX_DELAY_SECONDS: Final = 1.0
#: After this time without a message Redis is pinged, and has the same time to reply.
PING_SECONDS: Final = 10.0


class PubSubListener:
    """Receives published messages from Redis, and passes them to the local channels.

    Args:
        clients: The Redis clients.
        broadcasts: Provides the Redis channel of each channel.
    """

    def __init__(self, clients: RedisClients, broadcasts: Broadcasts) -> None:
        self._clients = clients
        self._broadcasts = broadcasts
        #: By the name of the Redis channel.
        self._channels: dict[str, LocalChannel] = {}
        self._pubsub: PubSub | None = None
        self._reading: asyncio.Task[None] | None = None
        self._has_channels = asyncio.Event()
        # A cancellation alone may be lost: `wait_for` of Python 3.11 sometimes drops it.
        self._closed = False

    @property
    def redis_channels(self) -> list[str]:
        """The Redis channels that this process subscribes to, sorted."""
        return sorted(self._channels)

    async def add(self, channel: LocalChannel) -> None:
        """Subscribe to the Redis channel of `channel`; messages arrive once it is `confirmed`."""
        redis_channel = self._broadcasts.redis_channel(channel.name)
        self._channels[redis_channel] = channel
        self._has_channels.set()
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
        elif self._pubsub is not None:
            with suppress(Exception):
                # On an error, reading fails too, and subscribes to all channels again.
                await self._pubsub.subscribe(redis_channel)

    async def remove(self, channel: LocalChannel) -> None:
        """Unsubscribe from the Redis channel of `channel`."""
        redis_channel = self._broadcasts.redis_channel(channel.name)
        if self._channels.get(redis_channel) is not channel:
            return
        del self._channels[redis_channel]
        if not self._channels:
            self._has_channels.clear()
        await channel.close()
        # Unless it was added again in the meantime.
        if self._pubsub is not None and redis_channel not in self._channels:
            with suppress(Exception):
                await self._pubsub.unsubscribe(redis_channel)

    async def close(self) -> None:
        """Close the connection."""
        self._closed = True
        task, self._reading = self._reading, None
        if task is not None:
            self._has_channels.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    # -- reading -------------------------------------------------------------------------------

    async def _read(self) -> None:
        backoff = Backoff(FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
        while not self._closed:
            await self._has_channels.wait()
            names = set(self._channels)
            if not names:
                continue
            pubsub = self._clients.pubsub()
            try:
                await pubsub.subscribe(*names)
                self._pubsub = pubsub
                if added := self._channels.keys() - names:
                    await pubsub.subscribe(*added)
                backoff.reset()
                while self._channels and not self._closed:
                    await self._handle(await self._next_message(pubsub))
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - any error of the driver leads to a retry
                logger.warning("channels: lost the connection to Redis: %s; reconnecting", error)
                await asyncio.sleep(backoff.next_seconds())
            finally:
                self._pubsub = None
                with suppress(Exception):
                    await pubsub.aclose()

    async def _next_message(self, pubsub: PubSub) -> Any:
        """Return the next message of Redis.

        Raises:
            ConnectionError: Redis does not reply to a ping.
        """
        if not self._clients.shared:
            return await pubsub.get_message(timeout=None)
        message = await pubsub.get_message(timeout=PING_SECONDS)
        if message is None:
            # A server that lost its power does not close the connection.
            await pubsub.ping()
            message = await pubsub.get_message(timeout=PING_SECONDS)
            if message is None:
                raise ConnectionError("no reply to a ping")
        return message

    async def _handle(self, message: Any) -> None:
        if message is None:
            return
        channel = self._channels.get(_text(message["channel"]))
        if channel is None:
            return
        if message["type"] == "subscribe":
            if channel.confirmed.is_set():
                # Confirmed again: the connection was lost in the meantime.
                channel.handle_reconnect()
            channel.confirmed.set()
        elif message["type"] == "message":
            try:
                published = decode_published(channel.name, message["data"])
            except ValueError:
                logger.warning("channel %r: ignored an undecodable message", channel.name)
                return
            await channel.receive(published)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
