"""The numbers of connections of a client of Tortoise, for metrics."""

from __future__ import annotations

from typing import Any


def connection_counts(client: Any) -> tuple[int, int]:
    """Return how many connections are used, and how many are idle."""
    pool = getattr(client, "_pool", None)
    if pool is not None:
        # The pools of asyncpg, and of asyncmy.
        is_asyncpg = hasattr(pool, "get_size")
        size: int = pool.get_size() if is_asyncpg else pool.size
        idle: int = pool.get_idle_size() if is_asyncpg else pool.freesize
        return size - idle, idle
    if getattr(client, "_connection", None) is None:
        return 0, 0
    # The one connection of SQLite, for one statement or transaction at a time.
    return (1, 0) if client._lock.locked() else (0, 1)
