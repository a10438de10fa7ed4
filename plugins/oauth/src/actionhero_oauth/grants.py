"""`Grants`: the grants of users to clients, in Redis."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import dumps
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.grant import Grant, grant_of
from actionhero_oauth.tokens import new_grant_id
from actionhero_redis import NOW_MS, Script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from datetime import timedelta

    from actionhero_redis import RedisClients

# KEYS: the grant. ARGV: its lifetime in milliseconds, and pairs of fields and values.
# A grant that was revoked before it was made is not made.
_CREATE: Final = Script(
    NOW_MS
    + """
if redis.call('HEXISTS', KEYS[1], 'revoked') == 1 then return {} end
redis.call('HSET', KEYS[1], 'created', now, 'rotated', now, unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HGETALL', KEYS[1])
""",
    idempotent=True,
)

# KEYS: the grant. ARGV: the generation of the refresh token, the lifetime of the grant and the
# grace time in milliseconds, the Redis channel, the identifier of the grant.
# An older refresh token was stolen, or its successor was: both end.
_ROTATE: Final = Script(
    NOW_MS
    + """
local generation = redis.call('HGET', KEYS[1], 'generation')
if not generation then return 'unknown' end
local rotated = redis.call('HGET', KEYS[1], 'rotated')
if generation == ARGV[1] then
  redis.call('HSET', KEYS[1], 'generation', generation + 1, 'previous', rotated, 'rotated', now)
elseif not (tonumber(ARGV[1]) == generation - 1 and now - rotated <= tonumber(ARGV[3])) then
  redis.call('DEL', KEYS[1])
  redis.call('PUBLISH', ARGV[4], ARGV[5])
  return 'reused'
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])
"""
)

# KEYS: the grant. ARGV: the Redis channel, the identifier of the grant, the lifetime of the note.
# The note stays longer than a code, which may be exchanged at the same time, or later.
_REVOKE: Final = Script(
    """
