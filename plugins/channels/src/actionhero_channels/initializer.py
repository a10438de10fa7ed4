"""`ChannelsInitializer`: provides `Channels`, and closes them on shutdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Initializer
from actionhero_channels.channels import Channels
from actionhero_channels.registry import load_registry
from actionhero_channels.settings import ChannelsSettings
from actionhero_redis import RedisClients

if TYPE_CHECKING:
    from actionhero import Application


class ChannelsInitializer(Initializer):
    """Provides `Channels`. Redis is not used before the first subscription or broadcast."""

    name = "channels"
    requires = ("redis",)

    def __init__(self) -> None:
        self._channels: Channels | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `Channels`."""
        registry, _ = load_registry(app)
        clients = app.get(RedisClients)
        self._channels = Channels(app, registry, clients, app.get(ChannelsSettings))
        app.provide(Channels, self._channels)

    async def stop(self, app: Application) -> None:
        """End all subscriptions, and the connection to Redis."""
        if self._channels is not None:
            await self._channels.close()
