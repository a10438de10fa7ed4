"""`Registration`: the endpoint at which clients register themselves (RFC 7591)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import MalformedRequest, RateLimited
from actionhero.transport import loads
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.failures import json_response

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero_oauth.authorization_server import AuthorizationServer


class Registration:
    """Registers public clients.

    Args:
        server: The authorization server.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    async def handle(self, request: web.Request) -> web.Response:
        """Return the metadata of the registered client."""
        headers = {}
        source = self._server.connection(request)
        try:
            try:
                metadata = loads(await request.read())
            except MalformedRequest as error:
                raise OAuthError("invalid_client_metadata", error.message) from None
            if not isinstance(metadata, dict):
                raise OAuthError("invalid_client_metadata", "the body must be a JSON object")
            document = await self._server.clients.register(metadata, source.remote)
            status = 201
            self._server.audit("oauth.registration", source=source, client=document["client_id"])
        except OAuthError as error:
            document, status = dict(error.document), error.status
        except RateLimited as error:
            document = {"error": "temporarily_unavailable", "error_description": error.message}
            status = 429
            self._server.audit("oauth.registration", "failure", source=source, reason=error.message)
            headers["Retry-After"] = str(error.retry_after_seconds)
        return json_response(document, status, headers)
