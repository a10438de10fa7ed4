"""`RequestHandler`: passes the request for an action through decode, pipeline, encode and write."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs

from actionhero import (
    ActionNotFound,
    Forbidden,
    MalformedRequest,
    Outcome,
    ServiceUnavailable,
    TypedError,
)
from actionhero.settings import AppSettings
from actionhero.transport import DeferredPayload, InvalidPayload
from actionhero_web.codecs import decoders_of, encoders_of
from actionhero_web.connections.client_resolver import ClientResolver
from actionhero_web.connections.web_connection import WebConnection, match_of_other_method
from actionhero_web.cross_origin import (
    FETCH_SITE,
    SAFE_METHODS,
    CrossOriginProtection,
    CrossSiteSession,
)
from actionhero_web.decode import METHODS_WITHOUT_BODY, RequestDecoder
from actionhero_web.encode import ResponseEncoder
from actionhero_web.native_responses import NativeResponses
from actionhero_web.request_context import RequestContext
from actionhero_web.responses.cookies import remove_cookies
from actionhero_web.responses.cors import Cors
from actionhero_web.responses.header_templates import HeaderTemplates
from actionhero_web.responses.native_response import WRITTEN_RESPONSE, is_written
from actionhero_web.responses.streaming import Streams
from actionhero_web.routes.request_target import split_target
from actionhero_web.write import ResponseWriter

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application
    from actionhero.transport import Payload
    from actionhero_web.request_context import CallContext
    from actionhero_web.routes.nearest_route import NearestRoute
    from actionhero_web.routes.router import NoMatch
    from actionhero_web.settings import WebSettings

Response = Any
#: The error of calls that a shutdown cancels or refuses.
SHUTTING_DOWN: Final = "The server is shutting down"


def is_closing(request: web.BaseRequest) -> bool:
    """Return whether the connection of a request is closed, so that its handler is cancelled."""
    transport = request.transport
    return transport is None or transport.is_closing()


def own_cancellation() -> RuntimeError:
    """End a cancellation that came from neither client nor server, and return the error for it."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
    return RuntimeError("the application has cancelled the task of the request")


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
        cors = Cors(
            settings.allowed_origins,
            settings.allowed_methods,
            settings.cors_headers,
            int(settings.preflight_max_age.total_seconds()),
            exposed_headers=settings.exposed_headers,
            always_lists_methods=self._format.always_lists_methods,
        )
        self.writer = ResponseWriter(
            header_templates,
            cors,
            compress=settings.compress,
        )
        #: The responses outside of actions.
        self.native = NativeResponses(
            app.pipeline, self._format, self.clients, cors, self.encoder, self.writer
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
        headers = context.request.headers
        try:
            if self._authentication is not None:
                context.connection.credentials = self._authentication.read(headers)
            if (
                # Only browsers send these.
                (hdrs.ORIGIN in headers or FETCH_SITE in headers)
                and context.request.method not in SAFE_METHODS
                and action.name not in self._cross_origin_exempt
            ):
                self.cross_origin.check(context.request, context.connection)
            if action.name in self._authorized:
                # The body of a caller who is refused is not read.
                payload = DeferredPayload(partial(self._decoder.decode, context))
            else:
                buffered = self._decoder.decode_buffered(context)
                payload = buffered or await self._decoder.decode(context)
        except (Forbidden, MalformedRequest) as error:
            # Before the session is opened, and the caller is identified: of a caller with several
            # credentials, it is not known which one is meant.
            if isinstance(error, Forbidden) or action.name in self._authorized:
                return await self._refuse(context, error)
            # The pipeline logs the call.
            payload = InvalidPayload(error)
        except asyncio.CancelledError:
            if not self.closing or is_closing(context.request):
                raise
            # The body has not arrived within the grace period.
            return await self._refuse(context, ServiceUnavailable(SHUTTING_DOWN))
        if action.streams and self.streams.refuses(action):
            return await self._refuse(context, ServiceUnavailable(SHUTTING_DOWN))
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
            if is_closing(context.request):
                raise
            # The client is still connected, so it gets an error response.
            if self.closing or (stream is not None and stream.stopped):
                outcome = Outcome(error=ServiceUnavailable(SHUTTING_DOWN))
            elif self.writer.use_aiohttp_responses:
                # It may be the timeout of a native middleware.
                raise
            else:
                outcome = self._pipeline.error_outcome(
                    f"action {action.name!r}", own_cancellation()
                )
        finally:
            if context.form is not None:
                context.form.close()
            if stream is not None:
                stream.close()
        if stream is not None and stream.handles(outcome):
            return await stream.finish(outcome)
        if context.request.writer.output_size > 0 and not is_written(outcome):
            # The action has begun to write its own response: only a truncated one shows the error.
            # A second response would be taken for that to the next request.
            if outcome.error is None:
                self._pipeline.encoding_error_outcome(action.name, TypeError(WRITTEN_RESPONSE))
            context.request.protocol.force_close()
            raise ConnectionResetError("the action has failed; its response is truncated")
        encoded = self.encoder.encode(context, outcome)
        if context.connection.is_cross_site:
            remove_cookies(encoded)
        response = self.writer.write_json(context, encoded)
        if response is not None:
            return response
        try:
            return await self.writer.write(context, encoded)
        except (TypedError, OSError) as error:
            # The file of a response is missing, or cannot be read.
            outcome = self._pipeline.error_outcome(f"the response of {action.name!r}", error)
            return await self.writer.write(context, self.encoder.encode_error(context, outcome))

    async def _refuse(self, context: CallContext, error: TypedError) -> Response:
        """Return the response to a request for an action that is not executed."""
        outcome = self._pipeline.refuse(
            context.connection,
            error,
            request_id=context.request_id,
            name=context.match.target.name,
        )
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
                no_match.allow, (*self.native.preflight_headers(request), *headers)
            )
            if options is not None:
                return await self.writer.write(context, options)
        error: TypedError
        if no_match.is_malformed:
            error = MalformedRequest("the path is not percent-encoded UTF-8")
        elif no_match.allowed:
            error, allow = self.native.method_not_allowed(request, no_match.allow)
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
