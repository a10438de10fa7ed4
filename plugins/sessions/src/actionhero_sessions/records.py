"""`Records`: the sessions in Redis. Each operation is one script, so it is atomic.

A session is a hash with one field per session key, so that concurrent changes of different keys do
not conflict. Each script uses one Redis key in a cluster, where two may be on two servers.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero.transport import dumps, loads
from actionhero_redis import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actionhero_redis import RedisClients

#: The prefix of the fields of session keys, which separates them from the metadata.
_KEY = b":"
_CREATED = b"created"
_INDEXED = b"indexed"
#: The first characters of objects and arrays in JSON.
_CONTAINERS = (b"{", b"[")
#: The prefix of a notice that a session was changed; that of its end is its identifier alone.
CHANGED: Final = "changed:"
#: How many sessions are deleted by one script, which blocks Redis for about a millisecond.
_DELETE_SLICE: Final = 500

# ARGV: the time to live, and whether the session is watched: whether its changes are published,
# from now on.
_LOAD = Script(
    """
local fields = redis.call('HGETALL', KEYS[1])
if #fields > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  if ARGV[2] == '1' then redis.call('HSETNX', KEYS[1], 'watched', 1) end
end
return fields
""",
    idempotent=True,
)

# A call that is still running must not create a deleted session again. ARGV: the time to live, the
# time of creation, the Redis channel, the notice, the number of assigned keys, these with their
# values, and the removed keys.
_WRITE = Script(
    """
if ARGV[2] == '' then
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
else
  redis.call('HSETNX', KEYS[1], 'created', ARGV[2])
end
local last = 5 + 2 * tonumber(ARGV[5])
for i = 6, last, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if redis.call('HEXISTS', KEYS[1], 'watched') == 1 then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
return 1
""",
    idempotent=True,
)

# Not idempotent: after a lost reply, the values of the session would be lost too.
_POP = Script(
    """
local fields = redis.call('HGETALL', KEYS[1])
if redis.call('DEL', KEYS[1]) == 1 then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return fields
"""
)

# KEYS: sessions. ARGV: the Redis channel, the field of the user, the user, and an identifier for
# each session. It may belong to another user by now, or have no user.
_DELETE = Script(
    """
local count = 0
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, ARGV[2]) == ARGV[3] then
    redis.call('DEL', key)
    redis.call('PUBLISH', ARGV[1], ARGV[i + 3])
    count = count + 1
  end
end
return count
"""
)

_INDEX = Script(
    """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
