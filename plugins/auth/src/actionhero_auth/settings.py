"""`AuthSettings`: the section `auth` of the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from actionhero import Field, Settings
from actionhero.transport import is_loopback

#: The key types (RFC 7517 §4.1) by the beginning of the names of algorithms (RFC 7518 §3.1).
KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}
#: The shortest shared secret, as long as the output of SHA-256 (RFC 7518 §3.2).
MIN_SECRET_BYTES: Final = 32

Algorithm = Literal[
    "RS256", "RS384", "RS512",
    "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512",
    "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
]  # fmt: skip


class IssuerSettings(Settings):
    """An issuer of tokens, and how its claims are read."""

    issuer: str = Field(min_length=1, description="The issuer, exactly as in the claim iss.")
    audience: list[str] = Field(
        min_length=1, description="The names of this application; aud of a token contains one."
    )
    jwks_url: str | None = Field(
        default=None,
        description="The URL of the keys of the issuer (JWKS). Not set, and no key: that of "
        "jwks_uri in <issuer>/.well-known/openid-configuration.",
    )
    key: SecretStr | None = Field(
        default=None,
        description="A key instead of a URL: a public key as PEM, a JWK or JWKS as JSON, or the "
        "shared secret of HS256.",
    )
    algorithms: list[Algorithm] = Field(
        default=["RS256", "ES256", "EdDSA"],
        min_length=1,
        description="The algorithms of signatures that are accepted. HS256 requires key.",
    )
    token_type: str | None = Field(
        default=None,
        description="The type in the header typ of accepted tokens, such as at+jwt (RFC 9068). "
        "Not set: any.",
    )
    leeway: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="The tolerated difference of the clocks for exp, nbf and iat.",
    )
    user_claim: str = Field(default="sub", min_length=1, description="The claim with the user.")
    user_prefix: str = Field(
        default="",
        description="A prefix of the user, so that the users of issuers, and of this "
        "application, cannot be mistaken for each other.",
    )
    scopes_claim: str = Field(
        default="scope",
        description="The claim with the scopes: a list, or a text with spaces. A token without "
        "that claim has no scopes. Empty: tokens are not limited by scopes.",
    )
    permissions_claim: str | None = Field(
        default=None,
        description="The claim with the permissions. Parts of a nested claim are joined by dots.",
    )
    roles_claim: str | None = Field(
        default=None,
        description="The claim with the roles, such as realm_access.roles; their permissions are "
        "in auth.roles.",
    )
    refresh_interval: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(seconds=1),
        description="How often the keys are fetched again.",
    )
    refetch_interval: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        description="How often, at most, they are fetched early, for a token with an unknown key.",
    )
    timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="The time limit for fetching the keys.",
    )

    @property
    def key_types(self) -> frozenset[str]:
        """The key types of the algorithms."""
        return frozenset(KEY_TYPES[name[:2]] for name in self.algorithms)

    @field_validator("jwks_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is not None and not is_safe_url(value):
            raise ValueError("it must be an https URL, or an http URL of this machine")
        return value

    @model_validator(mode="after")
    def _check_key(self) -> IssuerSettings:
        if self.key is None:
            if "oct" in self.key_types:
                raise ValueError(
                    "algorithms contains an HS algorithm, whose secret must not be fetched; set "
                    "key to the shared secret, or remove the algorithm"
                )
            if self.jwks_url is None and not is_safe_url(self.issuer):
                raise ValueError(
                    "neither jwks_url nor key is set, and the issuer is no https URL; set one of "
                    "them"
                )
            return self
        if self.jwks_url is not None:
            raise ValueError("both jwks_url and key are set; remove one of them")
        if "oct" in self.key_types:
            if len(self.key_types) > 1:
                raise ValueError(
                    "algorithms contains both HS algorithms and others; a shared secret is no "
                    "public key, so remove one kind"
                )
            if len(self.key.get_secret_value().encode()) < MIN_SECRET_BYTES:
                raise ValueError(f"key is shorter than {MIN_SECRET_BYTES} bytes; set a longer one")
        return self


class AuthSettings(Settings):
    """API keys, tokens of other issuers, roles, and the cost of password hashing."""

    section: ClassVar[str] = "auth"

    api_keys: bool | None = Field(
        default=None,
        description="Whether API keys are accepted, which requires actionhero-db. Not set: if it "
        "is installed and enabled.",
    )
    api_key_prefix: str = Field(
        default="ahk",
        pattern=r"^[a-z][a-z0-9]{1,15}$",
        description="The beginning of API keys, by which secret scanners recognize them.",
    )
    api_key_header: str = Field(
        default="X-API-Key",
        pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]*$",
        description="A header with an API key, besides Authorization. Empty: only Authorization.",
    )
    api_key_cache: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="How long a verified API key is not read from the database again. A "
        "revocation ends it at once.",
    )
    last_used_interval: timedelta = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=1),
        description="How often the time of the last use of an API key is written.",
    )
    issuers: list[IssuerSettings] = Field(
        default=[],
        description="The issuers whose tokens (JWT) are accepted.",
    )
    roles: dict[str, list[str]] = Field(
        default={}, description="The permissions of each role, by the name of the role."
    )
    users: dict[str, list[str]] = Field(
        default={}, description="The roles of users, by the user as text."
    )
    argon2_memory_kib: int = Field(
        default=65536, ge=8, description="Memory that is used to hash a password, in KiB."
    )
    argon2_passes: int = Field(default=3, ge=1, description="Number of passes over that memory.")
    argon2_lanes: int = Field(
        default=4, ge=1, description="Number of threads that are used to hash a password."
    )
    hashes_at_once: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of passwords that a process hashes at once; others wait. "
        "Default: the number of processors.",
    )

    @model_validator(mode="after")
    def _check_memory(self) -> AuthSettings:
        # RFC 9106, section 3.1.
        minimum = 8 * self.argon2_lanes
        if self.argon2_memory_kib < minimum:
            raise ValueError(
                f"argon2_memory_kib is {self.argon2_memory_kib} and argon2_lanes is "
                f"{self.argon2_lanes}; set the memory to at least {minimum}, or use fewer lanes"
            )
        return self

    @model_validator(mode="after")
    def _check_roles(self) -> AuthSettings:
        for user, roles in self.users.items():
            for role in roles:
                if role not in self.roles:
                    known = ", ".join(sorted(self.roles)) or "none"
                    raise ValueError(
                        f"users gives {user!r} the role {role!r}, which is not in roles "
                        f"(available: {known}); add it there"
                    )
        issuers = [item.issuer for item in self.issuers]
        for issuer in issuers:
            if issuers.count(issuer) > 1:
                raise ValueError(f"issuers contains {issuer!r} twice; combine the two")
        return self


def is_safe_url(url: str) -> bool:
    """Return whether keys may be fetched from a URL: over HTTPS, or from this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or not host:
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and is_loopback(host)
