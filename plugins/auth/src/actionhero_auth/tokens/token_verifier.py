"""`TokenVerifier`: verifies the tokens of one issuer, and returns their principals."""

from __future__ import annotations

import base64
import binascii
import json
import time
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from actionhero import CredentialsRefused, Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actionhero_auth.settings import IssuerSettings
    from actionhero_auth.tokens.issuer_keys import IssuerKeys

#: The longest token, in characters.
MAX_TOKEN_LENGTH: Final = 16_384
MAX_HEADER_BYTES: Final = 4096
#: The latest time of expiry, in seconds since the epoch; later ones count as this one.
MAX_TIME: Final = 2**53
#: The longest identifier of a key.
MAX_KID_LENGTH: Final = 256
#: The longest identifier of a token in that of its credentials.
MAX_TOKEN_ID_LENGTH: Final = 100


class UnverifiedToken(NamedTuple):
    """The parts of a token before its signature is verified: nothing of it is true yet."""

    header: dict[str, Any]
    claims: dict[str, Any]

    def __repr__(self) -> str:
        # Without claims, which may be private.
        return "<UnverifiedToken>"


class VerifiedToken(NamedTuple):
    """The principal of a token, and when it expires."""

    principal: Principal
    #: In seconds since the epoch, with the leeway.
    expires: float


class _Registry(JWSRegistry):
    """The algorithms of the settings, and headers of any issuer.

    joserfc warns of EdDSA, which RFC 9864 renames, and which issuers use.
    """

    max_header_length = MAX_HEADER_BYTES

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()) or name not in self.algorithms:
            raise UnsupportedAlgorithmError("the algorithm is not allowed")
        return self.algorithms[name]


class TokenVerifier:
    """Verifies the tokens of one issuer (RFC 8725).

    Only the issuer, the audience, the algorithms and the keys of the settings count; a key in the
    header of a token, or its URL, is ignored.

    Args:
        settings: The issuer.
        keys: Its keys.
        permissions_of_roles: Returns the permissions of roles.
    """

    def __init__(
        self,
        settings: IssuerSettings,
        keys: IssuerKeys,
        permissions_of_roles: Callable[[Iterable[str]], frozenset[str]],
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._permissions_of_roles = permissions_of_roles
        self._registry = _Registry(algorithms=settings.algorithms, strict_check_header=False)
        self._leeway_seconds = int(settings.leeway.total_seconds())
        self._claims = jwt.JWTClaimsRegistry(
            leeway=self._leeway_seconds,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": list(settings.audience)},
            exp={"essential": True},
        )

    async def verify(self, token: str, unverified: UnverifiedToken) -> VerifiedToken:
        """Return the principal of a token.

        Raises:
            CredentialsRefused: It is forged, expired, not yet valid, or for another audience.
            ServiceUnavailable: The keys of the issuer are not available.
        """
        algorithm, kid = unverified.header.get("alg"), unverified.header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise CredentialsRefused("The token is not valid")
        if kid is not None and not (isinstance(kid, str) and len(kid) <= MAX_KID_LENGTH):
            raise CredentialsRefused("The token is not valid")
        if not self._has_type(unverified.header):
            raise CredentialsRefused("The token is not valid")
        for key in await self._keys.find(kid, algorithm):
            try:
                claims = jwt.decode(token, key, registry=self._registry).claims
                break
            except (JoseError, ValueError, TypeError):
                continue
        else:
            raise CredentialsRefused("The token is not valid")
        try:
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise _expired() from None
        except JoseError:
            raise CredentialsRefused("The token is not valid") from None
        expires = float(min(claims["exp"], MAX_TIME)) + self._leeway_seconds
        # joserfc compares whole seconds; at the notice of its expiry, a token must be refused.
        if not time.time() < expires:
            raise _expired()
        return VerifiedToken(self._principal(token, claims), expires)

    def _has_type(self, header: Mapping[str, Any]) -> bool:
        expected = self._settings.token_type
        if expected is None:
            return True
        actual = header.get("typ")
        # A media type, whose prefix may be left out (RFC 7515 §4.1.9).
        prefix = "application/"
        return isinstance(actual, str) and (
            actual.lower().removeprefix(prefix) == expected.lower().removeprefix(prefix)
        )

    def _principal(self, token: str, claims: dict[str, Any]) -> Principal:
        settings = self._settings
        user = _claim(claims, settings.user_claim)
        if isinstance(user, bool) or not isinstance(user, str | int) or user == "":
            raise CredentialsRefused("The token is not valid")
        if settings.user_prefix:
            user = f"{settings.user_prefix}{user}"
        scopes = _names(claims, settings.scopes_claim) if settings.scopes_claim else None
        permissions = _names(claims, settings.permissions_claim)
        roles = _names(claims, settings.roles_claim)
        client = claims.get("client_id")
        return Principal(
            user,
            # A client that acts for itself (RFC 9068 §2.2).
            kind="service" if client is not None and client == claims.get("sub") else "user",
            scopes=scopes,
            permissions=permissions | self._permissions_of_roles(roles),
            claims=MappingProxyType(claims),
            method="bearer",
            credential_id=self._credential_id(token, claims.get("jti")),
        )

    def _credential_id(self, token: str, token_id: str | None) -> str:
        """Return the public identifier of a token: by its `jti`, which is unique in an issuer."""
        # joserfc has refused a `jti` that is no text.
        if token_id and len(token_id) <= MAX_TOKEN_ID_LENGTH and token_id.isprintable():
            return f"{self._settings.issuer}#{token_id}"
        return sha256(token.encode()).hexdigest()[:32]


def _expired() -> CredentialsRefused:
    return CredentialsRefused("The token has expired", reason="expired")


def parse(token: str) -> UnverifiedToken | None:
    """Return the parts of a token; `None` if it is none.

    Each part has to be in its only canonical form: with other bits at its end, or characters that
    a lenient decoder skips, one signature would have several texts.
    """
    if len(token) > MAX_TOKEN_LENGTH or token.count(".") != 2:
        return None
    try:
        first, second, _ = (_decode(part) for part in token.split("."))
        header, claims = json.loads(first), json.loads(second)
    except (ValueError, RecursionError):
        return None
    if not (isinstance(header, dict) and isinstance(claims, dict)):
        return None
    return UnverifiedToken(header, claims)


def _decode(part: str) -> bytes:
    try:
        encoded = part.encode("ascii")
        decoded = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != encoded:
        raise ValueError("not canonical")
    return decoded


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim: of this name, or nested, by names that are joined by dots."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _names(claims: Mapping[str, Any], name: str | None) -> frozenset[str]:
    """Return the names in a claim: a list of texts, or a text with spaces (RFC 8693 §4.2)."""
    value = None if name is None else _claim(claims, name)
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(item for item in value if isinstance(item, str))
    return frozenset()
