"""`Connections`: lists the live connections of all processes, sends to them, and closes them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from actionhero import ServiceUnavailable
from actionhero_websocket import messages
from actionhero_websocket.connections.connection_info import ConnectionInfo, encode_user
from actionhero_websocket.connections.operation import Operation
from actionhero_websocket.protocol import frames
from actionhero_websocket.settings import WebSocketSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from actionhero import Application
    from actionhero_redis import RedisClients
    from actionhero_websocket.connections.directory import ConnectionDirectory
    from actionhero_websocket.connections.live_connection import LiveConnection
    from actionhero_websocket.connections.local_connections import LocalConnections
    from actionhero_websocket.connections.process_connections import ProcessConnections


class Connections:
    """The live connections of all processes: `call.get(Connections)`.

    ```python
    await call.get(Connections).send_to_user(7, {"text": "Your order has shipped"})
    ```

    A user is the JSON value of the session key `sessions.user_key`. Other processes see a change
    after about a tenth of a second.

    Args:
        clients: Returns the clients of Redis; `None` if there is no Redis.
        ttl: How long the connections of a process remain without a heartbeat.
    """

    def __init__(self, clients: Callable[[], RedisClients | None], ttl: timedelta) -> None:
        self._clients = clients
        self._ttl = ttl
        #: The connections of this process; `None` if it does not serve sockets.
        self.live: ProcessConnections | None = None
        #: Called with the target and the message of each `send`: for tests.
        self.observers: list[Callable[[Operation, Any], None]] = []

    # -- reading -------------------------------------------------------------------------------

    async def list(
        self, user: Any = None, *, limit: int = 100, after: str | None = None
    ) -> Sequence[ConnectionInfo]:
        """Return live connections, the oldest first.

        Args:
            user: Only those of this user; `None`: all.
            limit: The maximum number.
            after: The `id` of the last connection of the previous page.

        Raises:
            redis.exceptions.RedisError: Redis is unreachable.
            ServiceUnavailable: The connections are in the memory of another process.
        """
        key = None if user is None else encode_user(user)
        directory = await self._flushed_directory()
        if directory is not None:
            return await directory.page(key, limit, after or "")
        return [self._info(each) for each in self._local.page(key, limit, after or "")]

    async def count(self, user: Any = None) -> int:
        """Return the number of live connections, of a user or of all; see `list`."""
        key = None if user is None else encode_user(user)
        directory = await self._flushed_directory()
        if directory is not None:
            return sum((await directory.count(key)).values())
        return self._local.count(key)

    async def get(self, id: str) -> ConnectionInfo | None:
        """Return a live connection; `None` if the client is disconnected; see `list`."""
        directory = await self._flushed_directory()
        if directory is not None:
            return await directory.find(id)
        connection = self._local.get(id)
        return None if connection is None else self._info(connection)

    # -- sending and closing -------------------------------------------------------------------

    async def send(self, id: str, message: Any) -> bool:
        """Send a message to a connection, at most once.

        The client receives `{"direct": {"message": …}}`.

        Args:
            id: The identifier of the connection.
            message: Any JSON serializable value.

        Returns:
            Whether the connection exists. The client may be disconnected before it receives it.

        Raises:
            TypeError: The message is not JSON serializable.
            redis.exceptions.RedisError: Redis is unreachable.
            ServiceUnavailable: The connections are in the memory of another process.
        """
        return await self._send(Operation(id, body=messages.direct(message)), message) > 0

    async def send_to_user(self, user: Any, message: Any) -> int:
        """Send a message to all connections of a user; see `send`.

        Returns:
            The number of connections.
        """
        operation = Operation(user=encode_user(user), body=messages.direct(message))
        return await self._send(operation, message)

    async def close(self, id: str, code: int = frames.POLICY_VIOLATION, reason: str = "") -> bool:
        """Close a connection.

        Args:
            id: The identifier of the connection.
            code: The close code: 1000, 1001, 1008, or 3000 to 4999 for your own.
            reason: The reason for the client, at most 123 bytes of UTF-8; the rest is dropped.

        Returns:
            Whether the connection exists.

        Raises:
            ValueError: The code is invalid.
            redis.exceptions.RedisError: Redis is unreachable.
            ServiceUnavailable: The connections are in the memory of another process.
        """
        frames.check_code(code)
        return await self._apply(Operation(id, code=code, reason=reason)) > 0

    async def close_user(
        self, user: Any, code: int = frames.POLICY_VIOLATION, reason: str = ""
    ) -> int:
        """Close all connections of a user; see `close`.

        Returns:
            The number of connections.
        """
        frames.check_code(code)
        return await self._apply(Operation(user=encode_user(user), code=code, reason=reason))

    async def _send(self, operation: Operation, message: Any) -> int:
        count = await self._apply(operation)
        for observer in self.observers:
            observer(operation, message)
        return count

    async def _apply(self, operation: Operation) -> int:
        """Apply an operation in the processes of its connections, and return their number."""
        live = self.live
        count = 0 if live is None else live.local.apply(operation)
        directory = self.directory
        if directory is None or (count and operation.id is not None):
            return count
        own = None if live is None else live.registration.process
        content = operation.encode()
        for process, number in (await self._counts(directory, operation)).items():
            if process != own and number and await directory.publish(process, content):
                count += number
        return count

    async def _counts(self, directory: ConnectionDirectory, operation: Operation) -> dict[str, int]:
        """Return the number of connections by process."""
        if operation.id is None:
            return await directory.count(operation.user)
        info = await directory.find(operation.id)
        return {} if info is None else {info.process: 1}

    # -- the connections of this process, and of all -------------------------------------------

    @cached_property
    def directory(self) -> ConnectionDirectory | None:
        """The connections of all processes; `None` if this is the only process.

        Raises:
            ServiceUnavailable: They are in the memory of another process.
        """
        clients = self._clients()
        if clients is not None:
            clients.require_shared("the connections of clients")
            if clients.shared:
                from actionhero_websocket.connections.directory import (  # noqa: PLC0415 - lazy
                    ConnectionDirectory,
                )

                return ConnectionDirectory(clients, int(self._ttl.total_seconds() * 1000))
        return None

    async def _flushed_directory(self) -> ConnectionDirectory | None:
        """Return the directory, after the changes of this process are written."""
        directory = self.directory
        if self.live is not None:
            await self.live.registration.flush()
        return directory

    @property
    def _local(self) -> LocalConnections:
        if self.live is None:
            raise ServiceUnavailable(
                "the connections of clients are in the memory of the server process; enable the "
                "plugin 'redis'"
            )
        return self.live.local

    def _info(self, connection: LiveConnection) -> ConnectionInfo:
        process = self.live.registration.process if self.live is not None else ""
        return ConnectionInfo(
            connection.id,
            connection.transport,
            connection.remote,
            connection.user,
            connection.since,
            process,
        )


def connections_for(app: Application) -> Connections:
    """Return the connections of an application, which are created on first use."""
    if not app.has(Connections):
        from actionhero_redis import RedisClients  # noqa: PLC0415 - imported on first use

        def clients() -> RedisClients | None:
            return app.get(RedisClients) if app.has(RedisClients) else None

        app.provide(Connections, Connections(clients, app.get(WebSocketSettings).connection_ttl))
    return app.get(Connections)