""",
    idempotent=True,
)


class Record(NamedTuple):
    """A stored session."""

    values: dict[str, Any]
    #: The time of its creation, in milliseconds since the epoch.
    created_ms: int
    #: The time when it was last indexed by its user, in milliseconds since the epoch.
    indexed_ms: int
    #: Whether a value is an object or an array.
    has_containers: bool


class Records:
    """The sessions in Redis.

    Args:
        clients: Returns the clients, which are created after this object.
        ttl_ms: The time to live of a session after its last use, in milliseconds.
        user_key: The session key of the user.
    """

    def __init__(self, clients: Callable[[], RedisClients], ttl_ms: int, user_key: str) -> None:
        self._clients = clients
        #: The time to live of a session, in milliseconds.
        self.ttl_ms = ttl_ms
        #: Called with the identifier of each session that this process may have changed.
        self.on_change: Callable[[str], None] = lambda id: None
        #: The field of the user in a session.
        self.user_field = _KEY + user_key.encode()
        self._user_key = user_key

    @property
    def clients(self) -> RedisClients:
        """The clients of Redis."""
        return self._clients()

    @property
    def revocation_channel(self) -> str:
        """The Redis channel of the identifiers of sessions that end, and of notices of changes."""
        return self._clients().key("sessions", "ended")

    async def load(self, id: str, *, watch: bool = False) -> Record | None:
        """Return a session and renew its time to live; `None` if it does not exist.

        Args:
            id: The identifier of the session.
            watch: Whether its changes are published from now on.
        """
        return _record(await self._run(_LOAD, self.key(id), self.ttl_ms, int(watch)))

    async def write(
        self,
        id: str,
        assigned: Mapping[str, bytes],
        removed: Iterable[str] = (),
        *,
        created_ms: int | None = None,
        user: Any = None,
    ) -> bool:
        """Change some keys of a session.

        Args:
            id: The identifier of the session.
            assigned: The assigned keys with their values, as JSON.
            removed: The removed keys.
            created_ms: The time of its creation, if the session may be new. Without it, the
                session must exist.
            user: Its user, by whom it is indexed, so that `delete_all` finds it; `None` if that is
                not needed.

        Returns:
            Whether the session was written; false if it has ended.
        """
        pairs = [part for key, value in assigned.items() for part in (_KEY + key.encode(), value)]
        if user is not None:
            pairs += [_INDEXED, str(_now_ms()).encode()]
            await self._index(id, user)
        try:
            is_written = await self._run(
                _WRITE,
                self.key(id),
                self.ttl_ms,
                "" if created_ms is None else created_ms,
                self.revocation_channel,
                CHANGED + id,
                len(pairs) // 2,
                *pairs,
                *(_KEY + key.encode() for key in removed),
            )
        finally:
            self.on_change(id)
        if user is not None:
            # A `delete_all` that came before the session was written has removed the entry.
            await (self._index(id, user) if is_written else self._remove_index(id, user))
        return bool(is_written)

    async def pop(self, id: str) -> Record | None:
        """Delete a session, and return it; `None` if it does not exist."""
        try:
            record = _record(await self._run(_POP, self.key(id), self.revocation_channel, id))
        finally:
            self.on_change(id)
        user = None if record is None else record.values.get(self._user_key)
        if user is not None:
            await self._remove_index(id, user)
        return record

    async def remaining_seconds(self, id: str) -> float | None:
        """Return the remaining time to live of a session; `None` if it does not exist."""
        remaining_ms = await self._clients().execute("PTTL", self.key(id), idempotent=True)
        return max(0, int(remaining_ms)) / 1000 if remaining_ms != -2 else None

    async def publish_end(self, id: str) -> None:
        """Publish the identifier of a session that has expired."""
        await self._clients().execute("PUBLISH", self.revocation_channel, id)

    def needs_index(self, record: Record) -> bool:
        """Whether a session must be indexed again."""
        return _now_ms() - record.indexed_ms > self.ttl_ms // 2

    async def delete(self, id: str, user: Any) -> bool:
        """Delete one session of a user, and return whether it existed."""
        arguments = (self.revocation_channel, self.user_field, dumps(user), id)
        try:
            count = await self._clients().run_script(_DELETE, (self.key(id),), arguments)
        finally:
            self.on_change(id)
        await self._remove_index(id, user)
        return bool(count)

    async def delete_all(self, user: Any) -> int:
        """Delete every session of a user, and return their number."""
        clients = self._clients()
        index = self.index_key(user)
        arguments = (self.revocation_channel, self.user_field, dumps(user))
        # In a cluster, the keys of one script must be on one server.
        last = _DELETE_SLICE - 1
        count = 0
        while ids := await clients.execute("ZRANGE", index, 0, last, idempotent=True):
            parts = [[id] for id in ids] if clients.is_cluster else [ids]
            counts = await asyncio.gather(
                *(
                    clients.run_script(
                        _DELETE, [self.key(id.decode()) for id in part], (*arguments, *part)
                    )
                    for part in parts
                )
            )
            count += sum(counts)
            for id in ids:
                self.on_change(id.decode())
            await clients.execute("ZREM", index, *ids, idempotent=True)
        return count

    async def _index(self, id: str, user: Any) -> None:
        now = _now_ms()
        # An entry outlives its session, which is indexed again after half of its time to live.
        ttl_ms = 2 * self.ttl_ms
        await self._run(_INDEX, self.index_key(user), now, now + ttl_ms, id, ttl_ms)

    async def _remove_index(self, id: str, user: Any) -> None:
        await self._clients().execute("ZREM", self.index_key(user), id, idempotent=True)

    async def _run(self, script: Script, key: str, *arguments: Any) -> Any:
        return await self._clients().run_script(script, (key,), arguments)

    def key(self, id: str) -> str:
        """Return the key of a session in Redis."""
        return self._clients().key("sessions", id)

    def index_key(self, user: Any) -> str:
        """Return the key of the identifiers of the sessions of a user in Redis."""
        return self._clients().key("sessions", "of", dumps(user).decode())


def _record(fields: list[bytes]) -> Record | None:
    if not fields:
        return None
    hash_fields = dict(zip(fields[::2], fields[1::2], strict=True))
    return Record(
        {key[1:].decode(): loads(value) for key, value in hash_fields.items() if key[:1] == _KEY},
        int(hash_fields.get(_CREATED, b"0")),
        int(hash_fields.get(_INDEXED, b"0")),
        any(value[:1] in _CONTAINERS for value in hash_fields.values()),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
