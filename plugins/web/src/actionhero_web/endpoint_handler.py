"""`EndpointHandler`: passes requests for paths of plugins to their `Endpoint`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Outcome, PluginError, TypedError
from actionhero_web.endpoints import Endpoint, EndpointRequest
from actionhero_web.responses.encoded_response import EncodedResponse

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero_web.request_handler import RequestHandler


class EndpointHandler:
    """Handles requests for endpoints, by path.

    Args:
        app: The application.
        handler: The handler of other requests, for clients, bodies and headers.

    Raises:
        PluginError: Two endpoints have the same path.
    """

    def __init__(self, app: Application, handler: RequestHandler) -> None:
        self._handler = handler
        self._resolve = handler.clients.resolve
        self._refuses_session = handler.cross_origin.refuses_session
        #: The endpoints by path.
        self.by_path: dict[str, Endpoint] = {}
        owners: dict[str, str] = {}
        for plugin, item in app.plugins.collect("actionhero_web_endpoints", Endpoint, app=app):
            if item.path in owners:
                raise PluginError(
                    f"two plugins have an endpoint at {item.path!r}: {owners[item.path]} and "
                    f"{plugin.owner}; change the path of one, or disable one of them"
                )
            owners[item.path] = plugin.owner
            self.by_path[item.path] = item

    def limit_at(self, path: str) -> int | None:
        """Return the largest body of the endpoint at a decoded path; `None` if there is none."""
        endpoint = self.by_path.get(path) or self.by_path.get(path.removesuffix("/"))
        return None if endpoint is None else self._limit(endpoint)

    def _limit(self, endpoint: Endpoint) -> int:
        """Return the largest body of an endpoint; 0 for no limit."""
        own = endpoint.body_limit_bytes
        return self._handler.body.parsed_limit_bytes if own is None else own

    async def handle(self, endpoint: Endpoint, request: web.Request) -> Any:
        """Return the response to a request."""
        handler = self._handler
        request_id, remote = self._resolve(request)
        limit_bytes = self._limit(endpoint)
        context = EndpointRequest(request, request_id, remote, handler.body, limit_bytes)
        try:
            if self._refuses_session(request):
                handler.cross_origin.check_native(request)
            encoded = await endpoint.respond(context)
        except TypedError as error:
            encoded = handler.encoder.encode_error(context, Outcome(error=error))
        writer = handler.writer
        if isinstance(encoded, EncodedResponse):
            return writer.write_json(context, encoded) or await writer.write(context, encoded)
        response = await handler.native.checked_response(request, encoded)
        # A native response is complete, or one in place of an invalid one.
        return response if response is not encoded else await writer.write(context, response)
