"""`AuthorizationServer`: clients, grants and tokens of one application."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from actionhero import AuditLog, Connection, Forbidden
from actionhero_oauth.authorization_requests import AuthorizationRequests
from actionhero_oauth.client_documents import ClientDocuments
from actionhero_oauth.client_registry import ClientRegistry
from actionhero_oauth.grants import Grants
from actionhero_oauth.resources import ProtectedResource, Resources
from actionhero_oauth.settings import OAuthSettings
from actionhero_oauth.tokens import Tokens, new_grant_id
from actionhero_redis import RedisClients
from actionhero_web import TrustedProxies, WebSettings, remote_address

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero_oauth.authorization_requests import AuthorizationRequest
    from actionhero_oauth.clients import Client
    from actionhero_oauth.grant import Grant

#: The path of the endpoints.
BASE_PATH: Final = "/oauth"
#: The transports of actions that read the header `Authorization`.
_HTTP_TRANSPORTS: Final = frozenset({"web", "websocket", "sse"})


class AuthorizationServer:
    """The authorization server: `app.get(AuthorizationServer)`.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self.settings = settings = app.get(OAuthSettings)
        web_settings = app.get(WebSettings)
        self._proxies = TrustedProxies(web_settings.trusted_proxies)
        #: The URL of the application.
        self.issuer = settings.issuer or f"http://127.0.0.1:{web_settings.port}"
        #: The path of the endpoints, as browsers see it.
        self.base_path = urlsplit(self.issuer).path + BASE_PATH
        resources = app.plugins.collect("actionhero_oauth_resources", ProtectedResource, app=app)
        actions = ProtectedResource(web_settings.prefix, _HTTP_TRANSPORTS)
        self.resources = Resources(self.issuer, [*(item for _, item in resources), actions])
        policies = app.plugins.collect("actionhero_oauth_consent", object, app=app)
        self._policies: list[Any] = [policy for _, policy in policies]

        def clients() -> RedisClients:
            return app.get(RedisClients)

        self._app = app
        self.tokens = Tokens(app.secret_key)
        self.clients = ClientRegistry(clients, settings, ClientDocuments(settings.trusted_clients))
        self.grants = Grants(clients, settings.refresh_ttl, settings.refresh_grace)
        self.requests = AuthorizationRequests(clients)

    def audit(
        self,
        event: str,
        outcome: str = "success",
        grant: Grant | None = None,
        *,
        source: Connection | None = None,
        **details: Any,
    ) -> None:
        """Record an event in the audit log.

        Args:
            event: The name of the event.
            outcome: `success` or `failure`.
            grant: The grant that it concerns.
            source: The client that has sent the request; by default that of the current call.
            details: Further facts, such as `user` and `client`.
        """
        user = details.pop("user", None)
        credential_id = ""
        if grant is not None:
            user, credential_id = grant.user, grant.id
            details |= {"client": grant.client_id, "scopes": sorted(grant.scopes)}
        self._app.get(AuditLog).record(
            event,
            outcome,
            source=source,
            user=user,
            method="oauth",
            credential_id=credential_id,
            details=details,
        )

    # -- tokens --------------------------------------------------------------------------------

    async def grant_of(self, token: str) -> tuple[Grant, float] | None:
        """Return the grant of a valid access token, and when the token expires.

        The time is in seconds since the epoch. `None` for a token that is unknown, expired or
        revoked.
        """
        parsed = self.tokens.parse(token)
        if parsed is None or parsed.kind != "access":
            return None
        grant = await self.grants.find(parsed.grant_id)
        issued = None if grant is None else grant.issued(parsed.generation)
        if grant is None or issued is None:
            return None
        expires = issued + self.settings.access_ttl.total_seconds()
        return (grant, expires) if expires > time.time() else None

    async def issue_code(
        self, request: AuthorizationRequest, user: Any, client: Client, scopes: frozenset[str]
    ) -> str:
        """Return the code of a consent, which ends when the user signs out everywhere."""
        grant_id = new_grant_id()
        await self.grants.announce(grant_id, user)
        return await self.requests.issue_code(
            request, user, client.name, tuple(sorted(scopes)), grant_id
        )

    async def revoke_token(
        self, client: Client, token: str, *, source: Connection | None = None
    ) -> Grant | None:
        """End the grant of a token of a client, and return it; `None` if there is none."""
        parsed = self.tokens.parse(token)
        grant = None if parsed is None else await self.grants.find(parsed.grant_id)
        if grant is None or grant.client_id != client.id:
            return None
        await self.grants.revoke(grant.id)
        self.audit("credential_revocation", grant=grant, source=source)
        return grant

    async def end(
        self, grant_id: str, *, source: Connection | None = None, recorded: bool = True
    ) -> Grant | None:
        """End a grant, and return it; `None` if there is none.

        Args:
            grant_id: The identifier of the grant.
            source: The client that has sent the request; by default that of the current call.
            recorded: Whether the audit log has an event; a caller that records it itself says no.
        """
        grant = await self.grants.find(grant_id)
        if grant is None or not await self.grants.revoke(grant_id):
            return None
        if recorded:
            self.audit("credential_revocation", grant=grant, source=source)
        return grant

    async def end_all(self, user: Any) -> int:
        """End all grants of a user, who signs out everywhere; return their number."""
        count = await self.grants.revoke_user(user)
        if count:
            self.audit("credential_revocation", user=user, count=count)
        return count

    def address(self, request: web.Request) -> str | None:
        """Return the address of the client of a request, behind trusted proxies."""
        client = self._proxies.client(remote_address(request), request.scheme, request.headers)
        return client.address

    def connection(self, request: web.Request) -> Connection:
        """Return the client of a request, as the source of events in the audit log."""
        return Connection("web", self.address(request), raw=request)

    # -- scopes --------------------------------------------------------------------------------

    async def grantable(self, user: Any, client: Client, scopes: frozenset[str]) -> frozenset[str]:
        """Return the scopes that a user may grant to a client, by the policies of plugins.

        Raises:
            Forbidden: A policy refuses, or leaves none.
        """
        left = scopes
        for policy in self._policies:
            result = policy(user, client, left)
            left &= frozenset(await result if inspect.isawaitable(result) else result)
        if scopes and not left:
            raise Forbidden("You may not grant any of the requested permissions")
        return left


def authorization_server_for(app: Application) -> AuthorizationServer:
    """Return the authorization server of an application, and provide it to its actions."""
    if not app.has(AuthorizationServer):
        app.provide(AuthorizationServer, AuthorizationServer(app))
    return app.get(AuthorizationServer)


def is_active(app: Application) -> bool:
    """Return whether users can sign in; otherwise the application has no authorization server."""
    settings = app.get(OAuthSettings)
    return settings.sign_in_url is not None or settings.sign_in in app.actions
