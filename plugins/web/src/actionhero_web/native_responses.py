"""`NativeResponses`: the responses to requests outside of actions, and those to errors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero import MethodNotAllowed, Outcome
from actionhero.transport import request_id as current_request_id
from actionhero_web.request_context import RequestContext
from actionhero_web.responses.json_response import JsonResponse
from actionhero_web.responses.native_response import check_native_response

if TYPE_CHECKING:
    from actionhero import TypedError
    from actionhero.transport import Pipeline
    from actionhero_web.connections.client_resolver import ClientResolver
    from actionhero_web.encode import ResponseEncoder
    from actionhero_web.responses.cors import Cors
    from actionhero_web.responses.encoded_response import Headers
    from actionhero_web.responses.response_formats import ResponseFormat
    from actionhero_web.write import ResponseWriter

Response = Any


class NativeResponses:
    """Responds to requests outside of actions, and to requests that end in an error.

    Args:
        pipeline: Logs, reports and translates errors.
        format: The format of responses.
        clients: The clients of requests.
        cors: The headers for pages of other origins.
        encoder: Encodes outcomes.
        writer: Writes responses.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        format: ResponseFormat,
        clients: ClientResolver,
        cors: Cors,
        encoder: ResponseEncoder,
        writer: ResponseWriter,
    ) -> None:
        self._pipeline = pipeline
        self._format = format
        self._clients = clients
        self._cors = cors
        self._encoder = encoder
        self._writer = writer

    async def options_response(self, request: web.BaseRequest, allow: str) -> Response:
        """Return the response to `OPTIONS` outside of the actions.

        Args:
            request: The request.
            allow: The methods that are possible.
        """
        context = RequestContext(request, self._clients.request_id(request))
        encoded = self._format.options_response(allow, self.preflight_headers(request))
        assert encoded is not None  # noqa: S101 - there are methods
        return await self._writer.write(context, encoded)

    async def checked_response(self, request: web.BaseRequest, response: Any) -> Response:
        """Return the response of a native handler, or 500 if it cannot be sent."""
        if isinstance(response, JsonResponse):
            return response
        try:
            if not isinstance(response, web.StreamResponse):
                raise TypeError(f"the handler has returned {response!r} instead of a response")
            check_native_response(request, response)
        except (TypeError, ValueError) as error:
            return await self.internal_error_response(request, error)
        return response

    async def internal_error_response(
        self, request: web.BaseRequest, error: BaseException
    ) -> Response:
        """Log an unexpected error of a native handler, and return the response to its request."""
        context = RequestContext(request, self._clients.request_id(request))
        outcome = self._pipeline.error_outcome(f"{request.method} {request.path}", error)
        return await self._writer.write(context, self._encoder.encode_error(context, outcome))

    async def translated_response(
        self, request: web.BaseRequest, error: Exception
    ) -> Response | None:
        """Return the response for an error of a driver, such as 503; `None`: it is unexpected."""
        typed = self._pipeline.translated(error)
        if typed is None:
            return None
        logging.getLogger("actionhero.web").warning(
            "%s %s failed: %s", request.method, request.path, error
        )
        return await self.error_response(request, typed)

    def report_exception(self, error: BaseException, request_id: str) -> None:
        """Report an unexpected exception of the server itself."""
        self._pipeline.report_exception(
            error, "the response to a request", transport="web", request_id=request_id
        )

    async def method_not_allowed_response(self, request: web.BaseRequest, allow: str) -> Response:
        """Return the response to a request for a path without a native route for its method."""
        error, header = self.method_not_allowed(request, allow)
        return await self.error_response(request, error, (header,))

    async def error_response(
        self, request: web.BaseRequest, error: TypedError, extra_headers: Headers = ()
    ) -> Response:
        """Return the response for an error outside of any action.

        Args:
            request: The request.
            error: The error.
            extra_headers: Additional headers.
        """
        # A native route may have set one for its log lines.
        id = current_request_id.get() or self._clients.request_id(request)
        context = RequestContext(request, id)
        encoded = self._encoder.encode_error(context, Outcome(error=error), extra_headers)
        return await self._writer.write(context, encoded)

    def failure_response(
        self, request: web.BaseRequest, request_id: str, error: TypedError
    ) -> Response:
        """Return the response to a request that cannot be parsed, or failed unexpectedly.

        It closes the connection.
        """
        context = RequestContext(request, request_id)
        encoded = self._encoder.encode_error(context, Outcome(error=error))
        return self._writer.write_failure(context, encoded)

    def method_not_allowed(
        self, request: web.BaseRequest, allow: str
    ) -> tuple[TypedError, tuple[str, str]]:
        """Return the error of a request with another method, and the header `Allow`."""
        message = self._format.method_not_allowed_message(request.method, allow)
        return MethodNotAllowed(message), ("Allow", allow)

    def preflight_headers(self, request: web.BaseRequest) -> Headers:
        """Return the headers of a response to `OPTIONS`, for pages of other origins."""
        headers = request.headers
        return self._cors.for_preflight(
            headers.get("Origin"),
            headers.get("Access-Control-Request-Method"),
            headers.get("Access-Control-Request-Headers"),
        )
