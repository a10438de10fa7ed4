"""Authenticators, which identify the principals of credentials, and the source of permissions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from actionhero.errors import MalformedRequest, SignInRequired
from actionhero.identity.principal import Credentials

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from actionhero.connection import Connection
    from actionhero.identity.principal import Principal

#: The header of `Credentials.scheme` and `Credentials.token` (RFC 9110 §11.6.2).
AUTHORIZATION: Final = "Authorization"


class Authenticator(ABC):
    """Identifies the principals of one kind of credentials.

    Added by the hook `actionhero_authenticators`. One instance serves all calls at once.
    """

    #: The schemes that it reads, in lower case, such as `("bearer",)`.
    schemes: ClassVar[tuple[str, ...]]
    #: A header of its own with the secret, by its name, such as `X-API-Key`, and its scheme.
    headers: ClassVar[Mapping[str, str]] = {}
    #: The scheme in `WWW-Authenticate`, such as `Bearer`; empty: none is sent for it.
    challenge: ClassVar[str] = ""

    @abstractmethod
    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the principal of credentials.

        Called for each call with credentials of one of `schemes`, before its inputs are read, so
        it has to cache slow results.

        Args:
            credentials: The credentials.
            connection: The client.

        Returns:
            The principal; `None` if the credentials are not of this kind: the next authenticator
            is asked.

        Raises:
            SignInRequired: The credentials are of this kind, and expired, revoked or forged. The
                message must not contain any of them.
            ServiceUnavailable: They cannot be checked now.
        """

    def security_schemes(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the security schemes for API documents, by their names (OpenAPI 3.1 §4.8.27)."""
        return {}

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield `Principal.credential_id` of credentials that are revoked, in any process.

        For transports whose connections outlive a call. `None` stands for all: before the first,
        and during an interruption, any may have been revoked.
        """
        revoked: tuple[str | None, ...] = ()
        for id in revoked:
            yield id


class Authentication:
    """The authenticators of an application.

    Args:
        authenticators: The authenticators, in the order in which they are asked.
    """

    def __init__(self, authenticators: Sequence[Authenticator] = ()) -> None:
        self.authenticators = tuple(authenticators)
        self._by_scheme: dict[str, list[Authenticator]] = {}
        #: The headers with secrets, besides `Authorization`, and their schemes.
        self._headers: dict[str, str] = {}
        for authenticator in self.authenticators:
            self._headers |= authenticator.headers
            for scheme in authenticator.schemes:
                self._by_scheme.setdefault(scheme, []).append(authenticator)

    def __bool__(self) -> bool:
        """Return whether any credentials are read."""
        return bool(self.authenticators)

    @property
    def challenges(self) -> tuple[str, ...]:
        """The schemes in `WWW-Authenticate`, each once."""
        schemes = (authenticator.challenge for authenticator in self.authenticators)
        return tuple(dict.fromkeys(filter(None, schemes)))

    def read(self, headers: Mapping[str, str]) -> Credentials | None:
        """Return the credentials in the headers of a request, or of a handshake.

        Args:
            headers: The headers, whose names are compared without case.

        Returns:
            The credentials; `None` if there are none that an authenticator reads.

        Raises:
            MalformedRequest: There are several (RFC 6750 §2).
        """
        found = []
        authorization = headers.get(AUTHORIZATION)
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() in self._by_scheme:
                found.append(Credentials(scheme.lower(), token.strip()))
        found += [
            Credentials(scheme, headers[name])
            for name, scheme in self._headers.items()
            if name in headers
        ]
        if len(found) > 1:
            names = ", ".join((AUTHORIZATION, *self._headers))
            raise MalformedRequest(f"the request has several credentials; send only one of {names}")
        return found[0] if found else None

    async def identify(self, credentials: Credentials, connection: Connection) -> Principal:
        """Return the principal of credentials; the first authenticator that knows them decides.

        Raises:
            SignInRequired: They are invalid, or no authenticator knows them.
            ServiceUnavailable: They cannot be checked now.
        """
        for authenticator in self._by_scheme.get(credentials.scheme, ()):
            principal = await authenticator.authenticate(credentials, connection)
            if principal is not None:
                return principal
        raise SignInRequired("The credentials are not valid", challenge={"error": "invalid_token"})


class PermissionSource(ABC):
    """The permissions of principals, provided by the hook `actionhero_permissions`.

    Without one, a principal has the permissions that its credentials state.
    """

    @abstractmethod
    async def permissions_of(self, principal: Principal) -> frozenset[str]:
        """Return the permissions of a principal, never an anonymous one.

        Called by each check of a permission that the credentials do not state, so it has to cache
        slow results.
        """
