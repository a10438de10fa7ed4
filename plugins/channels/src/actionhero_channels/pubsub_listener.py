"""`PubSubListener`: the one subscription of this process to Redis, for the channels that are joined here."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from actionhero_channels.broadcasts import published

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

    from actionhero_channels.broadcasts import Broadcasts
    from actionhero_channels.local_channel import Room
    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.channels")

#: How long to wait before the next try to reach Redis, doubled each time up to the longest.
FIRST_WAIT_SECONDS: Final = 0.05
LONGEST_WAIT_SECONDS: Final = 1.0
#: After how long without a word Redis is asked whether it is there, and has to answer.
QUIET_SECONDS: Final = 10.0


class PubSubListener:
    """Hands what is published to rooms, for as long as they are open here.

    Args:
        clients: Redis.
        broadcasts: Knows the addresses of channels.
    """

    def __init__(self, clients: RedisClients, broadcasts: Broadcasts) -> None:
        self._clients = clients
        self._broadcasts = broadcasts
        self._rooms: dict[str, Room] = {}
        self._pubsub: PubSub | None = None
        self._reading: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        # A cancellation alone may be lost: `wait_for` of Python 3.11 drops one now and then.
        self._closed = False

    @property
    def addresses(self) -> list[str]:
        """What is subscribed to now, by the names that Redis knows."""
        return sorted(self._rooms)

    async def open(self, room: Room) -> None:
        """Begin to hand over what is published in a room's channel.

        From when the room is `listening`, what is published arrives.
        """
        address = self._broadcasts.address(room.channel)
        self._rooms[address] = room
        self._wanted.set()
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
        elif self._pubsub is not None:
            with suppress(Exception):
                # If it fails, so does reading, and then everything is subscribed to anew.
                await self._pubsub.subscribe(address)

    async def close_room(self, room: Room) -> None:
        """End what `open` began."""
        address = self._broadcasts.address(room.channel)
        if self._rooms.get(address) is not room:
            return
        del self._rooms[address]
        if not self._rooms:
            self._wanted.clear()
        await room.close()
        # Unless it was opened again meanwhile.
        if self._pubsub is not None and address not in self._rooms:
            with suppress(Exception):
                await self._pubsub.unsubscribe(address)

    async def close(self) -> None:
        """End the subscription."""
        self._closed = True
        task, self._reading = self._reading, None
        if task is not None:
            self._wanted.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for room in self._rooms.values():
            await room.close()
        self._rooms.clear()

    # -- reading -------------------------------------------------------------------------------

    async def _read(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._closed:
            await self._wanted.wait()
            asked = set(self._rooms)
            if not asked:
                continue
            pubsub = self._clients.pubsub()
            try:
                await pubsub.subscribe(*asked)
                self._pubsub = pubsub
                if later := self._rooms.keys() - asked:
                    await pubsub.subscribe(*later)
                wait = FIRST_WAIT_SECONDS
                while self._rooms and not self._closed:
                    await self._take(await self._heard(pubsub))
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a driver raises: try again
                logger.warning("channels: no word from Redis: %s; trying again", error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            finally:
                self._pubsub = None
                with suppress(Exception):
                    await pubsub.aclose()

    async def _heard(self, pubsub: PubSub) -> Any:
        """Return what Redis says next.

        Raises:
            ConnectionError: It says nothing, not even when it is asked.
        """
        if not self._clients.shared:
            return await pubsub.get_message(timeout=None)
        message = await pubsub.get_message(timeout=QUIET_SECONDS)
        if message is None:
            # A server that lost its power does not close the connection.
            await pubsub.ping()
            message = await pubsub.get_message(timeout=QUIET_SECONDS)
            if message is None:
                raise ConnectionError("no answer")
        return message

    async def _take(self, message: Any) -> None:
        if message is None:
            return
        address = _text(message["channel"])
        room = self._rooms.get(address)
        if room is None:
            return
        if message["type"] == "subscribe":
            if room.listening.is_set():
                # Once more: the connection was lost meanwhile.
                room.resume()
            room.listening.set()
        elif message["type"] == "message":
            try:
                told = published(room.channel, message["data"])
            except ValueError:
                logger.warning("channel %r: something unreadable was published", room.channel)
                return
            await room.take(told)


def _text(address: bytes | str) -> str:
    return address.decode() if isinstance(address, bytes) else address
