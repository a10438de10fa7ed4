"""`OAuthSettings`: the section `oauth` of the settings."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from actionhero import Field, Settings
from actionhero.transport import is_loopback

#: A scope token (RFC 6749 §3.3).
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+")


class KnownClient(Settings):
    """A client that the operator has entered, in place of a registration."""

    id: str = Field(min_length=1, description="The client_id.")
    name: str = Field(min_length=1, description="The name on the consent page.")
    redirect_uris: list[str] = Field(min_length=1, description="The redirect URIs.")
    secret: SecretStr | None = Field(
        default=None, description="The client_secret; not set: a public client."
    )


class OAuthSettings(Settings):
    """The authorization server."""

    section: ClassVar[str] = "oauth"

    issuer: str | None = Field(
        default=None,
        description="The public URL of the application, such as https://example.com. Required in "
        "production; in development the address of the server.",
    )
    sign_in: str = Field(
        default="session:create",
        description="The action that signs users in; the form has a field for each of its inputs.",
    )
    sign_up: str | None = Field(
        default=None,
        description="The action that creates accounts, such as user:create: the sign-in form has "
        "a link to a form with its inputs.",
    )
    sign_in_url: str | None = Field(
        default=None,
        description="The path of the application's own sign-in page, in place of the form. It is "
        "opened with the query parameter `next`, the path to continue with.",
    )
    scopes: dict[str, str] = Field(
        default={"mcp": "Use this application"},
        description="The scopes that clients may request, with their texts on the consent page.",
    )
    default_scopes: list[str] = Field(
        default=["mcp"], description="The scopes of a request without scopes."
    )
    implies: dict[str, list[str]] = Field(
        default={}, description="Scopes that include others: {admin = ['messages:write']}."
    )
    clients: list[KnownClient] = Field(default=[], description="Clients that need no registration.")
    registration: bool = Field(
        default=True, description="Whether clients may register themselves (RFC 7591)."
    )
    requests_per_minute: int = Field(
        default=60,
        ge=1,
        description="The requests for authorization per minute of one address.",
    )
    registrations_per_hour: int = Field(
        default=5, ge=1, description="The registrations per hour of one address."
    )
    total_registrations_per_hour: int = Field(
        default=200, ge=1, description="The registrations per hour of all addresses."
    )
    trusted_clients: list[str] = Field(
        default=[],
        description="The hosts of client metadata documents; empty: all hosts.",
    )
    access_ttl: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(seconds=1),
        description="The lifetime of an access token.",
    )
    refresh_ttl: timedelta = Field(
        default=timedelta(days=30),
        ge=timedelta(minutes=1),
        description="The lifetime of a grant from its last use.",
    )
    refresh_grace: timedelta = Field(
        default=timedelta(minutes=1),
        ge=timedelta(0),
        description="How long a refresh token is accepted again after its use, with the same "
        "result, for a client that lost the response.",
    )
    introspection: bool = Field(
        default=False,
        description="Whether clients with a secret may introspect tokens (RFC 7662).",
    )

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, issuer: str | None) -> str | None:
        if issuer is None:
            return None
        parts = urlsplit(issuer)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must be a URL such as https://example.com")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("it must have no query, fragment or user (RFC 8414 §2)")
        if issuer.endswith("/"):
            raise ValueError("it must not end with a slash")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("it must begin with https://")
        return issuer

    @model_validator(mode="after")
    def _check_scopes(self) -> OAuthSettings:
        for scope in self.scopes:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f"the scope {scope!r} must be printable ASCII without spaces")
        named = [
            *self.default_scopes,
            *self.implies,
            *(s for v in self.implies.values() for s in v),
        ]
        for scope in named:
            if scope not in self.scopes:
                known = ", ".join(sorted(self.scopes))
                raise ValueError(f"unknown scope {scope!r}; scopes has: {known}")
        return self

    def with_implied(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return scopes and all that they include."""
        total, new = scopes, scopes
        while new := frozenset(s for scope in new for s in self.implies.get(scope, ())) - total:
            total |= new
        return total
