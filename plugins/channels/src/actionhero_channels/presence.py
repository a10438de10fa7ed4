"""`Presence`: who is in which channel, in all processes. Each step is one script.

Of each channel Redis has the keys that are there, and of each key its connections, sorted by when
they are no longer believed. A process that ends without a word says nothing more of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import dumps
from actionhero_channels.broadcasts import unkept
from actionhero_channels.delivery import body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_channels.broadcasts import Broadcasts
    from actionhero_redis import RedisClients

#: Who tells of those who come and go.
SENDER: Final = "presence"

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# Members, connections of one key; connection, key, time to live; where to tell what if the key
# is new. In one step, so that it is told once even if the answer is lost and it is done again.
_JOIN: Final = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local first = redis.call('ZCARD', KEYS[2]) == 0
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
if first then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
"""
)

# The same keys; connection, key; where to tell what if the key is gone.
_LEAVE: Final = (
    _NOW
    + """
local was = redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if redis.call('ZCARD', KEYS[2]) > 0 then return end
if redis.call('ZREM', KEYS[1], ARGV[2]) == 1 and was == 1 then
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
"""
)

# Members. Those who are no longer believed.
_EXPIRE: Final = (
    _NOW
    + """
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
if #gone > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) end
return gone
"""
)

_MEMBERS: Final = (
    _NOW
    + """
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
"""
)


class Presence:
    """Who is here.

    Args:
        clients: Redis.
        broadcasts: Tells those who listen of who comes and goes.
        ttl_ms: How long somebody is believed to be here after they were heard of.
    """

    def __init__(self, clients: RedisClients, broadcasts: Broadcasts, ttl_ms: int) -> None:
        self._clients = clients
        self._broadcasts = broadcasts
        self._ttl_ms = ttl_ms

    async def join(self, channel: str, key: str, connection: str) -> None:
        """Let somebody be here, or still be here; tell the others if they were not."""
        keys = (self._members(channel), self._connections(channel, key))
        told = _event(channel, "join", key)
        address = self._broadcasts.address(channel)
        await self._run(_JOIN, keys, connection, key, self._ttl_ms, address, told)

    async def leave(self, channel: str, key: str, connection: str) -> None:
        """Let a connection not be here; tell the others if it was the last of its key."""
        keys = (self._members(channel), self._connections(channel, key))
        told = _event(channel, "leave", key)
        await self._run(_LEAVE, keys, connection, key, self._broadcasts.address(channel), told)

    async def members(self, channel: str) -> list[str]:
        """Return the keys of who is here, in no order."""
        found: list[bytes] = await self._run(_MEMBERS, (self._members(channel),))
        return [key.decode() for key in found]

    async def expire(self, channel: str) -> None:
        """Let those be gone whose process has not been heard of, and tell the others."""
        gone: list[bytes] = await self._run(_EXPIRE, (self._members(channel),))
        for key in gone:
            told = _event(channel, "leave", key.decode())
            await self._clients.bytes.publish(self._broadcasts.address(channel), told)

    async def _run(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:
        client: Any = self._clients.bytes
        return await client.eval(script, len(keys), *keys, *arguments)

    def _members(self, channel: str) -> str:
        return self._clients.key("channels", f"{{{channel}}}", "members")

    def _connections(self, channel: str, key: str) -> str:
        return self._clients.key("channels", f"{{{channel}}}", "of", key)


def _event(channel: str, event: str, key: str) -> bytes:
    """Return that somebody came or went, as it is published."""
    message = dumps({"event": event, "presenceKey": key}).decode()
    return unkept(body_of(channel, message, SENDER))
