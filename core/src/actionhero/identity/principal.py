"""`Credentials` that a client sends, and the `Principal` that they identify."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_CLAIMS: Final[Mapping[str, Any]] = MappingProxyType({})


def is_no_user(user: Any) -> bool:
    """Return whether a value is no user: `None`, an empty text or `False`. Zero is a user."""
    return user is None or user is False or user == ""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of an action: `call.principal`.

    It is immutable: a sign-in results in another principal.
    """

    #: The user as the application knows them, a JSON value: that of the session key
    #: `sessions.user_key`, the owner of an API key, the `sub` of a token. `None`: anonymous; so are
    #: an empty text and `False`, by which some applications sign a user out.
    user: Any = None
    #: `user` for people, `service` for programs that act for themselves.
    kind: str = "user"
    #: The scopes of the credentials; `None`: they are not limited by scopes, as a session.
    scopes: frozenset[str] | None = None
    #: The permissions that the credentials state. `Call.has_permission` also asks the source of
    #: permissions.
    permissions: frozenset[str] = frozenset()
    #: Further statements of the credentials, such as the claims of a token.
    claims: Mapping[str, Any] = field(default_factory=lambda: _NO_CLAIMS, repr=False, hash=False)
    #: How the caller was identified: `session`, `api_key`, `bearer`, `operator`, `job`, …
    method: str = ""
    #: The public identifier of the credentials, for audit logs and revocations; never the secret.
    credential_id: str = ""

    def __post_init__(self) -> None:
        # A part of a text would be one of its scopes: `"orders:read" in "orders:read:own"`.
        for name in ("scopes", "permissions"):
            if isinstance(getattr(self, name), str | bytes):
                raise TypeError(
                    f"the {name} of a principal are a frozenset of names, not one text; "
                    "write frozenset({…}), or frozenset(text.split())"
                )

    @property
    def id(self) -> str:
        """The user as text; empty for an anonymous caller."""
        return "" if self.is_anonymous else str(self.user)

    @property
    def is_anonymous(self) -> bool:
        """Whether the caller is unknown."""
        return is_no_user(self.user)

    def has_scope(self, scope: str) -> bool:
        """Return whether the credentials include a scope.

        Those without scopes, such as a session, include all; an anonymous caller has none.
        """
        if self.is_anonymous:
            return False
        return self.scopes is None or scope in self.scopes


# The descriptors of the slots, in the order of the fields.
_SETTERS: Final = [getattr(Principal, name).__set__ for name in Principal.__slots__]
_set_user, _set_kind, _set_scopes, _set_permissions, _set_claims, *_others = _SETTERS
_set_method, _set_credential_id = _others
_NONE: Final[frozenset[str]] = frozenset()


def session_principal(user: Any) -> Principal:
    """Return the principal of the user of a session.

    Made for each call. The constructor of a frozen dataclass takes 1 µs, this less than half of it.
    """
    principal = object.__new__(Principal)
    _set_user(principal, user)
    _set_kind(principal, "user")
    _set_scopes(principal, None)
    _set_permissions(principal, _NONE)
    _set_claims(principal, _NO_CLAIMS)
    _set_method(principal, "session")
    _set_credential_id(principal, "")
    return principal


#: The principal of a call without credentials.
ANONYMOUS: Final = Principal(kind="anonymous", scopes=frozenset())


@dataclass(frozen=True, repr=False)
class Credentials:
    """Credentials that a client sends with a call, other than a session."""

    #: The authentication scheme in lower case, such as `bearer`.
    scheme: str
    #: The secret.
    token: str

    @cached_property
    def digest(self) -> bytes:
        """The digest of the secret, by which authenticators cache principals: BLAKE2b."""
        # A header that is not UTF-8 has lone surrogates.
        return blake2b(self.token.encode("utf-8", "surrogatepass")).digest()

    def __repr__(self) -> str:
        # Without the secret.
        return f"<Credentials {self.scheme}>"
