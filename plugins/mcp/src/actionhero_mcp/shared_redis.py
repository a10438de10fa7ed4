"""The Redis of an application, for what the server processes of agents share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_redis import RedisClients


def redis_of(app: Application) -> RedisClients | None:
    """Return the clients of Redis; `None` if the application has none."""
    try:
        from actionhero_redis import RedisClients  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return app.get(RedisClients) if app.has(RedisClients) else None
