"""`Claim` and `ClaimStore`: the keys in Redis, each claimed by the call that runs."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from actionhero_limits.idempotency.stored_outcome import StoredOutcome
from actionhero_redis import Script

if TYPE_CHECKING:
    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.limits")

#: How long a claim lasts without renewal: a call whose process has died is repeated after that.
LEASE_MS: Final = 30_000

#: Claims a key for a call. A hash: the fingerprint of the inputs, the token of the claim, and once
#: the call has ended, its status and body.
_CLAIM: Final = Script(
    """
local held = redis.call('HMGET', KEYS[1], 'fingerprint', 'token', 'status', 'body')
if not held[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'token', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'claimed'}
end
if held[1] ~= ARGV[1] then return {'other inputs'} end
if held[3] then return {held[3], held[4]} end
if held[2] == ARGV[2] then return {'claimed'} end
return {'running'}
""",
    idempotent=True,
)
#: Renews a claim, unless another call has claimed the key, or has ended. One that has lapsed is
#: restored.
_RENEW: Final = Script(
    """
local held = redis.call('HMGET', KEYS[1], 'token', 'status')
if held[2] or (held[1] and held[1] ~= ARGV[2]) then return 0 end
if not held[1] then redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'token', ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
""",
    idempotent=True,
)
#: Stores the outcome of a call, unless another one has stored its own; with the last argument, also
#: unless this one has.
_SETTLE: Final = Script(
    """
local held = redis.call('HMGET', KEYS[1], 'token', 'status')
if held[2] and held[1] ~= ARGV[2] then return 0 end
if held[2] and ARGV[6] == '1' then return 1 end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'token', ARGV[2],
  'status', ARGV[4], 'body', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if held[1] and held[1] ~= ARGV[2] then return 0 end
return 1
""",
    idempotent=True,
)
#: Gives a claim back, so that the call may be repeated.
_RELEASE: Final = Script(
    """
local held = redis.call('HMGET', KEYS[1], 'token', 'status')
if held[1] == ARGV[1] and not held[2] then redis.call('DEL', KEYS[1]) end
return 1
""",
    idempotent=True,
)


@dataclass(slots=True, eq=False)
class Claim:
    """The claim of a key by one call."""

    #: The digest of the action, the caller and the key.
    scope: str
    #: The digest of the inputs.
    fingerprint: bytes
    #: How long the outcome is stored, in milliseconds.
    ttl_ms: int
    #: The name of the action, for log lines.
    action: str = ""
    token: str = field(default_factory=lambda: secrets.token_hex(8))


class Running:
    """The state of a key whose call runs."""


class OtherInputs:
    """The state of a key that was used with other inputs."""


class ClaimStore:
    """The keys in Redis.

    Args:
        clients: The clients of Redis.
    """

    def __init__(self, clients: RedisClients) -> None:
        self._clients = clients

    async def claim(self, claim: Claim) -> StoredOutcome | type[Running | OtherInputs] | None:
        """Claim a key.

        Returns:
            `None`: it is claimed. Otherwise the outcome of the call that has ended, or the reason.

        Raises:
            redis.exceptions.RedisError: Redis is not available.
        """
        state, *body = await self._run(_CLAIM, claim, LEASE_MS)
        match state:
            case b"claimed":
                return None
            case b"running":
                return Running
            case b"other inputs":
                return OtherInputs
        return StoredOutcome(state.decode(), body[0])

    async def renew(self, claim: Claim) -> bool:
        """Renew a claim; `False`: another call has claimed the key in the meantime.

        Raises:
            redis.exceptions.RedisError: Redis is not available.
        """
        return bool(await self._run(_RENEW, claim, LEASE_MS))

    async def settle(
        self, claim: Claim, stored: StoredOutcome, age_ms: int = 0, *, replaces: bool = True
    ) -> None:
        """Store the outcome of a call.

        Args:
            claim: Its claim.
            stored: The outcome.
            age_ms: How long ago the call has ended.
            replaces: Whether it replaces another outcome of the same call.

        Raises:
            redis.exceptions.RedisError: Redis is not available.
        """
        ttl_ms = claim.ttl_ms - age_ms
        outcome = (stored.status, stored.body, int(not replaces))
        if ttl_ms > 0 and not await self._run(_SETTLE, claim, ttl_ms, *outcome):
            logger.warning(
                "the claim of an idempotency key has lapsed while %r ran; another call with the "
                "key may have run too",
                claim.action,
            )

    async def release(self, claim: Claim) -> None:
        """Give a claim back, so that the call may be repeated.

        Raises:
            redis.exceptions.RedisError: Redis is not available.
        """
        await self._clients.run_script(_RELEASE, [self._key(claim)], [claim.token])

    async def _run(self, script: Script, claim: Claim, *arguments: Any) -> Any:
        words = [claim.fingerprint, claim.token, *arguments]
        return await self._clients.run_script(script, [self._key(claim)], words)

    def _key(self, claim: Claim) -> str:
        return self._clients.key("idempotency", claim.scope)
