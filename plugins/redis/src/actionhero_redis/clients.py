"""`RedisClients`: the clients by which actions and other plugins use Redis."""

from __future__ import annotations

import asyncio
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from actionhero import RunMode, ServiceUnavailable
from actionhero.transport import check_disk_space
from actionhero_redis.client_set import ClientSet
from actionhero_redis.script import PreparedScript
from actionhero_redis.shareable import require_shareable
from actionhero_redis.store import StoreKind
from actionhero_redis.url import Topology

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import redis
    from redis import asyncio as aio
    from redis.asyncio.client import PubSub

    from actionhero import Application
    from actionhero_redis.connections import Connector
    from actionhero_redis.private_server import PrivateServer
    from actionhero_redis.script import Script
    from actionhero_redis.settings import RedisSettings
    from actionhero_redis.store import Store

    Value = str | bytes | int | float


class RedisClients:
    """Clients of the application's Redis: `call.get(RedisClients)`.

    `execute` and `run_script` send commands over one connection, without waiting for the replies
    of others: the fastest way. The clients of redis-py have convenient methods, transactions,
    blocking commands and subscriptions, and one pool of connections for each kind of client; in a
    cluster they are cluster clients, which have the commands that a cluster supports.

    Each event loop has its own set of both, created on first use.

    ```python
    redis = call.get(RedisClients)
    await redis.execute("INCR", redis.key("visits", page))
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
        self._sets: WeakKeyDictionary[asyncio.AbstractEventLoop, ClientSet] = WeakKeyDictionary()
        #: The last event loop and its set, which is found faster. One value, as there may be event
        #: loops in other threads.
        self._last: tuple[ref[asyncio.AbstractEventLoop], ClientSet] | None = None
        self._closed = False

    @property
    def shared(self) -> bool:
        """Whether other processes see the data that this process writes; false for memory."""
        return self.store.shared

    def execute(self, command: str, *arguments: Value, idempotent: bool = False) -> Awaitable[Any]:
        """Send a command over the connection that all callers of this event loop share.

        If Redis has been sent the command, and the connection is lost before the reply, the result
        is unknown: the command is sent again only if it is idempotent, and once. Cancelling the
        caller does not cancel the command.

        Args:
            command: The first word of the command, such as `"GET"`. Commands that block or change
                the state of the connection, such as `BLPOP`, `SUBSCRIBE`, `MULTI` and `SELECT`,
                are not supported: use the clients of redis-py.
            arguments: The other words.
            idempotent: Whether sending the command twice has the same effect and reply as sending
                it once.

        Returns:
            The reply as Redis sends it in RESP2: bytes, an integer, a list of replies, or `None`.

        Raises:
            redis.exceptions.RedisError: Redis rejected the command, is unreachable, or did not
                reply within `redis.timeout`.
            ValueError: The command is not supported.
            TypeError: An argument has another type.
            ServiceUnavailable: The data is in the memory of another process, or the application
                is shutting down.
        """
        require_shareable(command, arguments)
        return self._set.commands.execute((command, *arguments), idempotent=idempotent)

    async def run_script(
        self, script: Script, keys: Sequence[str | bytes] = (), arguments: Sequence[Value] = ()
    ) -> Any:
        """Run a Lua script; only its digest is sent, unless Redis does not know it.

        Args:
            script: The script; create it once, for example as a constant of the module.
            keys: Its `KEYS`, which must be in one slot of a cluster.
            arguments: Its `ARGV`.

        Returns:
            Its result, as `execute` returns a reply.

        Raises:
            redis.exceptions.RedisError: As for `execute`.
            ServiceUnavailable: As for `execute`.
        """
        return await self.run_prepared(PreparedScript(script, keys, arguments))

    async def run_prepared(self, prepared: PreparedScript) -> Any:
        """Run a Lua script with keys and arguments that other runs have, too; see `run_script`."""
        commands, idempotent = self._set.commands, prepared.script.idempotent
        try:
            return await commands.execute_prepared(prepared)
        except Exception as error:
            from redis.exceptions import NoScriptError

            if not isinstance(error, NoScriptError):
                raise
        # Redis was restarted, or failed over. This stores the script too.
        return await commands.execute(prepared.full_command, idempotent=idempotent)

    @property
    def is_cluster(self) -> bool:
        """Whether the keys of one command or script must be in one slot of a cluster."""
        url = self.store.url
        return url is not None and url.topology is Topology.CLUSTER

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
            await self.execute("PING", idempotent=True)
        if self._private is not None and self._private.joined:
            check_disk_space(self._private.folder)

    def connection_counts(self) -> tuple[int, int]:
        """Return how many connections of this process are used, and how many are idle."""
        counts = [clients.connection_counts() for clients in tuple(self._sets.values())]
        return sum(used for used, _ in counts), sum(idle for _, idle in counts)

    async def aclose(self) -> None:
        """Close the clients of the running event loop; another loop closes its own."""
        self._last = None
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
    def _set(self) -> ClientSet:
        loop = asyncio.get_running_loop()
        last = self._last
        if last is not None and last[0]() is loop:
            return last[1]
        clients = self._sets.get(loop)
        if clients is None:
            self.require_shared("this operation")
            if self._closed:
                raise ServiceUnavailable("Redis is not available during shutdown")
            clients = self._sets[loop] = ClientSet(self._connector)
        self._last = (ref(loop), clients)
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
