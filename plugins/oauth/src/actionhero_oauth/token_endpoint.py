"""`TokenEndpoint`: exchanges codes and refresh tokens for tokens, and ends or inspects them."""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from actionhero_oauth.errors import OAuthError
from actionhero_oauth.failures import json_response
from actionhero_oauth.token_exchange import TokenExchange
from actionhero_web import MediaType, media_type_of, parse_form

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from actionhero import Connection
    from actionhero_oauth.authorization_server import AuthorizationServer
    from actionhero_oauth.clients import Client
    from actionhero_oauth.grant import Grant

#: The parameters that a request may have; each appears once (RFC 6749 §3.2).
_NAMES: Final = (
    *("grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"),
    *("refresh_token", "resource", "scope", "token"),
)


class TokenEndpoint:
    """The endpoints that the programs of clients call.

    Args:
        server: The authorization server.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        self._exchange = TokenExchange(server)

    async def token(self, request: web.Request) -> web.Response:
        """Return new tokens (RFC 6749 §4.1.3, §6)."""
        return await self._respond(request, self._issue)

    async def revoke(self, request: web.Request) -> web.Response:
        """End the grant of a token; 200 for an unknown one too (RFC 7009 §2.2)."""
        return await self._respond(request, self._revoke)

    async def introspect(self, request: web.Request) -> web.Response:
        """Describe a token, for clients with a secret (RFC 7662 §2)."""
        return await self._respond(request, self._introspect)

    async def _respond(
        self,
        request: web.Request,
        handle: Callable[[Client, dict[str, str], Connection], Awaitable[Any]],
    ) -> web.Response:
        source = self._server.connection(request)
        try:
            if media_type_of(request.headers.get("Content-Type")) is not MediaType.FORM:
                raise OAuthError("invalid_request", "send application/x-www-form-urlencoded")
            fields = parse_form(await request.read())
            sent = {name: _single(name, fields.get(name, [])) for name in _NAMES}
            client = await self._authenticate(request, sent)
            return json_response(await handle(client, sent, source))
        except OAuthError as error:
            headers = {}
            if error.status == 401:
                self._server.audit(
                    "oauth.client", "failure", source=source, reason=error.description
                )
                headers = {"WWW-Authenticate": "Basic"}
            return json_response(error.document, error.status, headers)

    async def _authenticate(self, request: web.Request, sent: dict[str, str]) -> Client:
        """Return the client (RFC 6749 §2.3.1).

        Raises:
            OAuthError: It is unknown, or its secret is wrong or missing.
        """
        basic = _basic(request.headers.getall("Authorization", []))
        if basic is not None:
            id, secret = basic
            if sent["client_secret"] or sent["client_id"] not in ("", id):
                raise OAuthError("invalid_request", "the client is authenticated in two ways")
        else:
            id, secret = sent["client_id"], sent["client_secret"]
        if not id:
            raise OAuthError("invalid_client", "client_id is missing", 401)
        client = await self._server.clients.find(id)
        if not client.has_secret(secret):
            raise OAuthError("invalid_client", "the client_secret is wrong", 401)
        return client

    async def _issue(
        self, client: Client, sent: dict[str, str], source: Connection
    ) -> dict[str, Any]:
        grant_type = _required("grant_type", sent)
        if grant_type == "authorization_code":
            names = ("redirect_uri", "code_verifier", "resource")
            grant = await self._exchange.exchange_code(
                client, _required("code", sent), source, **{name: sent[name] for name in names}
            )
        elif grant_type == "refresh_token":
            token = _required("refresh_token", sent)
            grant = await self._exchange.refresh(
                client, token, source, resource=sent["resource"], scope=sent["scope"]
            )
        else:
            raise OAuthError(
                "unsupported_grant_type", "grant_type must be authorization_code or refresh_token"
            )
        return self._token_response(grant)

    def _token_response(self, grant: Grant) -> dict[str, Any]:
        make = self._server.tokens.make
        expires = grant.rotated + self._server.settings.access_ttl.total_seconds()
        return {
            "access_token": make("access", grant.id, grant.generation),
            "token_type": "Bearer",
            # Less than its lifetime, if the request was repeated.
            "expires_in": max(1, round(expires - time.time())),
            "refresh_token": make("refresh", grant.id, grant.generation),
            "scope": " ".join(sorted(grant.scopes)),
        }

    async def _revoke(
        self, client: Client, sent: dict[str, str], source: Connection
    ) -> dict[str, Any]:
        await self._server.revoke_token(client, _required("token", sent), source=source)
        return {}

    async def _introspect(
        self, client: Client, sent: dict[str, str], _: Connection
    ) -> dict[str, Any]:
        if not client.secret:
            raise OAuthError("invalid_client", "only clients with a secret may do this", 401)
        valid = await self._server.grant_of(_required("token", sent))
        if valid is None:
            return {"active": False}
        grant, expires = valid
        return {
            "active": True,
            "client_id": grant.client_id,
            "sub": str(grant.user),
            "scope": " ".join(sorted(grant.scopes)),
            "aud": grant.resource,
            "iss": self._server.issuer,
            "exp": int(expires),
            "token_type": "Bearer",
        }


def _single(name: str, values: list[str]) -> str:
    if len(values) > 1:
        raise OAuthError("invalid_request", f"{name} appears more than once")
    return values[0] if values else ""


def _required(name: str, sent: dict[str, str]) -> str:
    if not sent[name]:
        raise OAuthError("invalid_request", f"{name} is missing")
    return sent[name]


def _basic(headers: list[str]) -> tuple[str, str] | None:
    """Return the identifier and the secret of `Authorization: Basic` (RFC 6749 §2.3.1)."""
    if not headers:
        return None
    scheme, _, value = headers[0].partition(" ")
    try:
        id, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        id, colon, secret = "", "", ""
    if len(headers) > 1 or scheme.lower() != "basic" or not colon:
        raise OAuthError("invalid_client", "the header Authorization is not valid", 401)
    return unquote_plus(id), unquote_plus(secret)
