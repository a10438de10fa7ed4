"""`SessionSummary`: a stored session without its identifier and its values."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero.transport import dumps
from actionhero_redis import Script

if TYPE_CHECKING:
    from actionhero_sessions.records import Records

#: How many sessions of one user are listed at most.
MAX_SESSIONS: Final = 1_000
_HANDLE_DIGITS: Final = 16
_KEYS_PER_STEP: Final = 1_000

# Does not renew the time to live. ARGV: the field of the user, and the user.
_DESCRIBE = Script(
    """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return false end
return {redis.call('HGET', KEYS[1], 'created'), redis.call('PTTL', KEYS[1]),
        redis.call('HKEYS', KEYS[1])}
""",
    idempotent=True,
)


class SessionSummary(NamedTuple):
    """A session of a user, for lists of devices and for operators."""

    #: Identifies the session in `Sessions.end`, and is no secret: 16 hexadecimal digits.
    handle: str
    #: When it began, in milliseconds since the epoch.
    began_ms: int
    #: When it was used last, in milliseconds since the epoch.
    used_ms: int
    #: When it ends unless it is used, in milliseconds since the epoch.
    expires_ms: int
    #: The names of its keys, sorted.
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionCount:
    """The number of sessions of all users."""

    count: int
    #: Whether all sessions were counted; false if there are more than the limit.
    is_complete: bool


class Summaries:
    """Lists and counts the sessions in Redis.

    Args:
        records: The sessions.
        key: The key of handles, so that they cannot be computed from identifiers elsewhere.
    """

    def __init__(self, records: Records, key: bytes) -> None:
        self._records = records
        self._key = key

    async def of(self, user: Any, now_ms: int) -> list[SessionSummary]:
        """Return the sessions of a user, the one that was used last first."""
        ids = await self._ids(user)
        summaries = await asyncio.gather(*(self._describe(id, user, now_ms) for id in ids))
        return sorted(filter(None, summaries), key=lambda summary: summary.used_ms, reverse=True)

    async def id_of(self, user: Any, handle: str) -> str | None:
        """Return the identifier of the session of a user with a handle."""
        # A handle is perhaps an input, with any characters.
        expected = handle.encode(errors="replace")
        for id in await self._ids(user):
            if hmac.compare_digest(self._handle(id).encode(), expected):
                return id
        return None

    async def count(self, limit: int) -> SessionCount:
        """Count the sessions, up to a limit."""
        clients = self._records.clients
        pattern = clients.key("sessions", "*")
        prefix_length = len(pattern) - 1
        count = 0
        async for key in clients.client.scan_iter(match=pattern, count=_KEYS_PER_STEP):
            # The lists of the sessions of users have a further part in their key.
            if ":" not in key[prefix_length:]:
                count += 1
                if count > limit:
                    return SessionCount(limit, is_complete=False)
        return SessionCount(count, is_complete=True)

    async def _describe(self, id: str, user: Any, now_ms: int) -> SessionSummary | None:
        """Return the summary of a session; `None` if it has ended, or is of another user."""
        records = self._records
        description = await records.clients.run_script(
            _DESCRIBE, (records.key(id),), (records.user_field, dumps(user))
        )
        if not description:
            return None
        created, ttl_ms, fields = description
        expires_ms = now_ms + int(ttl_ms)
        keys = sorted(field[1:].decode() for field in fields if field[:1] == b":")
        return SessionSummary(
            self._handle(id),
            int(created or 0),
            expires_ms - records.ttl_ms,
            expires_ms,
            tuple(keys),
        )

    async def _ids(self, user: Any) -> list[str]:
        records = self._records
        ids = await records.clients.execute(
            "ZRANGE", records.index_key(user), 0, MAX_SESSIONS - 1, "REV", idempotent=True
        )
        return [id.decode() for id in ids]

    def _handle(self, id: str) -> str:
        return hmac.new(self._key, id.encode(), hashlib.sha256).hexdigest()[:_HANDLE_DIGITS]
