"""The figures of the connections to Redis, for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Instrument
from actionhero_redis.clients import RedisClients

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application


def instruments(app: Application) -> list[Instrument]:
    """Return the instruments of the connections."""
    if not app.has(RedisClients):
        return []
    clients = app.get(RedisClients)

    def connections() -> list[tuple[Mapping[str, str], float]]:
        used, idle = clients.connection_counts()
        return [({"state": "used"}, used), ({"state": "idle"}, idle)]

    return [
        Instrument(
            "actionhero.redis.connections",
            description="Connections to Redis.",
            read=connections,
        )
    ]
