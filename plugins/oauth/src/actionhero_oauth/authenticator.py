"""`AccessTokenAuthenticator`: identifies users by the access tokens of their clients."""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero import Authenticator, Principal, SignInRequired
from actionhero_oauth.authorization_server import authorization_server_for
from actionhero_oauth.metadata import resource_metadata_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from actionhero import Application, Connection, Credentials
    from actionhero_oauth.authorization_server import AuthorizationServer

#: How long a verified token is cached, in seconds.
CACHE_SECONDS: Final = 30.0
_CACHE_SIZE: Final = 10_000
#: The prefix of all our tokens; other bearer tokens are of other authenticators.
_PREFIXES: Final = ("aha_", "ahr_")


class _Verified(NamedTuple):
    principal: Principal
    resource: str
    #: When it must be verified again, by the monotonic clock.
    until: float


class AccessTokenAuthenticator(Authenticator):
    """Verifies access tokens, and caches them while revocations are received.

    Args:
        server: Returns the authorization server, which is created after this object.
    """

    schemes = ("bearer",)
    challenge = "Bearer"

    def __init__(self, server: Callable[[], AuthorizationServer]) -> None:
        self._server = server
        self._cache: OrderedDict[str, _Verified] = OrderedDict()
        self._is_caching = False
        #: Counts revocations: one may arrive while the grant of a token is read.
        self._revocations = 0

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the user of an access token, with its scopes.

        Raises:
            SignInRequired: It is expired, revoked, or for another resource.
            ServiceUnavailable: Redis is not available.
        """
        token = credentials.token
        if not token.startswith(_PREFIXES):
            return None
        verified = self._cache.get(token)
        if verified is None or verified.until < time.monotonic():
            verified = await self._verify(token)
        if verified.resource != self._server().resources.of_transport(connection.transport):
            raise _invalid("The access token is for another resource")
        return verified.principal

    async def _verify(self, token: str) -> _Verified:
        server = self._server()
        self._cache.pop(token, None)
        revocations = self._revocations
        valid = await server.grant_of(token)
        if valid is None:
            raise _invalid("The access token is not valid, or has expired")
        grant, expires = valid
        principal = Principal(
            grant.user,
            scopes=server.settings.with_implied(grant.scopes),
            claims={"client_id": grant.client_id, "resource": grant.resource},
            method="oauth",
            credential_id=grant.id,
        )
        seconds = min(CACHE_SECONDS, expires - time.time())
        verified = _Verified(principal, grant.resource, time.monotonic() + seconds)
        if self._is_caching and revocations == self._revocations:
            self._cache[token] = verified
            while len(self._cache) > _CACHE_SIZE:
                self._cache.popitem(last=False)
        return verified

    async def watch(self) -> None:
        """Cache tokens until cancelled, and forget those that are revoked in any process."""
        try:
            revocations = self._server().grants.revocations(self._stop_caching)
            async with aclosing(revocations) as revoked:
                async for grant_id in revoked:
                    self._is_caching = True
                    self._forget(grant_id)
        finally:
            self._stop_caching()

    def _stop_caching(self) -> None:
        self._is_caching = False
        self._forget(None)

    def _forget(self, grant_id: str | None) -> None:
        self._revocations += 1
        for token, verified in list(self._cache.items()):
            if grant_id is None or verified.principal.credential_id == grant_id:
                del self._cache[token]

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifiers of grants that are revoked."""
        async with aclosing(self._server().grants.revocations()) as revoked:
            async for grant_id in revoked:
                self._forget(grant_id)
                yield grant_id

    def challenge_parameters(self, transport: str) -> Mapping[str, str]:
        """Return the URL of the metadata of the resource, and the scopes to ask for at first."""
        resource = self._server().resources.of_transport(transport)
        if resource is None:
            return {}
        scope = " ".join(self._server().settings.default_scopes)
        url = resource_metadata_url(resource)
        return {"resource_metadata": url, "scope": scope} if scope else {"resource_metadata": url}

    def security_schemes(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the flow for API documents (OpenAPI 3.1 §4.8.30)."""
        server = self._server()
        base = f"{server.issuer}/oauth"
        flow = {
            "authorizationUrl": f"{base}/authorize",
            "tokenUrl": f"{base}/token",
            "refreshUrl": f"{base}/token",
            "scopes": dict(server.settings.scopes),
        }
        return {"oauth": {"type": "oauth2", "flows": {"authorizationCode": flow}}}


def _invalid(message: str) -> SignInRequired:
    return SignInRequired(message, challenge={"error": "invalid_token"})


def authenticator_for(app: Application) -> AccessTokenAuthenticator:
    """Return the authenticator of an application."""
    if not app.has(AccessTokenAuthenticator):
        authenticator = AccessTokenAuthenticator(partial(authorization_server_for, app))
        app.provide(AccessTokenAuthenticator, authenticator)
    return app.get(AccessTokenAuthenticator)
