"""`AuthorizationRequests`: requests that wait for the user's consent, and the codes they get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero.transport import dumps, loads
from actionhero_oauth.attempts import count
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.redirects import redirect_host
from actionhero_oauth.tokens import digest, new_secret
from actionhero_redis import Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_redis import RedisClients

#: How long a user may take for the sign-in and the consent, in milliseconds.
_REQUEST_TTL_MS: Final = 600_000
#: The lifetime of a code, in milliseconds (RFC 6749 §4.1.2 recommends at most ten minutes).
_CODE_TTL_MS: Final = 60_000
#: How long a used code is remembered, so that its second use is noticed.
_USED_TTL_MS: Final = 3_600_000
_USED: Final = b"used:"

# KEYS: the code. ARGV: the lifetime of the note that it was used.
_REDEEM: Final = Script(
    """
local stored = redis.call('GET', KEYS[1])
if not stored then return stored end
if string.sub(stored, 1, 5) == 'used:' then
  if not string.find(stored, ':again', 1, true) then
    redis.call('SET', KEYS[1], stored .. ':again', 'KEEPTTL')
  end
  return stored
end
local grant = cjson.decode(stored)['grant']
redis.call('SET', KEYS[1], 'used:' .. grant, 'PX', ARGV[1])
return stored
"""
)


class AuthorizationRequest(NamedTuple):
    """A valid request of a client (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1)."""

    client_id: str
    redirect_uri: str
    #: Whether the request named it; then the token request must do so too.
    has_redirect_uri: bool
    state: str
    #: The code challenge, by the method S256.
    challenge: str
    scopes: tuple[str, ...]
    resource: str

    @property
    def redirect_host(self) -> str:
        """The host that the user is sent to."""
        return redirect_host(self.redirect_uri)


class CodeGrant(NamedTuple):
    """The consent that a code represents."""

    request: AuthorizationRequest
    user: Any
    client_name: str
    scopes: tuple[str, ...]
    #: The identifier of the grant that the code becomes.
    grant_id: str


class CodeReused(OAuthError):
    """A code was used twice: its grant must end (RFC 6749 §4.1.2).

    Args:
        grant_id: The grant.
    """

    def __init__(self, grant_id: str) -> None:
        super().__init__("invalid_grant", "the code was used before; its grant is revoked")
        self.grant_id = grant_id


class AuthorizationRequests:
    """The requests and codes in Redis.

    Args:
        clients: Returns the clients of Redis.
    """

    def __init__(self, clients: Callable[[], RedisClients]) -> None:
        self._clients = clients

    async def add(self, request: AuthorizationRequest, address: str | None, limit: int) -> str:
        """Store a request for ten minutes, and return its identifier.

        Args:
            request: The request.
            address: The address of the browser.
            limit: How many requests an address may send per minute: strangers fill the store.

        Raises:
            RateLimited: There are more.
        """
        key = self._clients().key("oauth", "requests", address or "")
        await count(self._clients(), key, limit, 60_000, "Too many requests for authorization")
        id = new_secret()
        await self._set("request", id, dumps(request._asdict()), _REQUEST_TTL_MS)
        return id

    async def find(self, id: str) -> AuthorizationRequest | None:
        """Return a request; `None` if it was answered, or has expired."""
        stored = await self._clients().execute("GET", self._key("request", id), idempotent=True)
        return None if stored is None else _request(loads(stored))

    async def take(self, id: str) -> bool:
        """Remove a request, and return whether it was there: it is answered once."""
        return bool(await self._clients().execute("DEL", self._key("request", id)))

    async def issue_code(
        self,
        request: AuthorizationRequest,
        user: Any,
        client_name: str,
        scopes: tuple[str, ...],
        grant_id: str,
    ) -> str:
        """Return a code, which is valid for a minute."""
        code = new_secret()
        values = {
            "request": request._asdict(),
            "user": user,
            "name": client_name,
            "scopes": scopes,
            "grant": grant_id,
        }
        await self._set("code", code, dumps(values), _CODE_TTL_MS)
        return code

    async def redeem(self, code: str) -> CodeGrant:
        """Return the consent of a code; one of several concurrent callers succeeds.

        Raises:
            CodeReused: It was used before.
            OAuthError: It is unknown, or has expired.
        """
        stored = await self._clients().run_script(
            _REDEEM, (self._key("code", code),), (_USED_TTL_MS,)
        )
        if stored is None:
            raise OAuthError("invalid_grant", "the code is unknown, or has expired")
        if stored.startswith(_USED):
            raise CodeReused(stored.removeprefix(_USED).partition(b":")[0].decode())
        values = loads(stored)
        return CodeGrant(
            _request(values["request"]),
            values["user"],
            values["name"],
            tuple(values["scopes"]),
            values["grant"],
        )

    async def is_reused(self, code: str) -> bool:
        """Return whether a code was used again after its redemption."""
        stored = await self._clients().execute("GET", self._key("code", code), idempotent=True)
        return stored is not None and stored.startswith(_USED) and stored.endswith(b":again")

    async def _set(self, kind: str, secret: str, value: bytes, ttl_ms: int) -> None:
        key = self._key(kind, secret)
        await self._clients().execute("SET", key, value, "PX", ttl_ms, idempotent=True)

    def _key(self, kind: str, secret: str) -> str:
        return self._clients().key("oauth", kind, digest(secret))


def _request(values: dict[str, Any]) -> AuthorizationRequest:
    return AuthorizationRequest(**values | {"scopes": tuple(values["scopes"])})
