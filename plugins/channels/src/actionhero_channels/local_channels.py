"""`LocalChannels`: the channels of this process that have subscribers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from actionhero_channels.local_channel import LocalChannel
from actionhero_channels.pubsub_listener import PubSubListener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero_channels.broadcasts import Broadcasts
    from actionhero_channels.channel import Channel
    from actionhero_redis import RedisClients


class LocalChannels:
    """The channels of this process, each of which exists as long as it has subscribers.

    Args:
        clients: Redis.
        broadcasts: Reads the history.
    """

    def __init__(self, clients: RedisClients, broadcasts: Broadcasts) -> None:
        self._clients = clients
        self._broadcasts = broadcasts
        self.listener = PubSubListener(clients, broadcasts)
        self.by_name: dict[str, LocalChannel] = {}

    @asynccontextmanager
    async def open(self, channel: Channel, name: str) -> AsyncIterator[LocalChannel]:
        """Yield the channel of a name, which exists for the block and for its subscribers."""
        local = self.by_name.get(name)
        is_new = local is None
        if local is None:
            local = self.by_name[name] = LocalChannel(channel, name, self._broadcasts)
        local.pending_subscribers += 1
        try:
            if is_new:
                self._clients.require_shared("a channel")
                await self.listener.add(local)
            yield local
        finally:
            await self.release(local)

    async def release(self, local: LocalChannel) -> None:
        """Count one pending subscriber less, and remove the channel if it was the last."""
        local.pending_subscribers -= 1
        if local.is_empty and self.by_name.get(local.name) is local:
            del self.by_name[local.name]
            await self.listener.remove(local)
