"""`Records`: the sessions in Redis. Each operation is one script, so it is atomic.

A session is a hash with one field per session key, so that concurrent changes of different keys do
not conflict. Each script uses one Redis key, because two keys may be on two servers of a cluster.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero.transport import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actionhero_redis import RedisClients

#: The prefix of the fields of session keys, which separates them from the metadata.
_KEY = b":"
_CREATED = b"created"
_INDEXED = b"indexed"

_LOAD = """
local fields = redis.call('HGETALL', KEYS[1])
if #fields > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return fields
"""

# A call that is still running must not create a deleted session again.
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

_POP = """
local fields = redis.call('HGETALL', KEYS[1])
if redis.call('DEL', KEYS[1]) == 1 then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return fields
"""

# The session may belong to another user by now, or have no user.
_DELETE = """
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
    """A stored session."""

    values: dict[str, Any]
    #: The time of its creation, in milliseconds since the epoch.
    created_ms: int
    #: The time when it was last indexed by its user, in milliseconds since the epoch.
    indexed_ms: int


class Records:
    """The sessions in Redis.

    Args:
        clients: Returns the clients, which are created after this object.
        ttl_ms: The time to live of a session after its last use, in milliseconds.
        user_key: The session key of the user.
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
    def revocation_channel(self) -> str:
        """The Redis channel of the identifiers of sessions that end."""
        return self._clients().key("sessions", "ended")

    async def load(self, id: str) -> Record | None:
        """Return a session and renew its time to live; `None` if it does not exist."""
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
            id: The identifier of the session.
            assigned: The assigned keys with their values, as JSON.
            removed: The removed keys.
            created_ms: The time of its creation, if the session may be new. Without it, the
                session must exist.
            indexed: Whether it has been indexed by its user.

        Returns:
            Whether the session was written; false if it has ended.
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

    async def pop(self, id: str) -> Record | None:
        """Delete a session, and return it; `None` if it does not exist."""
        return _record(await self._run(_POP, self._key(id), self.revocation_channel, id))

    async def index(self, id: str, user: Any) -> None:
        """Index a session by its user, before it is written, so that `delete_all` finds it."""
        now = _now_ms()
        # An entry outlives its session, which is indexed again after half of its time to live.
        ttl_ms = 2 * self._ttl_ms
        await self._run(_INDEX, self._index_key(user), now, now + ttl_ms, id, ttl_ms)

    def needs_index(self, record: Record) -> bool:
        """Whether a session must be indexed again."""
        return _now_ms() - record.indexed_ms > self._ttl_ms // 2

    async def delete_all(self, user: Any) -> int:
        """Delete every session of a user, and return their number."""
        clients = self._clients()
        count = 0
        ids: Any = await clients.bytes.zrange(self._index_key(user), 0, -1)
        for id in ids:
            count += await self._run(
                _DELETE,
                self._key(id.decode()),
                self.revocation_channel,
                id,
                self._user_field,
                dumps(user),
            )
            await clients.bytes.zrem(self._index_key(user), id)
        return count

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
    hash_fields = dict(zip(fields[::2], fields[1::2], strict=True))
    return Record(
        {key[1:].decode(): loads(value) for key, value in hash_fields.items() if key[:1] == _KEY},
        int(hash_fields.get(_CREATED, b"0")),
        int(hash_fields.get(_INDEXED, b"0")),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
