"""`ApiKeyAuthenticator`: identifies the callers of API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import AuditLog, Authenticator
from actionhero_auth.api_keys.activation import are_active
from actionhero_auth.api_keys.key_format import KeyFormat
from actionhero_auth.api_keys.key_service import ApiKeys
from actionhero_auth.api_keys.key_verifier import KeyVerifier
from actionhero_auth.api_keys.revocations import KeyRevocations
from actionhero_auth.credential_cache import CredentialCache
from actionhero_auth.revocation_notices import RevocationNotices
from actionhero_auth.settings import AuthSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from actionhero import Application, Connection, Credentials, Principal

#: The scheme of the header with a key.
SCHEME: Final = "apikey"


class ApiKeyAuthenticator(Authenticator):
    """Accepts API keys as `Authorization: Bearer …`, and in a header of their own.

    Args:
        verifier: Verifies keys.
        cache: The keys that were verified a moment ago.
        notices: The ends of keys, for open connections.
        header: The name of the header; empty: only `Authorization`.
    """

    schemes = ("bearer", SCHEME)
    challenge = "Bearer"

    def __init__(
        self,
        verifier: KeyVerifier,
        cache: CredentialCache,
        notices: RevocationNotices,
        header: str,
    ) -> None:
        self._verifier = verifier
        self._start = verifier.format.start
        self._cache = cache
        self._notices = notices
        self.headers = {header: SCHEME} if header else {}

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the principal of a key; `None` for another token.

        Raises:
            CredentialsRefused: The key is unknown, revoked or expired.
            ServiceUnavailable: The database is not available.
        """
        token = credentials.token
        if not token.startswith(self._start):
            return None
        if (recalled := self.recall(credentials)) is not None:
            return recalled
        generation = self._cache.generation
        principal, expires_at = await self._verifier.verify(token)
        expires = None if expires_at is None else expires_at.timestamp()
        self._cache.add(credentials.digest, principal, generation, expires)
        if expires is not None:
            self._notices.publish_at(principal.credential_id, expires)
        return principal

    def recall(self, credentials: Credentials) -> Principal | None:
        """Return the principal of a key that was verified a moment ago."""
        return self._cache.get(credentials.digest)

    def security_schemes(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the security schemes for API documents."""
        schemes: dict[str, Mapping[str, Any]] = {
            "apiKeyBearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, as `Authorization: Bearer …`.",
            }
        }
        for header in self.headers:
            schemes["apiKey"] = {
                "type": "apiKey",
                "in": "header",
                "name": header,
                "description": "An API key.",
            }
        return schemes

    def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifiers of keys that are revoked, in any process, or expire."""
        return self._notices.listen()


def api_key_authenticators(app: Application) -> list[Authenticator]:
    """Return the authenticator of API keys, if they are accepted, and provide `ApiKeys`."""
    if not are_active(app):
        return []
    from actionhero_db import Database  # noqa: PLC0415 - an extra

    settings = app.get(AuthSettings)
    cache = CredentialCache(settings.api_key_cache.total_seconds())
    notices = RevocationNotices(cache)
    revocations = KeyRevocations(app, cache, notices)
    format = KeyFormat(settings.api_key_prefix)

    def database() -> Database:
        return app.get(Database)

    app.provide(ApiKeys, ApiKeys(format, database, revocations.publish, app.get(AuditLog)))
    app.provide(KeyRevocations, revocations)
    verifier = KeyVerifier(format, settings.last_used_interval, database)
    return [ApiKeyAuthenticator(verifier, cache, notices, settings.api_key_header)]
