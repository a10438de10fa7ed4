"""`Presence`: the members of each channel, in all processes. Each step is one script in Redis.

For each channel Redis has a sorted set of its presence keys, and for each key a sorted set of its
connections. The scores are the times at which entries expire: the entries of a process that
crashes are not refreshed, and expire.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import dumps
from actionhero_channels.broadcasts import encode_published
from actionhero_channels.delivery import encode_body
from actionhero_redis import NOW_MS, ExpiringSet, Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_channels.broadcasts import Broadcasts
    from actionhero_channels.settings import ChannelsSettings
    from actionhero_redis import RedisClients

#: The sender of presence events.
SENDER: Final = "presence"

# KEYS: members, connections of one key. ARGV: connection, key, time to live, Redis channel, event.
# One script, so that the event is published once even if the client retries it.
_JOIN: Final = Script(
    NOW_MS
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
-- A member whose connections have expired is still one until it is removed, which is an event.
local first = redis.call('ZCARD', KEYS[2]) == 0 and not redis.call('ZSCORE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])
-- Longer than the last member, whose end is an event too.
if redis.call('PTTL', KEYS[1]) < 2 * ARGV[3] then redis.call('PEXPIRE', KEYS[1], 2 * ARGV[3]) end
if first then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
""",
    idempotent=True,
)

# KEYS: as above. ARGV: connection, key, Redis channel, event.
_LEAVE: Final = Script(
    NOW_MS
    + """
local removed = redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if redis.call('ZCARD', KEYS[2]) > 0 then return end
if redis.call('ZREM', KEYS[1], ARGV[2]) == 1 and removed == 1 then
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
""",
    idempotent=True,
)

# KEYS: members, the time of the last check. ARGV: time to live, longest time between two checks.
# Returns the expired members. If no process has checked for longer, Redis was away or its clock was
# changed: the silence is not the end of all members, and they begin anew.
_EXPIRED: Final = Script(
    NOW_MS
    + """
local last = tonumber(redis.call('GET', KEYS[2]) or now)
redis.call('SET', KEYS[2], now, 'PX', 4 * ARGV[1])
if now - last > tonumber(ARGV[2]) or now < last then
  for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZADD', KEYS[1], now + ARGV[1], key)
  end
  redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])
end
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
""",
    idempotent=True,
)

# KEYS: members. ARGV: key, Redis channel, event. The key may have joined again since it was read.
_EXPIRE: Final = Script(
    NOW_MS
    + """
local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not expiry or tonumber(expiry) > now then return end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
""",
    idempotent=True,
)


class Presence:
    """The members of each channel, in all processes.

    Args:
        clients: Redis.
        broadcasts: Provides the Redis channels of presence events.
        settings: How long a member stays present without a heartbeat, and their interval.
    """

    def __init__(
        self, clients: RedisClients, broadcasts: Broadcasts, settings: ChannelsSettings
    ) -> None:
        self._clients = clients
        self._broadcasts = broadcasts
        self._ttl_ms = int(settings.presence_ttl / timedelta(milliseconds=1))
        heartbeat_ms = settings.presence_heartbeat / timedelta(milliseconds=1)
        #: The longest time between two checks, unless Redis is unreachable: one that is late.
        self._silence_ms = int(max(1.5 * heartbeat_ms, 0.45 * self._ttl_ms))

    async def join(self, channel: str, key: str, connection: str) -> None:
        """Add or refresh a connection of a key; publish an event if it is the first."""
        keys = (self._members(channel), self._connections(channel, key))
        event = _encode_event(channel, "join", key)
        redis_channel = self._broadcasts.redis_channel(channel)
        await self._run(_JOIN, keys, connection, key, self._ttl_ms, redis_channel, event)

    async def leave(self, channel: str, key: str, connection: str) -> None:
        """Remove a connection of a key; publish an event if it was the last."""
        keys = (self._members(channel), self._connections(channel, key))
        event = _encode_event(channel, "leave", key)
        redis_channel = self._broadcasts.redis_channel(channel)
        await self._run(_LEAVE, keys, connection, key, redis_channel, event)

    async def members(self, channel: str) -> list[str]:
        """Return the keys of the members, in no particular order."""
        return await ExpiringSet(self._clients, self._members(channel)).members()

    async def expire(self, channel: str) -> None:
        """Remove the members without a recent heartbeat, and publish an event for each.

        After an outage of Redis all members are kept for another `ttl_ms`.
        """
        members = (self._members(channel),)
        redis_channel = self._broadcasts.redis_channel(channel)
        checked = self._clients.key("channels", f"{{{channel}}}", "checked")
        for key in await self._run(_EXPIRED, (*members, checked), self._ttl_ms, self._silence_ms):
            event = _encode_event(channel, "leave", key.decode())
            await self._run(_EXPIRE, members, key, redis_channel, event)

    async def _run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        return await self._clients.run_script(script, keys, arguments)

    def _members(self, channel: str) -> str:
        return self._clients.key("channels", f"{{{channel}}}", "members")

    def _connections(self, channel: str, key: str) -> str:
        return self._clients.key("channels", f"{{{channel}}}", "of", key)


def _encode_event(channel: str, event: str, key: str) -> bytes:
    """Return the published message of a presence event."""
    message = dumps({"event": event, "presenceKey": key}).decode()
    return encode_published(encode_body(channel, message, SENDER))
