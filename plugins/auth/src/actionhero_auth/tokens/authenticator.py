"""`TokenAuthenticator`: identifies the callers of tokens of other issuers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from actionhero import Authenticator
from actionhero_auth.credential_cache import CredentialCache
from actionhero_auth.revocation_notices import RevocationNotices
from actionhero_auth.roles import RolePermissions
from actionhero_auth.settings import AuthSettings
from actionhero_auth.tokens.key_client import client_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from actionhero import Application, Connection, Credentials, Principal
    from actionhero_auth.tokens.key_client import KeyClient
    from actionhero_auth.tokens.token_verifier import TokenVerifier

#: How long a verified token is not verified again, unless it expires before.
CACHE_SECONDS = 30.0


class TokenAuthenticator(Authenticator):
    """Accepts the tokens (JWT) of the issuers in the settings, as `Authorization: Bearer …`.

    Args:
        settings: The issuers, and the permissions of roles.
        client: Fetches the keys of issuers.
    """

    schemes = ("bearer",)
    challenge = "Bearer"

    def __init__(self, settings: AuthSettings, client: KeyClient) -> None:
        self._settings = settings
        self._client = client
        self._cache = CredentialCache(CACHE_SECONDS)
        self._cache.open()
        self._notices = RevocationNotices(self._cache)

    @cached_property
    def verifiers(self) -> dict[str, TokenVerifier]:
        """The verifiers by issuer."""
        # On first use: most commands verify no token, and cryptography is slow to import.
        from actionhero_auth.tokens.issuer_keys import IssuerKeys  # noqa: PLC0415
        from actionhero_auth.tokens.token_verifier import TokenVerifier  # noqa: PLC0415

        permissions_of_roles = RolePermissions(self._settings.roles, {}).of_roles
        return {
            issuer.issuer: TokenVerifier(
                issuer,
                # Tokens of a key that the issuer has withdrawn are verified again.
                IssuerKeys(issuer, self._client, on_change=self._cache.open),
                permissions_of_roles,
            )
            for issuer in self._settings.issuers
        }

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the principal of a token; `None` for one that is no token of these issuers.

        Raises:
            CredentialsRefused: The token is forged, expired, or for another audience.
            ServiceUnavailable: The keys of the issuer are not available.
        """
        token = credentials.token
        if (recalled := self.recall(credentials)) is not None:
            return recalled
        from actionhero_auth.tokens.token_verifier import parse  # noqa: PLC0415 - slow

        unverified = parse(token)
        if unverified is None:
            return None
        issuer = unverified.claims.get("iss")
        verifier = self.verifiers.get(issuer) if isinstance(issuer, str) else None
        if verifier is None:
            return None
        verified = await verifier.verify(token, unverified)
        # Not the generation from before: the keys may have been fetched for this token.
        self._cache.add(
            credentials.digest, verified.principal, self._cache.generation, verified.expires
        )
        self._notices.publish_at(verified.principal.credential_id, verified.expires)
        return verified.principal

    def recall(self, credentials: Credentials) -> Principal | None:
        """Return the principal of a token that was verified a moment ago."""
        return self._cache.get(credentials.digest)

    def security_schemes(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the security scheme for API documents."""
        return {
            "bearerToken": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of "
                + " or ".join(issuer.issuer for issuer in self._settings.issuers)
                + ".",
            }
        }

    def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifiers of tokens that expire."""
        return self._notices.listen()


def token_authenticators(app: Application) -> list[Authenticator]:
    """Return the authenticator of tokens, if there are issuers."""
    settings = app.get(AuthSettings)
    return [TokenAuthenticator(settings, client_for(app))] if settings.issuers else []
