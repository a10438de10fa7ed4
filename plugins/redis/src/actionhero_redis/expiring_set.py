"""`ExpiringSet`: a set in Redis whose members expire, unless they are added again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero_redis.script import Script

if TYPE_CHECKING:
    from actionhero_redis.clients import RedisClients

#: The beginning of a Lua script that needs the time of Redis: `now`, in milliseconds.
NOW_MS: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_ADD: Final = Script(
    NOW_MS
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
""",
    idempotent=True,
)

_MEMBERS: Final = Script(
    NOW_MS
    + """
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
""",
    idempotent=True,
)


class ExpiringSet:
    """A sorted set; the scores are the times at which members expire, by the clock of Redis.

    Args:
        clients: Redis.
        key: The key.
    """

    def __init__(self, clients: RedisClients, key: str) -> None:
        self._clients = clients
        self._key = key

    async def add(self, member: str, ttl_ms: int) -> None:
        """Add a member, or refresh it; the time to live is the same for all members."""
        await self._clients.run_script(_ADD, (self._key,), (member, ttl_ms))

    async def remove(self, member: str) -> None:
        """Remove a member."""
        await self._clients.execute("ZREM", self._key, member, idempotent=True)

    async def members(self) -> list[str]:
        """Return the members that have not expired, the next to expire first."""
        members: list[bytes] = await self._clients.run_script(_MEMBERS, (self._key,))
        return [member.decode() for member in members]
