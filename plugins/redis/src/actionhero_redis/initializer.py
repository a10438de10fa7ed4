"""`RedisInitializer`: provides `RedisClients`, and checks Redis before the servers start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actionhero import BootError, Initializer, RunMode, UnavailableError
from actionhero.settings import AppSettings
from actionhero_redis.clients import RedisClients, clients_for
from actionhero_redis.settings import RedisSettings
from actionhero_redis.store import StoreKind, select_store

if TYPE_CHECKING:
    from actionhero import Application

logger = logging.getLogger("actionhero.redis")


class RedisInitializer(Initializer):
    """Opens and closes the connection pools, and the private server if no URL is set."""

    name = "redis"

    def __init__(self) -> None:
        self._clients: RedisClients | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `RedisClients`."""

        def on_load() -> None:
            from actionhero_redis.errors import translate_errors

            translate_errors(app)

        store = select_store(app)
        if store.kind is StoreKind.EMBEDDED:
            app.get(AppSettings).make_data_dir()
        self._clients = clients_for(app, store, on_load)
        app.provide(RedisClients, self._clients)

    async def start(self, app: Application) -> None:
        """Check that Redis responds; a command line call connects when it first uses a client.

        Raises:
            UnavailableError: Redis does not respond, and is required.
        """
        clients = app.get(RedisClients)
        if app.mode is RunMode.CLI:
            return
        if not clients.shared:
            logger.warning(
                "redis: no server, data is in the memory of this process: it is lost when the "
                "process ends, and other processes cannot see it; install redis-server or "
                "valkey-server, or set REDIS_URL"
            )
        try:
            await clients.open()
        except Exception as error:
            unavailable = _unavailable(clients, error)
            if app.get(RedisSettings).required:
                raise unavailable from error
            logger.warning("%s; calls that use it fail with 503 until it is available", unavailable)
        else:
            logger.info("redis: %s", clients.store)

    async def stop(self, app: Application) -> None:
        """Close the clients, and leave the private server if there is one."""
        if self._clients is not None:
            await self._clients.stop()

    async def check(self) -> None:
        """Raise the error of the driver if Redis does not respond."""
        if self._clients is not None:
            await self._clients.check()


def _unavailable(clients: RedisClients, error: Exception) -> BootError:
    if isinstance(error, BootError):
        return error
    return UnavailableError(
        f"redis at {clients.store} cannot be used: {error}; start it, set REDIS_URL to another "
        "server, or set ACTIONHERO_REDIS__REQUIRED=false to start without it"
    )
