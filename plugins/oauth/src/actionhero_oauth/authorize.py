"""`Authorize`: the endpoint to which clients send the browsers of users (RFC 6749 §4.1.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import web

from actionhero import RateLimited
from actionhero_oauth.authorization_requests import AuthorizationRequest
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.redirects import redirect_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero_oauth.authorization_server import AuthorizationServer
    from actionhero_oauth.clients import Client
    from actionhero_oauth.pages import Pages

#: The SHA-256 digest in URL-safe base64.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
#: Longer texts are refused, as they are stored.
_MAX_LENGTH: Final = 2000
#: The parameters, each of which must appear once (RFC 6749 §3.1).
_NAMES: Final = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "state", "scope"),
    *("code_challenge", "code_challenge_method", "resource"),
)


class Authorize:
    """Checks requests for authorization, and leads to the consent page.

    Args:
        server: The authorization server.
        pages: The pages.
    """

    def __init__(self, server: AuthorizationServer, pages: Pages) -> None:
        self._server = server
        self._pages = pages

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the response to a request for authorization.

        Until the client and its redirect URI are known to be valid, an error is a page: a redirect
        would send the user to any address.
        """
        query = request.query
        try:
            sent = {name: _single(query.getall(name, [])) for name in _NAMES}
            client = await self._server.clients.find(sent["client_id"])
            redirect_uri = _redirect_uri(client, sent["redirect_uri"])
        except OAuthError as error:
            return self._pages.error(error.description)
        try:
            id = await self._server.requests.add(
                self._check(client, sent, redirect_uri),
                self._server.address(request),
                self._server.settings.requests_per_minute,
            )
        except RateLimited as error:
            response = self._pages.error(error.message, 429)
            response.headers["Retry-After"] = str(error.retry_after_seconds)
            return response
        except OAuthError as error:
            return self.respond_error(client, redirect_uri, sent["state"], error)
        # Not a redirect: as the continuation of a request of another site, it would be sent
        # without our cookie, whose attribute `SameSite` is `Strict`.
        path = f"{self._server.base_path}/consent/{id}"
        return self._pages.render("hop", "Continue", {"path": path}, refresh=path)

    def respond_error(
        self, client: Client, redirect_uri: str, state: str, error: OAuthError, *, status: int = 400
    ) -> web.StreamResponse:
        """Return the response to a request that fails before its user has decided.

        That is a redirect to a client that is trusted, and for all others a page with a link:
        anyone can register a client, and our address would lead to any other, without a click
        (RFC 9700 §4.11.2).

        Args:
            client: The client.
            redirect_uri: Its redirect URI, which is valid.
            state: The parameter of the request.
            error: The error.
            status: The HTTP status of the page.
        """
        redirect = self.redirect(redirect_uri, state, error.document)
        if self._server.clients.is_trusted(client, redirect_uri):
            return redirect
        values = {
            "message": f"The request of the application {client.name} has failed: "
            f"{error.description}.",
            "path": redirect.headers["Location"],
            "host": redirect_host(redirect_uri),
        }
        return self._pages.render("return", "Something is wrong", values, status=status)

    def redirect(
        self, redirect_uri: str, state: str, parameters: Mapping[str, str]
    ) -> web.StreamResponse:
        """Return the redirect to a client, with `state` and `iss` (RFC 9207)."""
        values = {**parameters, **({"state": state} if state else {}), "iss": self._server.issuer}
        separator = "&" if "?" in redirect_uri else "?"
        headers = {
            "Location": f"{redirect_uri}{separator}{urlencode(values)}",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        return web.Response(status=303, headers=headers)

    def _check(
        self, client: Client, sent: Mapping[str, str], redirect_uri: str
    ) -> AuthorizationRequest:
        """Return the request.

        Raises:
            OAuthError: It is not valid; the client learns it by a redirect.
        """
        if sent["response_type"] != "code":
            raise OAuthError("unsupported_response_type", "response_type must be 'code'")
        if sent["response_mode"] not in ("", "query"):
            raise OAuthError("invalid_request", "response_mode must be 'query'")
        if sent["code_challenge_method"] != "S256" or not _CHALLENGE.fullmatch(
            sent["code_challenge"]
        ):
            raise OAuthError(
                "invalid_request",
                "PKCE is required: send code_challenge, with code_challenge_method=S256",
            )
        resources, settings = self._server.resources, self._server.settings
        resource = resources.find(sent["resource"]) if sent["resource"] else resources.default
        if resource is None:
            raise OAuthError("invalid_target", "resource is not one of this server")
        scopes = tuple(dict.fromkeys(sent["scope"].split())) or tuple(settings.default_scopes)
        unknown = [scope for scope in scopes if scope not in settings.scopes]
        if unknown:
            raise OAuthError("invalid_scope", f"there is no scope {unknown[0]!r}")
        return AuthorizationRequest(
            client.id,
            redirect_uri,
            bool(sent["redirect_uri"]),
            sent["state"],
            sent["code_challenge"],
            scopes,
            resource,
        )


def _single(values: list[str]) -> str:
    if len(values) > 1:
        raise OAuthError("invalid_request", "a parameter appears more than once")
    value = values[0] if values else ""
    if len(value) > _MAX_LENGTH:
        raise OAuthError("invalid_request", "a parameter is too long")
    return value


def _redirect_uri(client: Client, sent: str) -> str:
    if not sent:
        if len(client.redirect_uris) != 1:
            raise OAuthError("invalid_request", "redirect_uri is missing")
        return client.redirect_uris[0]
    if not client.accepts(sent):
        raise OAuthError("invalid_request", "redirect_uri is not one of this client")
    return sent
