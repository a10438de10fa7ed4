"""`RedisBackend`: the store in Redis. Importing it does not import redis-py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.stores.backend import StoreBackend

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.stores.store import JobStore


class RedisBackend(StoreBackend):
    """Stores jobs in the Redis of the application."""

    name: ClassVar[str] = "redis"
    url_variable: ClassVar[str] = "REDIS_URL"
    place: ClassVar[str] = "Redis"
    requirement: ClassVar[str] = "actionhero-tasks[redis]"

    def unavailable_reason(self, app: Application) -> str | None:
        if _redis_settings(app) is None:
            return "actionhero-redis is not installed, or in plugins.disabled"
        return None

    def is_configured(self, app: Application) -> bool:
        return getattr(_redis_settings(app), "url", None) is not None

    def open(self, app: Application) -> JobStore:
        from actionhero_redis import RedisClients, clients_for, select_store
        from actionhero_tasks.stores.redis.store import RedisStore

        is_provided = app.has(RedisClients)
        clients = app.get(RedisClients) if is_provided else clients_for(app, select_store(app))
        return RedisStore(
            lambda: clients.connect_sync(decode=False),
            # With one hash tag, because the keys of a script must be on one node of a cluster.
            f"{clients.prefix}{{tasks}}:",
            result_ttl_ms=app.get(TasksSettings).result_ttl_ms,
            clients=clients if is_provided else None,
        )


def _redis_settings(app: Application) -> Any:
    """Return the settings of actionhero-redis, or `None` if it is not active."""
    # By name, because this package does not depend on actionhero-redis.
    return app.settings.find("redis")
