"""`Connector`: creates every client of redis-py, for each kind of store."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

import redis
from redis import asyncio as aio
from redis.asyncio.cluster import ClusterPubSub
from redis.asyncio.connection import UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException
from redis.retry import Retry as BlockingRetry

from actionhero import BootError
from actionhero_redis.command_client import CommandClient
from actionhero_redis.pipelined_connection import PipelinedConnection
from actionhero_redis.store import Store, StoreKind
from actionhero_redis.url import RedisUrl, Topology

if TYPE_CHECKING:
    from pathlib import Path

    from fakeredis import FakeServer

    from actionhero_redis.private_server import PrivateServer
    from actionhero_redis.settings import RedisSettings

#: Lost connections are retried; response timeouts are reported at once.
RETRIED_ERRORS = (RedisConnectionError,)


class Connector:
    """Creates the clients of one store.

    Args:
        store: The Redis to connect to.
        settings: Pools, timeouts and retries.
        private: The server of an embedded store.
        fake: The server of fakeredis of a memory store.
    """

    def __init__(
        self,
        store: Store,
        settings: RedisSettings,
        private: PrivateServer | None = None,
        fake: FakeServer | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._private = private
        self._fake = fake

    def connect(self, *, blocking: bool = False, decode: bool = True) -> aio.Redis:
        """Return a client with its own pool, which opens connections on demand.

        Args:
            blocking: Whether it has no response timeout, as `BLPOP` requires.
            decode: Whether responses are text rather than bytes.
        """
        options = self._options(blocking=blocking, decode=decode)
        options["retry"] = aio.retry.Retry(self._backoff(), self._settings.retries, RETRIED_ERRORS)
        return self._client(options)

    def connect_pipelined(self) -> PipelinedConnection | CommandClient:
        """Return the connection for `RedisClients.execute`, which connects on demand."""
        options = self._options(blocking=False, decode=False)
        # One shape of replies for all of them, and no command is sent twice by redis-py.
        options |= {"protocol": 2, "retry": aio.retry.Retry(NoBackoff(), 0)}
        options["health_check_interval"] = 0
        client = self._client(options)
        url = self._store.url
        is_cluster = url is not None and url.topology is Topology.CLUSTER
        if is_cluster or self._store.kind is StoreKind.MEMORY:
            return CommandClient(client, can_resend=self._settings.retries > 0)
        return PipelinedConnection(client.connection_pool, self._settings)

    def connect_sync(self, *, blocking: bool = False, decode: bool = True) -> redis.Redis:
        """Return a client for code without an event loop; the caller closes it."""
        options = self._options(blocking=blocking, decode=decode)
        options["retry"] = BlockingRetry(self._backoff(), self._settings.retries, RETRIED_ERRORS)
        url = self._store.url
        if url is not None and url.topology is Topology.CLUSTER:
            nodes = [redis.cluster.ClusterNode(*address) for address in url.addresses]
            options.pop("db", None)
            cluster = redis.RedisCluster(startup_nodes=nodes, ssl=url.tls, **options)
            return cast("redis.Redis", cluster)
        if url is not None and url.topology is Topology.SENTINEL:
            sentinel = redis.Sentinel(
                url.addresses, sentinel_kwargs=_sentinel_options(url, options)
            )
            master: redis.Redis = sentinel.master_for(url.service, ssl=url.tls, **options)
            return master
        if self._store.kind is StoreKind.MEMORY:
            from fakeredis import FakeStrictRedis

            options.pop("retry")
            return FakeStrictRedis(server=self._fake, **options)
        if url is None:
            if self._private is not None:
                self._private.start()
                options["path"] = str(self._private.socket)
            options["connection_class"] = redis.UnixDomainSocketConnection
        elif url.socket is not None:
            options |= {"connection_class": redis.UnixDomainSocketConnection, "path": url.socket}
        else:
            options |= url.addresses[0]._asdict()
            if url.tls:
                options["connection_class"] = redis.SSLConnection
        return redis.Redis.from_pool(
            redis.BlockingConnectionPool(**options, **self._pool_options())
        )

    def _client(self, options: dict[str, Any]) -> aio.Redis:
        url = self._store.url
        if url is not None and url.topology is Topology.CLUSTER:
            return _cluster_client(url, options, self._settings.pool_size)
        if url is not None and url.topology is Topology.SENTINEL:
            return _sentinel_client(url, options, self._pool_options())
        options |= self._pool_options()
        if self._store.kind is StoreKind.MEMORY:
            from fakeredis import FakeAsyncRedis

            options.pop("retry")
            options.pop("timeout")
            return FakeAsyncRedis(
                server=self._fake, connection_pool_class=aio.BlockingConnectionPool, **options
            )
        if url is None:
            options |= {"connection_class": PrivateConnection, "server": self._private}
        elif url.socket is not None:
            options |= {"connection_class": UnixDomainSocketConnection, "path": url.socket}
        else:
            options |= url.addresses[0]._asdict()
            if url.tls:
                options["connection_class"] = aio.SSLConnection
        return aio.Redis.from_pool(aio.BlockingConnectionPool(**options))

    def _options(self, *, blocking: bool, decode: bool) -> dict[str, Any]:
        """Return the options of every connection; those in the URL take precedence."""
        settings = self._settings
        options: dict[str, Any] = {
            "decode_responses": decode,
            "socket_timeout": None if blocking else settings.timeout.total_seconds(),
            "socket_connect_timeout": settings.connect_timeout.total_seconds(),
            "health_check_interval": settings.health_check_interval.total_seconds(),
        }
        if self._store.kind is StoreKind.MEMORY:
            # Memory needs no check, and fakeredis does not implement it as redis-py expects.
            options["health_check_interval"] = 0
        else:
            # Otherwise each connection reads the version from a file, which fails with an `OSError`
            # when there are no file descriptors left.
            options["driver_info"] = DriverInfo(lib_version=redis.__version__)
        url = self._store.url
        if url is not None:
            options |= {"username": url.username, "password": url.password, **url.options}
        return options

    def _pool_options(self) -> dict[str, Any]:
        return {
            "max_connections": self._settings.pool_size,
            "timeout": self._settings.pool_timeout.total_seconds(),
        }

    def _backoff(self) -> ExponentialWithJitterBackoff:
        return ExponentialWithJitterBackoff(
            base=self._settings.retry_backoff.total_seconds(),
            cap=self._settings.max_retry_backoff.total_seconds(),
        )


class PrivateConnection(UnixDomainSocketConnection):
    """A connection to a private server; it starts the server if it is not running."""

    def __init__(self, *, server: PrivateServer, **options: Any) -> None:
        super().__init__(**options)
        self._server = server

    async def _connect(self) -> None:
        # Not cached: after a restart the socket may have another path.
        socket = self._server.socket
        # Without joining, this process is not a user, and the server could stop in the meantime.
        if socket is not None and self._server.joined:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                await self._connect_to(socket)
                return
        try:
            await asyncio.to_thread(self._server.start)
        except BootError as error:
            raise RedisConnectionError(str(error)) from error
        await self._connect_to(self._server.socket)

    async def _connect_to(self, socket: Path | None) -> None:
        self.path = str(socket)
        await super()._connect()  # type: ignore[no-untyped-call] # redis-py's own step


class _SentinelPool(SentinelConnectionPool, aio.BlockingConnectionPool):
    """A pool that gets the address from sentinels, and waits if all connections are in use."""

    async def aclose(self) -> None:
        await super().aclose()
        # The pool is the only owner of its connections to the sentinels.
        await self.sentinel_manager.aclose()


def _sentinel_client(url: RedisUrl, options: dict[str, Any], pool: dict[str, Any]) -> aio.Redis:
    sentinel = aio.Sentinel(url.addresses, sentinel_kwargs=_sentinel_options(url, options))
    master: aio.Redis = sentinel.master_for(
        url.service or "", connection_pool_class=_SentinelPool, ssl=url.tls, **options, **pool
    )
    return master


def _sentinel_options(url: RedisUrl, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of connections to the sentinels, which have their own credentials."""
    shared = {
        name: value
        for name, value in options.items()
        if name.startswith(("socket_connect", "ssl_")) or name == "protocol"
    }
    # Sentinels respond immediately, even to clients of blocking commands.
    shared["socket_timeout"] = options["socket_connect_timeout"]
    return {**shared, "ssl": url.tls, **url.sentinel_credentials}


