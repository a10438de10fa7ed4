"""What Redis holds of sessions: `Records`. Each step is one script, so nothing comes between.

A session is a hash with a field for each of its keys, so that calls that change different keys at
once do not meet. Each script has one key, because in a cluster two may lie on two servers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero.transport import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actionhero_redis import RedisClients

#: Before the keys of a session, so that none of them can be taken for what we note ourselves.
_KEY = b":"
_CREATED = b"created"
_INDEXED = b"indexed"

_LOAD = """
local fields = redis.call('HGETALL', KEYS[1])
if #fields > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return fields
"""

# A session that was ended meanwhile is not begun again by a call that still had it.
_WRITE = """
if ARGV[2] == '' then
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
else
  redis.call('HSETNX', KEYS[1], 'created', ARGV[2])
end
local last = 3 + 2 * tonumber(ARGV[3])
for i = 4, last, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""

_TAKE = """
local fields = redis.call('HGETALL', KEYS[1])
if redis.call('DEL', KEYS[1]) == 1 then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return fields
"""

# It may be another user's by now, or nobody's.
_END = """
if redis.call('HGET', KEYS[1], ARGV[3]) ~= ARGV[4] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
"""

_INDEX = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
"""


class Record(NamedTuple):
    """One session, as it is kept."""

    values: dict[str, Any]
    #: When it began, in milliseconds since the epoch.
    created_ms: int
    #: When it was last listed among those of its user, in milliseconds since the epoch.
    indexed_ms: int


class Records:
    """The sessions in Redis.

    Args:
        clients: Gives the clients; asked when they are needed, because they are made later.
        ttl_ms: How long a session is kept after it was last used, in milliseconds.
        user_key: The key of a session under which its user is.
    """

    def __init__(self, clients: Callable[[], RedisClients], ttl_ms: int, user_key: str) -> None:
        self._clients = clients
        self._ttl_ms = ttl_ms
        self._user_field = _KEY + user_key.encode()

    @property
    def clients(self) -> RedisClients:
        """The clients of Redis."""
        return self._clients()

    @property
    def ended_channel(self) -> str:
        """Where the identifier of each session that ends is published."""
        return self._clients().key("sessions", "ended")

    async def load(self, id: str) -> Record | None:
        """Return a session, which lives on from now, or `None` if there is none of that name."""
        return _record(await self._run(_LOAD, self._key(id), self._ttl_ms))

    async def write(
        self,
        id: str,
        assigned: Mapping[str, bytes],
        removed: Iterable[str] = (),
        *,
        created_ms: int | None = None,
        indexed: bool = False,
    ) -> bool:
        """Change some keys of a session.

        Args:
            id: Which.
            assigned: Keys with their values, as JSON.
            removed: Keys that are no more.
            created_ms: When it began, if it may be new. One that is not must be there.
            indexed: Whether it was listed among those of its user.

        Returns:
            Whether it was written: not if it has ended.
        """
        pairs = [part for key, value in assigned.items() for part in (_KEY + key.encode(), value)]
        if indexed:
            pairs += [_INDEXED, str(_now_ms()).encode()]
        return bool(
            await self._run(
                _WRITE,
                self._key(id),
                self._ttl_ms,
                "" if created_ms is None else created_ms,
                len(pairs) // 2,
                *pairs,
                *(_KEY + key.encode() for key in removed),
            )
        )

    async def take(self, id: str) -> Record | None:
        """Remove a session at once, and return what it was."""
        return _record(await self._run(_TAKE, self._key(id), self.ended_channel, id))

    async def index(self, id: str, user: Any) -> None:
        """List a session among those of a user. Do it before it is written: none is missed."""
        now = _now_ms()
        # An entry outlives its session, which is listed again in half its time at the latest.
        keep_ms = 2 * self._ttl_ms
        await self._run(_INDEX, self._index_key(user), now, now + keep_ms, id, keep_ms)

    def must_index(self, record: Record) -> bool:
        """Whether it is time to list a session again."""
        return _now_ms() - record.indexed_ms > self._ttl_ms // 2

    async def end_all(self, user: Any) -> int:
        """Remove every session of a user, and return how many there were."""
        clients = self._clients()
        ended = 0
        ids: Any = await clients.bytes.zrange(self._index_key(user), 0, -1)
        for id in ids:
            ended += await self._run(
                _END,
                self._key(id.decode()),
                self.ended_channel,
                id,
                self._user_field,
                dumps(user),
            )
            await clients.bytes.zrem(self._index_key(user), id)
        return ended

    async def _run(self, script: str, key: str, *arguments: Any) -> Any:
        client: Any = self._clients().bytes
        return await client.eval(script, 1, key, *arguments)

    def _key(self, id: str) -> str:
        return self._clients().key("sessions", id)

    def _index_key(self, user: Any) -> str:
        return self._clients().key("sessions", "of", dumps(user).decode())


def _record(fields: list[bytes]) -> Record | None:
    if not fields:
        return None
    kept = dict(zip(fields[::2], fields[1::2], strict=True))
    return Record(
        {key[1:].decode(): loads(value) for key, value in kept.items() if key[:1] == _KEY},
        int(kept.get(_CREATED, b"0")),
        int(kept.get(_INDEXED, b"0")),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
