"""`ConnectionsInitializer`: provides `Connections`, and removes those of a process that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Initializer
from actionhero_websocket.connections.connections import connections_for

if TYPE_CHECKING:
    from actionhero import Application


class ConnectionsInitializer(Initializer):
    """Provides `Connections`. Redis is not used before the first connection."""

    name = "connections"
    after = ("redis",)

    async def initialize(self, app: Application) -> None:
        """Provide `Connections`."""
        connections_for(app)

    async def stop(self, app: Application) -> None:
        """Remove the connections of this process."""
        live = connections_for(app).live
        if live is not None:
            await live.registration.close()
