"""`ClientSet`: the clients of one event loop."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import asyncio as aio

    from actionhero_redis.command_client import CommandClient
    from actionhero_redis.connections import Connector
    from actionhero_redis.pipelined_connection import PipelinedConnection


class ClientSet:
    """The clients of one event loop, each created on first use.

    Args:
        connector: Creates them.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    @cached_property
    def commands(self) -> PipelinedConnection | CommandClient:
        """The connection for `RedisClients.execute`."""
        return self._connector.connect_pipelined()

    @cached_property
    def client(self) -> aio.Redis:
        """A client whose responses are text."""
        return self._connector.connect()

    @cached_property
    def blocking(self) -> aio.Redis:
        """A client without a response timeout."""
        return self._connector.connect(blocking=True)

    @cached_property
    def bytes(self) -> aio.Redis:
        """A client whose responses are bytes."""
        return self._connector.connect(decode=False)

    @cached_property
    def blocking_bytes(self) -> aio.Redis:
        """A client without a response timeout whose responses are bytes."""
        return self._connector.connect(blocking=True, decode=False)

    def connection_counts(self) -> tuple[int, int]:
        """Return how many connections are used, and how many are idle."""
        used = idle = 0
        for name, client in vars(self).copy().items():
            if name == "commands" and client.is_connected is not None:
                # It is used by all callers at once.
                used += client.is_connected
                continue
            # A cluster has a pool for each node, which redis-py does not count.
            pool = getattr(client, "connection_pool", None)
            for count, attributes in () if pool is None else pool.get_connection_count():
                if "used" in attributes.values():
                    used += count
                else:
                    idle += count
        return used, idle

    async def aclose(self) -> None:
        """Close them."""
        for client in vars(self).copy().values():
            if client is not self._connector:
                await client.aclose()
