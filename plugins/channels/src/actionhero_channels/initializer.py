"""`ChannelsInitializer`: provides `Channels`, and ends what it has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Initializer
from actionhero_channels.channels import Channels
from actionhero_channels.names import names_of
from actionhero_channels.settings import ChannelsSettings
from actionhero_redis import RedisClients

if TYPE_CHECKING:
    from actionhero import Application


class ChannelsInitializer(Initializer):
    """The channels of the application. Nothing is asked of Redis before somebody joins one."""

    name = "channels"
    requires = ("redis",)

    def __init__(self) -> None:
        self._channels: Channels | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `Channels`."""
        names, _ = names_of(app)
        clients = app.get(RedisClients)
        self._channels = Channels(app, names, clients, app.get(ChannelsSettings))
        app.provide(Channels, self._channels)

    async def stop(self, app: Application) -> None:
        """Leave every channel, and end the subscription to Redis."""
        if self._channels is not None:
            await self._channels.close()
