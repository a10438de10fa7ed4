"""Authenticators, which identify the principals of credentials, and the source of permissions."""

from __future__ import annotations

import re
import traceback
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from actionhero.errors import CredentialsRefused, MalformedRequest, TypedError
from actionhero.identity.principal import Credentials, Principal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from actionhero.connection import Connection

#: The header of `Credentials.scheme` and `Credentials.token` (RFC 9110 §11.6.2).
AUTHORIZATION: Final = "Authorization"
#: How many values of headers are remembered, and up to which length.
_REMEMBERED: Final = 512
_REMEMBERED_LENGTH: Final = 2048
#: A token (RFC 9110 §5.6.2).
_SCHEME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Authenticator(ABC):
    """Identifies the principals of one kind of credentials.

    Added by the hook `actionhero_authenticators`. One instance serves all calls at once.
    """

    #: The schemes that it reads, in lower case, such as `("bearer",)`.
    schemes: tuple[str, ...]
    #: A header of its own with the secret, by its name, such as `X-API-Key`, and its scheme.
    headers: Mapping[str, str] = {}
    #: The scheme in `WWW-Authenticate`, such as `Bearer`; empty: none is sent for it.
    challenge: str = ""

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
            CredentialsRefused: The credentials are of this kind, and expired, revoked or forged.
                The message must not contain any of them. Any `SignInRequired` refuses them.
            ServiceUnavailable: They cannot be checked now.
        """

    def challenge_parameters(self, transport: str) -> Mapping[str, str]:
        """Return the parameters of each challenge, such as `resource_metadata` (RFC 9728 §5.1).

        Called once, while a server of the transport is built.

        Args:
            transport: The name of the transport, such as `web`.
        """
        return {}

    def recall(self, credentials: Credentials) -> Principal | None:
        """Return the principal of credentials from a cache, without waiting; `None`: not cached.

        Called for each call, before `authenticate`.
        """
        return None

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
        schemes = {AUTHORIZATION: ""}
        for authenticator in self.authenticators:
            schemes |= {name: scheme.lower() for name, scheme in authenticator.headers.items()}
            for scheme in authenticator.schemes:
                self._by_scheme.setdefault(scheme.lower(), []).append(authenticator)
        #: The headers with secrets, and their schemes; empty: the value begins with the scheme.
        self._sources = tuple(schemes.items())
        #: The credentials in the values of headers, which a client repeats in all of its requests.
        self._remembered: dict[tuple[str, str], Credentials] = {}

    def __bool__(self) -> bool:
        """Return whether any credentials are read."""
        return bool(self.authenticators)

    def challenges(self, transport: str) -> dict[str, dict[str, str]]:
        """Return the schemes in `WWW-Authenticate`, each once, with their parameters.

        Args:
            transport: The name of the transport.
        """
        schemes: dict[str, dict[str, str]] = {}
        for authenticator in self.authenticators:
            if authenticator.challenge:
                parameters = schemes.setdefault(authenticator.challenge, {})
                parameters |= authenticator.challenge_parameters(transport)
        return schemes

    def read(self, headers: Mapping[str, str]) -> Credentials | None:
        """Return the credentials in the headers of a request, or of a handshake.

        Args:
            headers: The headers, whose names are compared without case; a multidict has all
                values of a header.

        Returns:
            The credentials; `None` if there are none that an authenticator reads.

        Raises:
            MalformedRequest: There are several (RFC 6750 §2).
        """
        match = None
        are_several = False
        for name, scheme in self._sources:
            if name not in headers:
                continue
            getall = getattr(headers, "getall", None)
            values = (headers[name],) if getall is None else getall(name)
            if len(values) > 1:
                are_several = True
            credentials = self._remembered.get((scheme, values[0]))
            if credentials is None:
                credentials = self._parse(scheme, values[0])
                if credentials.scheme not in self._by_scheme:
                    continue
            if match is not None:
                are_several = True
            match = credentials
        if are_several:
            names = ", ".join(name for name, _ in self._sources)
            raise MalformedRequest(f"the request has several credentials; send only one of {names}")
        return match

    def _parse(self, scheme: str, value: str) -> Credentials:
        """Return the credentials in the value of a header, and remember them if they are read.

        Args:
            scheme: The scheme of the header; empty: the value begins with it.
            value: The value.
        """
        credentials = Credentials(scheme, value) if scheme else self._parse_authorization(value)
        if credentials.scheme in self._by_scheme and len(value) <= _REMEMBERED_LENGTH:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[scheme, value] = credentials
        return credentials

    def _parse_authorization(self, authorization: str) -> Credentials:
        """Return the scheme and the rest, which is refused later if it is malformed."""
        scheme, _, rest = authorization.partition(" ")
        lower = scheme.lower()
        if lower in self._by_scheme:
            return Credentials(lower, rest.strip())
        # A scheme that is not followed by a space, as in `Bearer<key>`. No authenticator knows the
        # whole as a token, so the call is refused, and not taken for one of an anonymous caller.
        match = _SCHEME.match(authorization)
        if match is not None and match[0].lower() in self._by_scheme:
            return Credentials(match[0].lower(), authorization)
        for known in self._by_scheme:
            if not rest and lower.startswith(known):
                return Credentials(known, authorization)
        return Credentials(lower, rest)

    def recall(self, credentials: Credentials) -> Principal | None:
        """Return the principal of credentials that an authenticator has in its cache."""
        for authenticator in self._by_scheme.get(credentials.scheme, ()):
            principal = authenticator.recall(credentials)
            if principal is not None:
                return principal
        return None

    async def identify(self, credentials: Credentials, connection: Connection) -> Principal:
        """Return the principal of credentials; the first authenticator that knows them decides.

        Raises:
            SignInRequired: They are invalid, or no authenticator knows them.
            ServiceUnavailable: They cannot be checked now.
            TypeError: An authenticator returned something else than a principal.
        """
        for authenticator in self._by_scheme.get(credentials.scheme, ()):
            try:
                principal = await authenticator.authenticate(credentials, connection)
            except TypedError:
                raise
            except Exception as error:
                _raise_without_secret(authenticator, credentials, error)
                raise
            if principal is not None:
                if not isinstance(principal, Principal):
                    raise TypeError(
                        f"the authenticator {type(authenticator).__qualname__} returned "
                        f"{type(principal).__name__}"
                    )
                return principal
        raise CredentialsRefused(reason="unknown")


def _raise_without_secret(
    authenticator: Authenticator, credentials: Credentials, error: Exception
) -> None:
    """Raise another error in place of one whose text contains the credentials."""
    token = credentials.token
    if token and token in "".join(traceback.format_exception(error)):
        raise RuntimeError(
            f"the authenticator {type(authenticator).__qualname__} raised "
            f"{type(error).__name__}, whose text contains the credentials and is left out"
        ) from None


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