class _Cluster(aio.RedisCluster):
    """A cluster client whose connection errors are those of a single server."""

    async def initialize(self, *args: Any, **kwargs: Any) -> aio.RedisCluster:
        """Discover the servers.

        Raises:
            redis.exceptions.ConnectionError: None of them can be reached.
        """
        try:
            cluster: aio.RedisCluster = await super().initialize(*args, **kwargs)
        except RedisClusterException as error:
            raise RedisConnectionError(str(error)) from error
        return cluster

    def pubsub(self, *args: Any, **options: Any) -> ClusterPubSub:
        """Return a subscriber, which discovers the servers first."""
        return _ClusterPubSub(self, *args, **options)


class _ClusterPubSub(ClusterPubSub):
    """A subscriber that can be the first user of its client."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        # redis-py looks up the server of the channel in a table that is still empty.
        await self.cluster.initialize()
        return await super().execute_command(*args, **options)


def _cluster_client(url: RedisUrl, options: dict[str, Any], size: int) -> aio.Redis:
    nodes = [aio.cluster.ClusterNode(*address) for address in url.addresses]
    options.pop("db", None)
    cluster = _Cluster(startup_nodes=nodes, ssl=url.tls, max_connections=size, **options)
    # It has the commands of a plain client, as far as a cluster supports them.
    return cast("aio.Redis", cluster)
