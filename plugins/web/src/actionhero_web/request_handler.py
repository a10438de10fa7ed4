"""`RequestHandler`: passes the request for an action through decode, pipeline, encode and write."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import (
    ActionNotFound,
    Forbidden,
    MalformedRequest,
    MethodNotAllowed,
    Outcome,
    ServiceUnavailable,
    TypedError,
)
from actionhero.settings import AppSettings
from actionhero.transport import DeferredPayload, InvalidPayload
from actionhero.transport import request_id as current_request_id
from actionhero_web.codecs import decoders_of, encoders_of
from actionhero_web.connections.client_resolver import ClientResolver
from actionhero_web.connections.web_connection import WebConnection, match_of_other_method
from actionhero_web.cross_origin import (
    SAFE_METHODS,
    CrossOriginProtection,
    CrossSiteSession,
    remove_cookies,
)
from actionhero_web.decode import METHODS_WITHOUT_BODY, RequestDecoder
from actionhero_web.encode import ResponseEncoder
from actionhero_web.request_context import RequestContext
from actionhero_web.responses.cors import Cors
from actionhero_web.responses.header_templates import HeaderTemplates
from actionhero_web.responses.json_response import JsonResponse
from actionhero_web.responses.native_response import check_native_response
from actionhero_web.responses.streaming import Streams
from actionhero_web.routes.request_target import split_target
from actionhero_web.write import ResponseWriter

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import Payload
    from actionhero_web.request_context import CallContext
    from actionhero_web.responses.encoded_response import Headers
    from actionhero_web.routes.nearest_route import NearestRoute
    from actionhero_web.routes.router import NoMatch
    from actionhero_web.settings import WebSettings

Response = Any
#: The error of calls that a shutdown cancels or refuses.
SHUTTING_DOWN: Final = "The server is shutting down"


class RequestHandler:
    """Responds to the requests for actions, and to requests that end in an error.

    Args:
        app: The application.
        settings: The settings of the HTTP server.
    """

    def __init__(self, app: Application, settings: WebSettings) -> None:
        self._pipeline = app.pipeline
        self._execute = app.pipeline.execute
        #: The names of the actions whose body is read only once the caller is authorized.
        self._authorized = frozenset(
            name for action in app.actions for name in action.names if app.pipeline.authorizes(name)
        )
        self._format = settings.response_format
        #: The clients of requests.
        self.clients = ClientResolver(
            settings.trusted_proxies, WebConnection.of_server(self._format, settings.prefix)
        )
        self._decoder = RequestDecoder(settings, decoders_of(app))
        #: Reads bodies within their limits.
        self.body = self._decoder.body
        authentication = app.pipeline.authentication
        #: Reads the credentials of requests; `None` without authenticators.
        self._authentication = authentication or None
        header_templates = HeaderTemplates(
            settings, app.get(AppSettings).name, authentication.challenges("web")
        )
        self.encoder = ResponseEncoder(
            self._format, app.pipeline, encoders_of(app), header_templates.challenge
        )
        self._cors = Cors(
            settings.allowed_origins,
            settings.allowed_methods,
            settings.allowed_headers,
            int(settings.preflight_max_age.total_seconds()),
            exposed_headers=settings.exposed_headers,
            always_lists_methods=self._format.always_lists_methods,
        )
        self.writer = ResponseWriter(
            header_templates,
            self._cors,
            compress=settings.compress,
        )
        #: Detects requests of pages of other sites.
        self.cross_origin = CrossOriginProtection.of(app)
        self._cross_origin_exempt = self.cross_origin.exempt
        #: The open streamed responses.
        self.streams = Streams(self.writer, settings)
        #: Whether the grace period is over: a call cancelled now gets 503.
        self.closing = False
        #: The advice for paths without a route; `None`, except in development.
        self.nearest_route: NearestRoute | None = None

    async def handle(self, context: CallContext) -> Response:
        """Return the response to a request for an action."""
        action = context.match.target
        if context.match.route.headers:
            context.connection.response_headers = context.match.route.headers
        payload: Payload
        try:
            if self._authentication is not None:
                context.connection.credentials = self._authentication.read(context.request.headers)
            if (
                context.request.method not in SAFE_METHODS
                and action.name not in self._cross_origin_exempt
            ):
                self.cross_origin.check(context.request, context.connection)
            if action.name in self._authorized:
                # The body of a caller who is refused is not read.
                payload = DeferredPayload(partial(self._decoder.decode, context))
            else:
                buffered = self._decoder.decode_buffered(context)
                payload = buffered or await self._decoder.decode(context)
        except MalformedRequest as error:
            # The pipeline logs the call.
            payload = InvalidPayload(error)
        except Forbidden as error:
            # Before the session is opened, and the caller is identified.
            outcome = self._pipeline.refuse(
                context.connection, error, request_id=context.request_id, name=action.name
            )
            return await self.writer.write(context, self.encoder.encode_error(context, outcome))
        if action.streams and self.streams.refuses(action):
            outcome = self._pipeline.refuse(
                context.connection,
                ServiceUnavailable(SHUTTING_DOWN),
                request_id=context.request_id,
                name=action.name,
            )
            return await self.writer.write(context, self.encoder.encode_error(context, outcome))
        stream = self.streams.open(context) if action.streams else None
        try:
            outcome = await self._execute(
                context.connection,
                action.name,
                payload,
                request_id=context.request_id,
                sink=stream,
                session=CrossSiteSession() if context.connection.is_cross_site else None,
            )
        except asyncio.CancelledError:
            transport = context.request.transport
            is_shutdown = self.closing or (stream is not None and stream.stopped)
            if not is_shutdown or transport is None or transport.is_closing():
                raise
            # The client is still connected, so it gets an error response.
            outcome = Outcome(error=ServiceUnavailable(SHUTTING_DOWN))
        finally:
            if context.form is not None:
                context.form.close()
            if stream is not None:
                stream.close()
        if stream is not None and stream.handles(outcome):
            return await stream.finish(outcome)
        if outcome.error is not None and context.request.writer.output_size > 0:
            # The action has begun to write its own response: only a truncated one shows the error.
            context.request.protocol.force_close()
            raise ConnectionResetError("the action has failed; its response is truncated")
        if context.connection.is_cross_site:
            remove_cookies(context.connection)
        encoded = self.encoder.encode(context, outcome)
        response = self.writer.write_json(context, encoded)
        if response is not None:
            return response
        try:
            return await self.writer.write(context, encoded)
        except (TypedError, OSError) as error:
            # The file of a response is missing, or cannot be read.
            outcome = self._pipeline.error_outcome(f"the response of {action.name!r}", error)
            return await self.writer.write(context, self.encoder.encode_error(context, outcome))

    async def refuse(
        self,
        request: web.BaseRequest,
        request_id: str,
        connection: WebConnection,
        no_match: NoMatch,
    ) -> Response:
        """Return the response to a request below the prefix that matches no route."""
        context = RequestContext(request, request_id)
        if (match := match_of_other_method(no_match)) is not None:
            connection.match = match
        if self._format.always_opens_session and not self.cross_origin.refuses_session(request):
            await self._pipeline.open_session(connection)
        headers = connection.response_headers or ()
        if request.method == "OPTIONS":
            options = self._format.options_response(
                no_match.allow, (*self._preflight_headers(request), *headers)
            )
            if options is not None:
                return await self.writer.write(context, options)
        error: TypedError
        if no_match.is_malformed:
            error = MalformedRequest("the path is not percent-encoded UTF-8")
        elif no_match.allowed:
            error, allow = self._method_not_allowed(request, no_match.allow)
            headers = (*headers, allow)
        else:
            error = self.not_found(request)
        try:
            # 413 takes precedence over 404 and 405.
            if request.method not in METHODS_WITHOUT_BODY:
                self.body.check_length(request, self.body.limit_bytes)
        except TypedError as too_large:
            error = too_large
        outcome = self._pipeline.refuse(connection, error, request_id=request_id)
        return await self.writer.write(
            context, self.encoder.encode_error(context, outcome, headers)
        )

    def not_found(self, request: web.BaseRequest) -> ActionNotFound:
        """Return the error of a request that matches no route."""
        if self.nearest_route is None:
            return ActionNotFound("Action not found")
        return self.nearest_route.error(request.method, split_target(request)[0])

    async def options_response(self, request: web.BaseRequest, allow: str) -> Response:
        """Return the response to `OPTIONS` outside of the actions.

        Args:
            request: The request.
            allow: The methods that are possible.
        """
        context = RequestContext(request, self.clients.request_id(request))
        encoded = self._format.options_response(allow, self._preflight_headers(request))
        assert encoded is not None  # noqa: S101 - there are methods
        return await self.writer.write(context, encoded)

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
        context = RequestContext(request, self.clients.request_id(request))
        outcome = self._pipeline.error_outcome(f"{request.method} {request.path}", error)
        return await self.writer.write(context, self.encoder.encode_error(context, outcome))

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
        error, header = self._method_not_allowed(request, allow)
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
        id = current_request_id.get() or self.clients.request_id(request)
        context = RequestContext(request, id)
        encoded = self.encoder.encode_error(context, Outcome(error=error), extra_headers)
        return await self.writer.write(context, encoded)

    def failure_response(
        self, request: web.BaseRequest, request_id: str, error: TypedError
    ) -> Response:
        """Return the response to a request that cannot be parsed, or failed unexpectedly.

        It closes the connection.
        """
        context = RequestContext(request, request_id)
        encoded = self.encoder.encode_error(context, Outcome(error=error))
        return self.writer.write_failure(context, encoded)

    def _method_not_allowed(
        self, request: web.BaseRequest, allow: str
    ) -> tuple[TypedError, tuple[str, str]]:
        message = self._format.method_not_allowed_message(request.method, allow)
        return MethodNotAllowed(message), ("Allow", allow)

    def _preflight_headers(self, request: web.BaseRequest) -> Headers:
        headers = request.headers
        return self._cors.for_preflight(
            headers.get("Origin"),
            headers.get("Access-Control-Request-Method"),
            headers.get("Access-Control-Request-Headers"),
        )
