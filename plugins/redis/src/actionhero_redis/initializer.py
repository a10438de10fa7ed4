"""`RedisInitializer`: provides `RedisClients`, and sees that Redis is there before doors open."""

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
    """The shared pools of connections, and the private server where none is set."""

    name = "redis"

    def __init__(self) -> None:
        self._clients: RedisClients | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `RedisClients`."""

        def on_use() -> None:
            from actionhero_redis.errors import translate_failures

            translate_failures(app)

        store = select_store(app)
        if store.kind is StoreKind.EMBEDDED:
            app.get(AppSettings).make_data_dir()
        self._clients = clients_for(app, store, on_use)
        app.provide(RedisClients, self._clients)

    async def start(self, app: Application) -> None:
        """See that Redis answers; for a command line call, the first use of it does.

        Raises:
            UnavailableError: It does not, and is required.
        """
        clients = app.get(RedisClients)
        if app.mode is RunMode.CLI:
            return
        if not clients.shared:
            logger.warning(
                "redis: there is no server, only the memory of this process: nothing is kept when "
                "it ends, and no other process sees it; install redis-server or valkey-server, "
                "or set REDIS_URL"
            )
        try:
            await clients.open()
        except Exception as error:
            told = _away(clients, error)
            if app.get(RedisSettings).required:
                raise told from error
            logger.warning("%s; calls that need it are answered 503 until it is there", told)
        else:
            logger.info("redis: %s", clients.store)

    async def stop(self, app: Application) -> None:
        """Close the clients, and leave the private server."""
        if self._clients is not None:
            await self._clients.stop()

    async def check(self) -> None:
        """Raise if Redis does not answer."""
        if self._clients is not None:
            await self._clients.check()


def _away(clients: RedisClients, error: Exception) -> BootError:
    if isinstance(error, BootError):
        return error
    return UnavailableError(
        f"redis at {clients.store} cannot be used: {error}; start it, set REDIS_URL to one that "
        "runs, or start without it: ACTIONHERO_REDIS__REQUIRED=false"
    )
