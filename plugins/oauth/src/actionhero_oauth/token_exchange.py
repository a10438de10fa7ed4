"""`TokenExchange`: codes and refresh tokens, exchanged for grants with new tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_oauth.authorization_requests import CodeReused
from actionhero_oauth.errors import OAuthError

if TYPE_CHECKING:
    from actionhero import Connection
    from actionhero_oauth.authorization_server import AuthorizationServer
    from actionhero_oauth.clients import Client
    from actionhero_oauth.grant import Grant


class TokenExchange:
    """Exchanges codes and refresh tokens; each exchange and each refusal is in the audit log.

    Args:
        server: The authorization server.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    async def exchange_code(
        self, client: Client, code: str, source: Connection, **sent: str
    ) -> Grant:
        """Return the grant that a code becomes (RFC 6749 §4.1.3, RFC 7636 §4.5).

        Args:
            client: The client.
            code: The code.
            source: The program of the client.
            sent: `redirect_uri`, `code_verifier` and `resource` of the request; empty if absent.

        Raises:
            OAuthError: The code is not valid for this request.
        """
        try:
            grant = await self._exchange_code(client, code, sent)
        except OAuthError as error:
            facts: dict[str, Any] = {}
            if isinstance(error, CodeReused):
                facts["grant_id"] = error.grant_id
            self._server.audit(
                "oauth.code", "failure", source=source, client=client.id,
                reason=error.description, **facts,
            )  # fmt: skip
            raise
        self._server.audit("credential_creation", grant=grant, source=source)
        return grant

    async def _exchange_code(self, client: Client, code: str, sent: dict[str, str]) -> Grant:
        grants, requests, tokens = self._server.grants, self._server.requests, self._server.tokens
        try:
            consent = await requests.redeem(code)
        except CodeReused as error:
            # Not one that the first use has yet to make: that one sees this use.
            await grants.revoke(error.grant_id, is_noted=False)
            raise
        request = consent.request
        if request.client_id != client.id:
            raise OAuthError("invalid_grant", "the code was issued to another client")
        redirect_uri = sent["redirect_uri"]
        if redirect_uri != request.redirect_uri and (redirect_uri or request.has_redirect_uri):
            raise OAuthError("invalid_grant", "redirect_uri differs from the authorization request")
        if not tokens.is_challenge(sent["code_verifier"], request.challenge):
            raise OAuthError("invalid_grant", "code_verifier does not match the code_challenge")
        self._check_resource(sent["resource"], request.resource)
        grant = await grants.create(
            consent.user,
            client.id,
            consent.client_name,
            request.redirect_host,
            frozenset(consent.scopes),
            request.resource,
            consent.grant_id,
        )
        if await requests.is_reused(code):
            await grants.revoke(grant.id)
        await self._server.clients.mark_used(client)
        return grant

    async def refresh(
        self, client: Client, token: str, source: Connection, *, resource: str, scope: str
    ) -> Grant:
        """Return a grant with new tokens (RFC 6749 §6).

        Raises:
            OAuthError: The refresh token is not valid for this request.
        """
        parsed, grant = self._server.tokens.parse(token), None
        try:
            if parsed is not None and parsed.kind == "refresh":
                grant = await self._server.grants.find(parsed.grant_id)
            if parsed is None or grant is None or grant.client_id != client.id:
                raise OAuthError("invalid_grant", "the refresh token is unknown, or was revoked")
            self._check_resource(resource, grant.resource)
            if scope and not frozenset(scope.split()) <= grant.scopes:
                raise OAuthError("invalid_scope", "scope has more than the grant")
            grant = await self._server.grants.rotate(grant, parsed.generation)
        except OAuthError as error:
            self._server.audit(
                "oauth.refresh", "failure", grant, source=source, sent_by=client.id,
                reason=error.description,
            )  # fmt: skip
            raise
        self._server.audit("oauth.refresh", grant=grant, source=source)
        await self._server.clients.mark_used(client)
        return grant

    def _check_resource(self, sent: str, granted: str) -> None:
        if sent and self._server.resources.find(sent) != granted:
            raise OAuthError("invalid_target", "resource differs from the authorization request")