local existed = redis.call('HEXISTS', KEYS[1], 'user')
if existed == 1 then redis.call('DEL', KEYS[1]) end
if ARGV[3] ~= '0' then
  redis.call('HSET', KEYS[1], 'revoked', 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return existed
""",
)
#: How long a grant whose code is not exchanged yet is known, in milliseconds.
_PENDING_TTL_MS: Final = 300_000

#: How many grants one command lists.
_PAGE: Final = 1000


class Grants:
    """The grants of all users.

    Args:
        clients: Returns the clients of Redis.
        ttl: The lifetime of a grant from its last use.
        grace: How long a refresh token is accepted again after its use.
    """

    def __init__(
        self, clients: Callable[[], RedisClients], ttl: timedelta, grace: timedelta
    ) -> None:
        self._clients = clients
        self._ttl_ms = int(ttl.total_seconds() * 1000)
        self._grace_ms = int(grace.total_seconds() * 1000)

    @property
    def revocation_channel(self) -> str:
        """The Redis channel of the identifiers of grants that are revoked."""
        return self._clients().key("oauth", "revoked")

    async def create(
        self,
        user: Any,
        client_id: str,
        client_name: str,
        redirect_host: str,
        scopes: frozenset[str],
        resource: str,
        id: str = "",
    ) -> Grant:
        """Store a new grant.

        Raises:
            OAuthError: It was revoked in the meantime.
        """
        id = id or new_grant_id()
        fields: dict[str, str | bytes | int] = {
            "user": dumps(user),
            "client": client_id,
            "name": client_name,
            "host": redirect_host,
            "scopes": " ".join(sorted(scopes)),
            "resource": resource,
            "generation": 1,
            "previous": 0,
        }
        # Indexed first: a `revoke_user` that comes in between finds it.
        await self._index(id, user, self._ttl_ms)
        pairs = [part for pair in fields.items() for part in pair]
        stored = await self._clients().run_script(_CREATE, (self._key(id),), (self._ttl_ms, *pairs))
        if not stored:
            raise OAuthError("invalid_grant", "the grant was revoked")
        return grant_of(id, stored)

    async def announce(self, id: str, user: Any) -> None:
        """Note the grant of a code, so that `revoke_user` ends it before it begins."""
        await self._index(id, user, _PENDING_TTL_MS)

    async def find(self, id: str) -> Grant | None:
        """Return a grant; `None` if it was revoked, or has expired."""
        stored = await self._clients().execute("HGETALL", self._key(id), idempotent=True)
        # The note of a revoked one has one field.
        return grant_of(id, stored) if len(stored) > 2 else None

    async def rotate(self, grant: Grant, generation: int) -> Grant:
        """Replace the tokens of a grant, and return it.

        Raises:
            OAuthError: The grant was revoked in the meantime; or its refresh token was used twice,
                which revokes it.
        """
        stored = await self._clients().run_script(
            _ROTATE,
            (self._key(grant.id),),
            (generation, self._ttl_ms, self._grace_ms, self.revocation_channel, grant.id),
        )
        if stored == b"unknown":
            raise OAuthError("invalid_grant", "the refresh token was revoked, or has expired")
        if stored == b"reused":
            raise RefreshTokenReused(
                "invalid_grant", "the refresh token was used before; the grant is revoked"
            )
        await self._index(grant.id, grant.user, self._ttl_ms)
        return grant_of(grant.id, stored)

    async def revoke(self, id: str, *, is_noted: bool = True) -> bool:
        """End a grant: its tokens are refused by every process within a second.

        Args:
            id: The identifier of the grant.
            is_noted: Whether it is not made afterwards either, if it does not exist yet.

        Returns:
            Whether it existed.
        """
        note_ms = _PENDING_TTL_MS if is_noted else 0
        count = await self._clients().run_script(
            _REVOKE, (self._key(id),), (self.revocation_channel, id, note_ms)
        )
        return bool(count)

    async def revoke_user(self, user: Any) -> int:
        """End all grants of a user, and return their number."""
        count, index = 0, self._user_key(user)
        while ids := await self._ids(index):
            for id in ids:
                count += await self.revoke(id)
            await self._clients().execute("ZREM", index, *ids, idempotent=True)
        return count

    async def of_user(self, user: Any) -> list[Grant]:
        """Return the grants of a user, the newest first."""
        grants = await self._load(self._user_key(user))
        return [grant for grant in grants if grant.user == user]

    async def newest(self) -> list[Grant]:
        """Return the grants of all users, the newest first; at most 1,000."""
        return await self._load(self._all_key)

    async def revocations(
        self, on_interruption: Callable[[], object] = lambda: None
    ) -> AsyncGenerator[str | None, None]:
        """Yield the identifier of each grant that ends from now on; `None` stands for all.

        Args:
            on_interruption: Called when identifiers may be missed, until the next `None`.
        """
        from actionhero_redis import channel_messages  # noqa: PLC0415 - imports redis-py

        messages = channel_messages(
            self._clients(), self.revocation_channel, on_interruption=on_interruption
        )
        async with aclosing(messages):
            async for id in messages:
                yield id

    async def _load(self, index: str) -> list[Grant]:
        grants = [grant for id in await self._ids(index) if (grant := await self.find(id))]
        return sorted(grants, key=lambda grant: grant.created, reverse=True)

    async def _ids(self, index: str) -> list[str]:
        execute, now_ms = self._clients().execute, time.time_ns() // 1_000_000
        await execute("ZREMRANGEBYSCORE", index, "-inf", now_ms, idempotent=True)
        ids = await execute("ZREVRANGE", index, 0, _PAGE - 1, idempotent=True)
        return [id.decode() for id in ids]

    async def _index(self, id: str, user: Any, ttl_ms: int) -> None:
        execute = self._clients().execute
        expires_ms = time.time_ns() // 1_000_000 + ttl_ms
        for index in (self._user_key(user), self._all_key):
            await execute("ZADD", index, expires_ms, id, idempotent=True)
            await execute("PEXPIRE", index, self._ttl_ms, idempotent=True)

    @property
    def _all_key(self) -> str:
        return self._clients().key("oauth", "grants")

    def _user_key(self, user: Any) -> str:
        return self._clients().key("oauth", "user", dumps(user).decode())

    def _key(self, id: str) -> str:
        return self._clients().key("oauth", "grant", id)


class RefreshTokenReused(OAuthError):
    """A refresh token was used after its successor, so one of them is in the wrong hands."""
