"""`CommandClient`: `RedisClients.execute` for a cluster and for memory, by a client of redis-py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from redis import asyncio as aio

    from actionhero_redis.script import PreparedScript

#: The commands whose replies redis-py itself reads through its conversions.
_CONVERTED: Final = ("CLUSTER", "COMMAND")


class CommandClient:
    """Sends each command over a connection of a pool, as `PipelinedConnection` does over its own.

    Args:
        client: A client with RESP2 and without retries; closed with this object.
        can_resend: Whether an idempotent command is sent again if its connection is lost.
    """

    def __init__(self, client: aio.Redis, *, can_resend: bool) -> None:
        self._client = client
        #: For metrics: it has a pool.
        self.is_connected = None
        self.connection_pool = getattr(client, "connection_pool", None)
        self._can_resend = can_resend
        callbacks = client.response_callbacks
        for name in [str(name) for name in callbacks]:
            if not name.upper().startswith(_CONVERTED):
                del callbacks[name]

    async def execute(self, command: tuple[Any, ...], *, idempotent: bool = False) -> Any:
        """Send a command, and return its reply, as Redis sends it in RESP2."""
        try:
            return await self._client.execute_command(*command)
        except RedisConnectionError:
            if not (idempotent and self._can_resend):
                raise
        return await self._client.execute_command(*command)

    async def execute_prepared(self, prepared: PreparedScript) -> Any:
        """Send the command of a script; see `execute`."""
        return await self.execute(prepared.command, idempotent=prepared.script.idempotent)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()
