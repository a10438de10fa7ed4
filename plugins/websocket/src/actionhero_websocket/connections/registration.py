"""`Registration`: writes the connections of this process to Redis, many at a time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from actionhero.transport import Backoff
from actionhero_websocket.connections.connection_info import encode_info
from actionhero_websocket.connections.directory import AddedConnection, RemovedConnection
from actionhero_websocket.connections.operation import decode_operation

if TYPE_CHECKING:
    from actionhero_websocket.connections.directory import ConnectionDirectory
    from actionhero_websocket.connections.live_connection import LiveConnection
    from actionhero_websocket.connections.local_connections import LocalConnections
    from actionhero_websocket.connections.user_resolver import UserResolver

logger = logging.getLogger("actionhero.websocket")

#: How long changes are collected before they are written: a connection that is closed within this
#: time is never written.
COLLECT_SECONDS: Final = 0.05
#: The first and the longest delay before the next attempt, while Redis is unreachable.
FIRST_DELAY_SECONDS: Final = 0.1
MAX_DELAY_SECONDS: Final = 2.0
#: How many connections are written by one script, which blocks Redis for about a millisecond.
BATCH_SIZE: Final = 500


class Registration:
    """Writes the connections of this process to Redis, and receives operations for them.

    It starts with the first connection.

    Args:
        local: The connections of this process.
        users: Loads their users.
        process: The unique name of this process.
        interval_seconds: The interval of heartbeats.
    """

    def __init__(
        self,
        local: LocalConnections,
        users: UserResolver,
        process: str,
        interval_seconds: float,
    ) -> None:
        self._local = local
        self._users = users
        #: The connections of all processes; `None` if this is the only process.
        self.directory: ConnectionDirectory | None = None
        self.process = process
        self._interval_seconds = interval_seconds
        #: The connections that were added, removed, or have another user.
        self._changed: dict[str, LiveConnection] = {}
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._next_heartbeat = 0.0
        #: The number of connections in Redis; `None` if it is unknown.
        self._written: int | None = 0
        self._is_closed = False
        self._tasks: list[asyncio.Task[None]] = []

    def change(self, connection: LiveConnection) -> None:
        """Write a connection that was added, removed, or has another user."""
        if self.directory is not None:
            self._changed[connection.id] = connection
            self.wake()

    def wake(self) -> None:
        """Write the changes and resolve the users soon."""
        if self._is_closed:
            return
        if not self._tasks:
            create_task = asyncio.get_running_loop().create_task
            self._tasks.append(create_task(self._run()))
            if self.directory is not None:
                self._tasks.append(create_task(self._listen(self.directory)))
        self._wake.set()

    async def flush(self) -> bool:
        """Resolve the users and write the changes now; return whether all users are known.

        Raises:
            Exception: Redis is unreachable; another attempt follows.
        """
        if not self._tasks:
            return True
        async with self._lock:
            are_known = await self._users.resolve()
            if self.directory is not None:
                await self._write(self.directory)
        return are_known

    async def close(self) -> None:
        """Delete the connections of this process."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks and self.directory is not None:
            # They expire in any case.
            with suppress(Exception):
                await self.directory.remove(self.process)
        self._tasks.clear()

    # -- tasks ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff(FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_heartbeat if self.directory else None):
                    await self._wake.wait()
            if loop.time() < self._next_heartbeat:
                await asyncio.sleep(COLLECT_SECONDS)
            self._wake.clear()
            try:
                is_complete = await self.flush()
            except Exception as error:  # noqa: BLE001 - any error of the driver leads to a retry
                is_complete = False
                if not backoff.failures:
                    logger.warning("connections: writing to Redis failed: %s; retrying", error)
            if is_complete:
                backoff.reset()
            else:
                self._wake.set()
                await asyncio.sleep(backoff.next_seconds())

    async def _listen(self, directory: ConnectionDirectory) -> None:
        from actionhero_redis import channel_messages  # noqa: PLC0415 - imports redis-py

        channel = directory.redis_channel(self.process)
        async with aclosing(channel_messages(directory.clients, channel)) as messages:
            async for message in messages:
                if message is None:
                    # Redis may have been restarted, without its data or with older data, which the
                    # number of connections does not reveal.
                    self._written = None
                    self._next_heartbeat = 0.0
                    self._wake.set()
                    continue
                try:
                    self._local.apply(decode_operation(message))
                except Exception as error:  # noqa: BLE001 - the next message must be received
                    logger.warning("connections: ignored an invalid operation: %s", error)

    # -- writing -------------------------------------------------------------------------------

    async def _write(self, directory: ConnectionDirectory) -> None:
        is_due = asyncio.get_running_loop().time() >= self._next_heartbeat
        if is_due:
            await directory.announce(self.process)
        changed, self._changed = self._changed, {}
        try:
            count = await self._write_changes(directory, changed, refresh=is_due)
            if count != self._written:
                await self._write_all(directory)
        except BaseException:
            # The reply to a change may be lost.
            self._written = None
            self._next_heartbeat = 0.0
            raise
        if is_due:
            self._next_heartbeat = asyncio.get_running_loop().time() + self._interval_seconds

    async def _write_all(self, directory: ConnectionDirectory) -> None:
        """Write all connections again, after an outage."""
        await directory.clear(self.process)
        self._written = 0
        changed = {}
        for connection in self._local.of_user(None):
            connection.registered_user = None
            changed[connection.id] = connection
        self._changed.clear()
        await self._write_changes(directory, changed, refresh=True)

    async def _write_changes(
        self, directory: ConnectionDirectory, changed: dict[str, LiveConnection], *, refresh: bool
    ) -> int | None:
        """Write connections, and return the number in Redis."""
        count = self._written
        connections = list(changed.values())
        for start in range(0, max(len(connections), refresh), BATCH_SIZE):
            added, removed = self._take(connections[start : start + BATCH_SIZE])
            if added or removed or refresh:
                count = await directory.write(self.process, added, removed)
        return count

    def _take(
        self, connections: list[LiveConnection]
    ) -> tuple[list[AddedConnection], list[RemovedConnection]]:
        """Return the differences between connections and Redis, as if they were written."""
        added: list[AddedConnection] = []
        removed: list[RemovedConnection] = []
        difference = 0
        for connection in connections:
            id, user = connection.id, connection.user_json
            registered = connection.registered_user
            is_live = self._local.get(id) is connection
            if registered is not None and (not is_live or registered != user):
                removed.append(RemovedConnection(id, registered))
                difference -= 1
            if is_live and registered != user:
                content = encode_info(connection.transport, connection.remote, user)
                added.append(AddedConnection(id, user, content))
                difference += 1
            connection.registered_user = user if is_live else None
        if self._written is not None:
            self._written += difference
        return added, removed
