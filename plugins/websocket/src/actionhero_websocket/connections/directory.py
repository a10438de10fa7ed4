"""`ConnectionDirectory`: the live connections of all processes, in Redis.

Each process has a hash of its connections, and a sorted set with a member for each connection and
a second one under its user, which Redis returns in the order of their identifiers. Both expire
with the heartbeat of the process, so an idle connection costs Redis nothing, and the connections
of a process that crashes disappear together.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero_redis import ExpiringSet, Script
from actionhero_websocket.connections.connection_info import decode_info

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_redis import RedisClients
    from actionhero_websocket.connections.connection_info import ConnectionInfo

#: In the place of a user: all connections. It is not JSON, as users are.
_ALL: Final = "*"

# KEYS: connections, index. ARGV: time to live, number of removed connections, identifier and user
# of each, then identifier, user and JSON of each that is added. Returns the number of connections.
_WRITE: Final = Script(
    """
local last = 2 + 2 * tonumber(ARGV[2])
for i = 3, last, 2 do
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], '* ' .. ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i])
end
for i = last + 1, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  redis.call('ZADD', KEYS[2], 0, '* ' .. ARGV[i])
  if ARGV[i + 1] ~= '' then redis.call('ZADD', KEYS[2], 0, ARGV[i + 1] .. ' ' .. ARGV[i]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return redis.call('HLEN', KEYS[1])
""",
    idempotent=True,
)


class AddedConnection(NamedTuple):
    """A connection to write."""

    id: str
    #: The user as JSON; empty for an anonymous client.
    user: str
    #: See `encode_info`.
    content: bytes


class RemovedConnection(NamedTuple):
    """A connection to delete."""

    id: str
    #: The user with whom it was written.
    user: str


class ConnectionDirectory:
    """The live connections of all processes, in Redis.

    Args:
        clients: Redis.
        ttl_ms: How long the connections of a process remain without a heartbeat.
    """

    def __init__(self, clients: RedisClients, ttl_ms: int) -> None:
        self.clients = clients
        self._ttl_ms = ttl_ms
        #: The processes with a recent heartbeat.
        self._processes = ExpiringSet(clients, clients.key("connections", "processes"))

    def redis_channel(self, process: str) -> str:
        """Return the Redis channel of the operations for a process."""
        return self.clients.key("connections", "at", process)

    # -- reading -------------------------------------------------------------------------------

    async def find(self, id: str) -> ConnectionInfo | None:
        """Return a connection; `None` if it does not exist."""
        processes = await self._processes.members()
        contents = await asyncio.gather(
            *(self._execute("HGET", self._connections(each), id) for each in processes)
        )
        for process, content in zip(processes, contents, strict=True):
            if content is not None:
                return decode_info(id, process, content)
        return None

    async def count(self, user: str | None) -> dict[str, int]:
        """Return the number of connections of a user, as JSON, by process; `None`: of all."""
        processes = await self._processes.members()
        if user is None:
            commands = [self._execute("HLEN", self._connections(each)) for each in processes]
        else:
            bounds = _bounds(user)
            commands = [
                self._execute("ZLEXCOUNT", self._index(each), *bounds) for each in processes
            ]
        return dict(zip(processes, await asyncio.gather(*commands), strict=True))

    async def page(self, user: str | None, limit: int, after: str) -> list[ConnectionInfo]:
        """Return the first connections after an identifier, sorted by identifier.

        Args:
            user: The user as JSON; `None`: all connections.
            limit: The maximum number of connections.
            after: An identifier, or the empty string.
        """
        page: list[ConnectionInfo] = []
        while len(page) < limit:
            places = await self._places(user, limit - len(page), after)
            if not places:
                break
            after = places[-1][0]
            contents = await asyncio.gather(
                *(self._execute("HGET", self._connections(process), id) for id, process in places)
            )
            page += [
                decode_info(id, process, content)
                for (id, process), content in zip(places, contents, strict=True)
                # Removed in the meantime.
                if content is not None
            ]
        return page

    async def _places(self, user: str | None, limit: int, after: str) -> Sequence[tuple[str, str]]:
        """Return identifiers with their processes, sorted."""
        processes = await self._processes.members()
        bounds = _bounds(_ALL if user is None else user, after)
        members = await asyncio.gather(
            *(
                self._execute("ZRANGEBYLEX", self._index(each), *bounds, "LIMIT", 0, limit)
                for each in processes
            )
        )
        return sorted(
            (member.rpartition(b" ")[2].decode(), process)
            for process, of_process in zip(processes, members, strict=True)
            for member in of_process
        )[:limit]

    # -- writing -------------------------------------------------------------------------------

    async def announce(self, process: str) -> None:
        """Add a process, or refresh it."""
        await self._processes.add(process, self._ttl_ms)

    async def write(
        self,
        process: str,
        added: Sequence[AddedConnection] = (),
        removed: Sequence[RemovedConnection] = (),
    ) -> int:
        """Change the connections of a process, and refresh the others.

        Returns:
            The number of its connections.
        """
        arguments: list[Any] = [self._ttl_ms, len(removed)]
        for entry in (*removed, *added):
            arguments += entry
        keys = (self._connections(process), self._index(process))
        count = await self.clients.run_script(_WRITE, keys, arguments)
        return int(count)

    async def clear(self, process: str) -> None:
        """Delete the connections of a process."""
        await self._execute("DEL", self._connections(process), self._index(process))

    async def remove(self, process: str) -> None:
        """Delete a process and its connections."""
        await self._processes.remove(process)
        await self.clear(process)

    async def publish(self, process: str, operation: bytes) -> bool:
        """Send an operation to a process; return whether it listens."""
        channel = self.redis_channel(process)
        receivers = await self.clients.execute("PUBLISH", channel, operation)
        # A server of a cluster counts only its own subscribers.
        return receivers > 0 or self.clients.is_cluster

    # -- keys ----------------------------------------------------------------------------------

    def _connections(self, process: str) -> str:
        # The hash tag in braces: a cluster stores both keys of a process on one server.
        return self.clients.key("connections", f"{{{process}}}", "all")

    def _index(self, process: str) -> str:
        return self.clients.key("connections", f"{{{process}}}", "index")

    async def _execute(self, command: str, *arguments: Any) -> Any:
        # Each of these commands has the same effect when it is sent twice.
        return await self.clients.execute(command, *arguments, idempotent=True)


def _bounds(user: str, after: str = "") -> tuple[str, str]:
    """Return the bounds of the members of a user after an identifier, exclusively.

    No member of another user is between them: JSON followed by a space is not the beginning of
    other JSON.
    """
    return f"({user} {after}", f"({user}!"
