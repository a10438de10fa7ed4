"""`RedisClients`: the clients by which actions and other plugins use Redis."""

from __future__ import annotations

import asyncio
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from actionhero import RunMode, ServiceUnavailable
from actionhero_redis.store import StoreKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis
    from redis import asyncio as aio
    from redis.asyncio.client import PubSub

    from actionhero import Application
    from actionhero_redis.connections import Connector
    from actionhero_redis.private_server import PrivateServer
    from actionhero_redis.settings import RedisSettings
    from actionhero_redis.store import Store


class _ClientSet:
    """The clients of one event loop, each created on first use."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    @cached_property
    def client(self) -> aio.Redis:
        return self._connector.connect()

    @cached_property
    def blocking(self) -> aio.Redis:
        return self._connector.connect(blocking=True)

    @cached_property
    def bytes(self) -> aio.Redis:
        return self._connector.connect(decode=False)

    @cached_property
    def blocking_bytes(self) -> aio.Redis:
        return self._connector.connect(blocking=True, decode=False)

    async def aclose(self) -> None:
        for client in vars(self).copy().values():
            if client is not self._connector:
                await client.aclose()


class RedisClients:
    """Clients of the application's Redis: `call.get(RedisClients)`.

    Each event loop has its own set, created on first use, with one pool for each kind of client.
    In a cluster these are cluster clients, which have the commands that a cluster supports.

    ```python
    redis = call.get(RedisClients)
    await redis.client.incr(redis.key("visits", page))
    ```

    Args:
        store: The Redis to use.
        settings: Pools, timeouts and retries.
        prefix: The prefix of every key, including the colon.
        reachable: Whether this process can reach the data of the application. It cannot if the
            data is in the memory of another process.
        on_load: Called once, when redis-py is loaded.
    """

    def __init__(
        self,
        store: Store,
        settings: RedisSettings,
        prefix: str,
        *,
        reachable: bool = True,
        on_load: Callable[[], None] = lambda: None,
    ) -> None:
        #: The Redis in use; its text is for logs and errors.
        self.store = store
        #: The prefix of every key, including the colon.
        self.prefix = prefix
        self._settings = settings
        self._reachable = reachable
        self._on_load = on_load
        self._sets: WeakKeyDictionary[asyncio.AbstractEventLoop, _ClientSet] = WeakKeyDictionary()
        self._closed = False

    @property
    def shared(self) -> bool:
        """Whether other processes see the data that this process writes; false for memory."""
        return self.store.shared

    @property
    def client(self) -> aio.Redis:
        """The client for most commands; responses are decoded to text."""
        return self._set.client

    @property
    def blocking(self) -> aio.Redis:
        """A client without a response timeout, for `BLPOP` or `XREAD BLOCK`."""
        return self._set.blocking

    @property
    def bytes(self) -> aio.Redis:
        """A client whose responses are bytes."""
        return self._set.bytes

    def pubsub(self, *, decode: bool = True, **options: Any) -> PubSub:
        """Return a new subscriber. It holds one connection until you `aclose` it.

        After a lost connection it reconnects and subscribes again.

        Args:
            decode: Whether messages are text rather than bytes.
            options: Options of `redis.asyncio.Redis.pubsub`.
        """
        client = self._set.blocking if decode else self._set.blocking_bytes
        return client.pubsub(**options)

    def key(self, *parts: object) -> str:
        """Return the key of `parts`, below the prefix of the application.

        Different parts make different keys: `:` and `%` in a part are escaped as `%3A` and `%25`.
        """
        return self.prefix + ":".join(map(_escape, parts))

    def require_shared(self, purpose: str) -> None:
        """Raise if the data is in the memory of another process, the server.

        Args:
            purpose: The purpose of the data, for the message, such as `"a broadcast"`.

        Raises:
            ServiceUnavailable: The data is in the memory of the server, and this is another
                process. On the command line the exit code is 69.
        """
        if not self._reachable:
            raise ServiceUnavailable(
                f"Redis is needed for {purpose}, and the only store is the memory of the server "
                "process; set REDIS_URL, or install redis-server or valkey-server"
            )

    def connect_sync(self, *, blocking: bool = False, decode: bool = True) -> redis.Redis:
        """Return a new client for code without an event loop, such as a library; close it.

        Args:
            blocking: Whether it has no response timeout.
            decode: Whether responses are text rather than bytes.
        """
        self.require_shared("this operation")
        return self._connector.connect_sync(blocking=blocking, decode=decode)

    async def check(self) -> None:
        """Raise the error of the driver if Redis does not respond."""
        if self._reachable:
            await self.client.ping()

    async def aclose(self) -> None:
        """Close the clients of the running event loop; another loop closes its own."""
        clients = self._sets.pop(asyncio.get_running_loop(), None)
        if clients is not None:
            await clients.aclose()

    async def stop(self) -> None:
        """Close the clients permanently, and leave the private server if there is one."""
        self._closed = True
        await self.aclose()
        if self._private is not None:
            await asyncio.to_thread(self._private.stop)

    async def open(self) -> None:
        """Start the private server if it is used, and check that Redis responds."""
        if self._private is not None:
            # Started here, so that its error is raised unchanged.
            await asyncio.to_thread(self._private.start)
        await self.check()

    # -- created on first use ------------------------------------------------------------------

    @property
    def _set(self) -> _ClientSet:
        loop = asyncio.get_running_loop()
        clients = self._sets.get(loop)
        if clients is None:
            self.require_shared("this operation")
            if self._closed:
                raise ServiceUnavailable("Redis is not available during shutdown")
            clients = self._sets[loop] = _ClientSet(self._connector)
        return clients

    @cached_property
    def _connector(self) -> Connector:
        # Importing redis-py takes a third of a second, and many commands do not use Redis.
        from actionhero_redis.connections import Connector

        self._on_load()
        fake = None
        if self.store.kind is StoreKind.MEMORY:
            from fakeredis import FakeServer

            fake = FakeServer(version=(7,))
        return Connector(self.store, self._settings, self._private, fake)

    @cached_property
    def _private(self) -> PrivateServer | None:
        if self.store.kind is not StoreKind.EMBEDDED:
            return None
        from actionhero_redis.private_server import PrivateServer

        return PrivateServer(self.store.program or "", self.store.folder or Path())


def clients_for(
    app: Application, store: Store, on_load: Callable[[], None] = lambda: None
) -> RedisClients:
    """Return the clients of an application.

    Args:
        app: The application.
        store: The Redis to use.
        on_load: Called once, when redis-py is loaded.
    """
    from actionhero.settings import AppSettings
    from actionhero_redis.settings import RedisSettings

    settings = app.get(RedisSettings)
    return RedisClients(
        store,
        settings,
        settings.prefix_for(app.get(AppSettings).name),
        # In a test, every run mode is in the same process.
        reachable=store.shared or app.mode is RunMode.SERVER or app.environment == "test",
        on_load=on_load,
    )


def _escape(part: object) -> str:
    return str(part).replace("%", "%25").replace(":", "%3A")
