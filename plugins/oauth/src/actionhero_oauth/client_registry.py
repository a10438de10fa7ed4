"""`ClientRegistry`: finds clients, and registers those that ask for it (RFC 7591)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import dumps, loads
from actionhero_oauth.attempts import count
from actionhero_oauth.clients import Client, ClientKind, display_name
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.redirects import is_loopback, redirect_problem
from actionhero_oauth.tokens import new_grant_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero_oauth.client_documents import ClientDocuments
    from actionhero_oauth.settings import OAuthSettings
    from actionhero_redis import RedisClients

#: How long a registration waits for its first use, and for each further one, in milliseconds.
_UNUSED_TTL_MS: Final = 3_600_000
_USED_TTL_MS: Final = 90 * 86_400_000
_HOUR_MS: Final = 3_600_000
_MAX_REDIRECT_URIS: Final = 20
_GRANT_TYPES: Final = ("authorization_code", "refresh_token")
#: The prefix of the identifiers of registered clients.
REGISTERED: Final = "reg_"


class ClientRegistry:
    """The clients of the authorization server.

    Args:
        clients: Returns the clients of Redis.
        settings: The known clients, and the limits of registrations.
        documents: The clients with a metadata document.
    """

    def __init__(
        self,
        clients: Callable[[], RedisClients],
        settings: OAuthSettings,
        documents: ClientDocuments,
    ) -> None:
        self._clients = clients
        self._settings = settings
        self._documents = documents
        self._known = {
            item.id: Client(
                item.id,
                item.name,
                tuple(item.redirect_uris),
                ClientKind.KNOWN,
                item.secret.get_secret_value() if item.secret is not None else "",
            )
            for item in settings.clients
        }

    @property
    def has_secrets(self) -> bool:
        """Whether any client has a secret."""
        return any(client.secret for client in self._known.values())

    async def find(self, id: str) -> Client:
        """Return a client by its identifier.

        Raises:
            OAuthError: There is none.
        """
        if (client := self._known.get(id)) is not None:
            return client
        if id.startswith("https://"):
            return await self._documents.find(id)
        stored = None
        if id.startswith(REGISTERED):
            key = self._key(id)
            stored = await self._clients().execute("GET", key, idempotent=True)
        if stored is None:
            raise OAuthError(
                "invalid_client", "the client_id is unknown, or its registration has expired", 401
            )
        values = loads(stored)
        return Client(id, values["name"], tuple(values["uris"]), ClientKind.REGISTERED)

    def is_trusted(self, client: Client, redirect_uri: str) -> bool:
        """Return whether a browser may be sent to a client without a decision of its user.

        That is so for clients in the settings, documents on hosts in the settings, and programs
        on the user's machine, where no other site is.
        """
        if client.kind is ClientKind.DOCUMENT and self._settings.trusted_clients:
            return True
        return client.kind is ClientKind.KNOWN or is_loopback(redirect_uri)

    async def mark_used(self, client: Client) -> None:
        """Keep a registered client for another 90 days."""
        if client.kind is ClientKind.REGISTERED:
            key = self._key(client.id)
            await self._clients().execute("PEXPIRE", key, _USED_TTL_MS, idempotent=True)

    async def register(self, metadata: Mapping[str, Any], address: str | None) -> dict[str, Any]:
        """Register a public client, and return its metadata; it is removed if it is not used.

        Redirect URIs that are not acceptable, and unknown members, are left out.

        Args:
            metadata: The statements of the client.
            address: The address of the client.

        Raises:
            OAuthError: The metadata is not acceptable.
            RateLimited: There are too many registrations.
        """
        uris = metadata.get("redirect_uris")
        if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
            raise OAuthError("invalid_redirect_uri", "redirect_uris must be a list of texts")
        problems = {uri: redirect_problem(uri) for uri in uris[:_MAX_REDIRECT_URIS]}
        accepted = [uri for uri, problem in problems.items() if not problem]
        if not accepted:
            reason = next(
                (f"{uri!r} {problem}" for uri, problem in problems.items()), "it is empty"
            )
            raise OAuthError("invalid_redirect_uri", f"no redirect URI is acceptable: {reason}")
        method = metadata.get("token_endpoint_auth_method", "none")
        if method not in ("none", "client_secret_basic", "client_secret_post"):
            raise OAuthError("invalid_client_metadata", "token_endpoint_auth_method must be 'none'")
        name = metadata.get("client_name")
        if name is not None and not isinstance(name, str):
            raise OAuthError("invalid_client_metadata", "client_name must be a text")
        name = display_name(name or "")
        await self._count(address)
        id = REGISTERED + new_grant_id()
        stored = {"name": name or id, "uris": accepted}
        await self._clients().execute(
            "SET", self._key(id), dumps(stored), "PX", _UNUSED_TTL_MS, idempotent=True
        )
        # Members that the request does not have are left out: clients do not expect null.
        optional = {"client_name": name} if name else {}
        return {
            "client_id": id,
            **optional,
            "redirect_uris": accepted,
            "grant_types": list(_GRANT_TYPES),
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }

    async def _count(self, address: str | None) -> None:
        """Count a registration.

        Raises:
            RateLimited: There are too many.
        """
        settings = self._settings
        for parts, limit in (
            (("address", address or ""), settings.registrations_per_hour),
            (("all",), settings.total_registrations_per_hour),
        ):
            key = self._clients().key("oauth", "registrations", *parts)
            message = "Too many registrations of clients"
            await count(self._clients(), key, limit, _HOUR_MS, message)

    def _key(self, id: str) -> str:
        return self._clients().key("oauth", "client", id)
