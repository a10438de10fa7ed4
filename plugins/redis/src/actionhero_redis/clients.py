"""`RedisClients`: what authors and other plugins talk to Redis through."""

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
    """The clients of one event loop, each made when it is first wanted."""

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

    Each event loop has its own set, made when it is first wanted, with one pool for each kind of
    client. In a cluster they are clients of the cluster, with the commands that it has.

    ```python
    redis = call.get(RedisClients)
    await redis.client.incr(redis.key("visits", page))
    ```

    Args:
        store: Which Redis is used.
        settings: Pools, timeouts and retries.
        prefix: What every key begins with, colon and all.
        reachable: Whether what this process writes is seen by those who are to see it: false for
            memory, in another process than the one that serves.
        on_use: Called once, when redis-py is loaded.
    """

    def __init__(
        self,
        store: Store,
        settings: RedisSettings,
        prefix: str,
        *,
        reachable: bool = True,
        on_use: Callable[[], None] = lambda: None,
    ) -> None:
        #: Which Redis is used; its text tells it to people.
        self.store = store
        #: What every key begins with, colon and all.
        self.prefix = prefix
        self._settings = settings
        self._reachable = reachable
        self._on_use = on_use
        self._sets: WeakKeyDictionary[asyncio.AbstractEventLoop, _ClientSet] = WeakKeyDictionary()
        self._closed = False

    @property
    def shared(self) -> bool:
        """Whether other processes see what this one writes: not if there is only memory."""
        return self.store.shared

    @property
    def client(self) -> aio.Redis:
        """The client for nearly everything. Answers are text."""
        return self._set.client

    @property
    def blocking(self) -> aio.Redis:
        """A client that waits for an answer as long as it takes: `BLPOP`, `XREAD BLOCK`."""
        return self._set.blocking

    @property
    def bytes(self) -> aio.Redis:
        """A client whose answers are bytes, as they were written."""
        return self._set.bytes

    def pubsub(self, *, decode: bool = True, **options: Any) -> PubSub:
        """Return a new subscriber. It holds one connection until you `aclose` it.

        After a connection is lost it connects and subscribes again.

        Args:
            decode: Whether what it hears is text rather than bytes.
            options: Those of redis-py.
        """
        client = self._set.blocking if decode else self._set.blocking_bytes
        return client.pubsub(**options)

    def key(self, *parts: object) -> str:
        """Return the key that is named by `parts`, below the prefix of the application.

        Different parts make different keys, whatever is in them: `:` and `%` are written as `%3A`
        and `%25`.
        """
        return self.prefix + ":".join(map(_plain, parts))

    def require_shared(self, need: str) -> None:
        """Refuse what would be written where nobody looks.

        Args:
            need: What Redis is needed for, such as `"a broadcast"`.

        Raises:
            ServiceUnavailable: There is only memory, and this is not the process that serves. On
                the command line that is exit code 69.
        """
        if not self._reachable:
            raise ServiceUnavailable(
                f"Redis is needed for {need}, and there is only the memory of the process that "
                "serves; set REDIS_URL, or install redis-server or valkey-server"
            )

    def connect_sync(self, *, blocking: bool = False, decode: bool = True) -> redis.Redis:
        """Return a new client for code that has no event loop, such as a library's; close it.

        Args:
            blocking: Whether it waits for answers without a limit.
            decode: Whether answers are text rather than bytes.
        """
        self.require_shared("this")
        return self._connector.connect_sync(blocking=blocking, decode=decode)

    async def check(self) -> None:
        """Raise what the driver raises if Redis does not answer now."""
        if self._reachable:
            await self.client.ping()

    async def aclose(self) -> None:
        """Close the clients of the running event loop; another loop closes its own."""
        clients = self._sets.pop(asyncio.get_running_loop(), None)
        if clients is not None:
            await clients.aclose()

    async def stop(self) -> None:
        """Close the clients for good, and leave the private server if there is one."""
        self._closed = True
        await self.aclose()
        if self._private is not None:
            await asyncio.to_thread(self._private.stop)

    # -- made when it is first wanted ----------------------------------------------------------

    async def open(self) -> None:
        """Start the private server if it is what is used, and see that Redis answers."""
        if self._private is not None:
            # Here, so that it tells itself why it does not start.
            await asyncio.to_thread(self._private.start)
        await self.check()

    @property
    def _set(self) -> _ClientSet:
        loop = asyncio.get_running_loop()
        clients = self._sets.get(loop)
        if clients is None:
            self.require_shared("this")
            if self._closed:
                raise ServiceUnavailable("Redis is not used any more: we stop")
            clients = self._sets[loop] = _ClientSet(self._connector)
        return clients

    @cached_property
    def _connector(self) -> Connector:
        # A third of a second that a command line call without Redis need not spend.
        from actionhero_redis.connections import Connector

        self._on_use()
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
    app: Application, store: Store, on_use: Callable[[], None] = lambda: None
) -> RedisClients:
    """Return the clients of an application."""
    from actionhero.settings import AppSettings
    from actionhero_redis.settings import RedisSettings

    settings = app.get(RedisSettings)
    return RedisClients(
        store,
        settings,
        settings.prefix_for(app.get(AppSettings).name),
        # A test is all in one process, whatever it is for.
        reachable=store.shared or app.mode is RunMode.SERVER or app.environment == "test",
        on_use=on_use,
    )


def _plain(part: object) -> str:
    return str(part).replace("%", "%25").replace(":", "%3A")
