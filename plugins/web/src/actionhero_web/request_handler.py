"""The handler of requests for actions: it calls the pipeline and encodes the outcome."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from actionhero import (
    ActionNotFound,
    Connection,
    MalformedRequest,
    MethodNotAllowed,
    Outcome,
    ServiceUnavailable,
    TypedError,
)
from actionhero.transport import (
    EMPTY_PAYLOAD,
    InvalidPayload,
    JsonPayload,
    TextPayload,
    dumps,
    dumps_pretty,
    encode,
    new_identifier,
)
from actionhero_web.body import BodyReader
from actionhero_web.compression import MINIMUM_BYTES
from actionhero_web.cors import Cors, Headers
from actionhero_web.error_mapping import encode_error, status_for
from actionhero_web.header_templates import REQUEST_ID, HeaderTemplates
from actionhero_web.media import MediaType, media_type_of, parse_query
from actionhero_web.payload_reader import PayloadReader
from actionhero_web.protocol import HttpProtocol, remote_address
from actionhero_web.proxy import TrustedProxies
from actionhero_web.response import (
    STATUSES_WITHOUT_BODY,
    JsonResponse,
    add_default_headers,
    aiohttp_response,
    allows_single_write,
    compress_response,
    empty_response,
    uncompressed_body,
)
from actionhero_web.route import checked_status
from actionhero_web.router import Match, NoMatch
from actionhero_web.streaming import StreamedResponse, Streams

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import Payload, RegisteredAction
    from actionhero_web.multipart import Form
    from actionhero_web.router import Router
    from actionhero_web.settings import WebSettings

Response = Any

#: Methods whose request body has no defined meaning.
METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class RequestHandler:
    """Handles requests below the prefix of the actions.

    Args:
        app: The application.
        settings: The settings of the HTTP server.
        router: The routes of the actions.
        header_templates: The headers of every response.
    """

    def __init__(
        self,
        app: Application,
        settings: WebSettings,
        router: Router[RegisteredAction],
        header_templates: HeaderTemplates,
    ) -> None:
        self._execute = app.pipeline.execute
        self._pipeline = app.pipeline
        self._router = router
        self.header_templates = header_templates
        self._settings = settings
        self._error_format = settings.error_format
        self._legacy_format = settings.error_format == "actionhero"
        self._prefix = settings.prefix
        self._prefix_length = len(settings.prefix)
        self._body = BodyReader(
            settings.body_limit_bytes, settings.body_idle_timeout.total_seconds()
        )
        self._payloads = PayloadReader(self._body, settings.file_memory_bytes)
        self.cors = Cors(
            settings.allowed_origins,
            settings.allowed_methods,
            settings.allowed_headers,
            int(settings.preflight_max_age.total_seconds()),
            error_format=settings.error_format,
        )
        self._has_cors = bool(settings.allowed_origins) or settings.error_format == "actionhero"
        trusted = settings.trusted_proxies
        self._proxies = TrustedProxies(trusted) if trusted else None
        #: The open streamed responses.
        self.streams = Streams(self, settings)
        self._fast_path_enabled = not (self._has_cors or self._legacy_format)
        #: Whether every response must be one of aiohttp's own classes, for native middlewares.
        self.use_aiohttp_responses = False
        #: Whether the server shuts down: every response then closes its connection.
        self.draining = False
        #: Whether the grace period is over: a call cancelled now gets 503.
        self.closing = False

    async def handle(self, request: web.BaseRequest, path: str, query: str) -> Response:
        """Return the response to a request.

        Args:
            request: The request.
            path: Its undecoded path, with the prefix.
            query: Its undecoded query.
        """
        if self._proxies is None:
            request_id = new_identifier()
            connection = Connection("web", remote_address(request), raw=request)
        else:
            request_id, connection = self._forwarded_connection(request, self._proxies)
        method = request.method
        match = self._router.match(method, path[self._prefix_length :])
        if not isinstance(match, Match):
            return await self._no_match_response(request, connection, request_id, match)
        form: Form | None = None
        payload: Payload
        try:
            if method in METHODS_WITHOUT_BODY:
                if query:
                    fields = parse_query(query)
                    payload = TextPayload(fields | match.parameters if match.parameters else fields)
                else:
                    payload = TextPayload(match.parameters) if match.parameters else EMPTY_PAYLOAD
            elif (
                not query
                and not match.parameters
                and media_type_of(request.headers.get("Content-Type")) is MediaType.JSON
            ):
                # The usual request with a body: parsed and validated in one step.
                payload = JsonPayload(
                    self._body.read_buffered(request) or await self._body.read(request)
                )
            else:
                payload, form = await self._payloads.read(request, match, query)
        except TypedError as error:
            payload = InvalidPayload(error)
        stream: StreamedResponse | None = None
        if (action := match.target).streams:
            stream = self.streams.open(request, connection, request_id, action)
        try:
            outcome = await self._execute(
                connection, action.name, payload, request_id=request_id, sink=stream
            )
        except asyncio.CancelledError:
            is_shutdown = self.closing or (stream is not None and stream.stopped)
            if not is_shutdown or request.transport is None or request.transport.is_closing():
                raise
            # The client is still connected, so it gets an error response.
            outcome = Outcome(error=ServiceUnavailable("The server is shutting down"))
        finally:
            if form is not None:
                form.close()
            if stream is not None:
                stream.close()
        if stream is not None and stream.handles(outcome):
            return await stream.finish(outcome)
        extra_headers = connection.response_headers or ()
        if outcome.error is not None:
            return await self._error_response(request, outcome, request_id, extra_headers)
        value = outcome.value
        if type(value) is dict and match.route.status == 200 and self._takes_fast_path(request):
            # The usual response, without the checks for all others.
            try:
                body = dumps(value)
            except (TypeError, ValueError):
                body = b""
            if body and len(body) < MINIMUM_BYTES:
                return JsonResponse(
                    200, self.header_templates.json(200), request_id, body, extra_headers
                )
        return await self._value_response(request, value, request_id, match, extra_headers)

    def _takes_fast_path(self, request: web.BaseRequest) -> bool:
        """Whether a small JSON value can be written directly, with the default headers."""
        return (
            self._fast_path_enabled
            and not (self.draining or self.use_aiohttp_responses)
            and request.content.is_eof()
            and allows_single_write(request)
        )

    # -- requests --------------------------------------------------------------------------

    def _forwarded_connection(
        self, request: web.BaseRequest, proxies: TrustedProxies
    ) -> tuple[str, Connection]:
        peer = remote_address(request)
        client = proxies.client(peer, request.scheme, request.headers)
        request_id = client.request_id or new_identifier()
        return request_id, Connection("web", client.address, raw=request)

    # -- responses -------------------------------------------------------------------------

    async def _value_response(
        self,
        request: web.BaseRequest,
        value: Any,
        request_id: str,
        match: Match[RegisteredAction],
        extra_headers: Headers,
    ) -> Response:
        if isinstance(value, web.StreamResponse):
            return await self._native_response(request, value, request_id, extra_headers)
        status = match.route.status
        try:
            if self._legacy_format:
                body = dumps_pretty({} if value is None else value)
            else:
                body = encode(value)
            if not isinstance(status, int):
                # Clients of the original ActionHero expect 200 for every value.
                status = 200 if self._legacy_format else checked_status(status(value))
        except Exception as error:  # noqa: BLE001 - the author's serializers and functions
            failed = self._pipeline.encoding_error_outcome(match.target.name, error)
            return await self._error_response(request, failed, request_id, extra_headers)
        if status != 200 and status in STATUSES_WITHOUT_BODY:
            headers = (
                *self.header_templates.always,
                (REQUEST_ID, request_id),
                *self.cors_headers(request),
                *extra_headers,
            )
            return empty_response(status, headers, closing=self.closes_connection(request))
        return await self._response(request, status, body, request_id, extra_headers)

    async def _native_response(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        request_id: str,
        extra_headers: Headers,
    ) -> web.StreamResponse:
        if not response.prepared:
            add_default_headers(
                response, self.header_templates, request_id, self.cors_headers(request)
            )
            for name, value in extra_headers:
                response.headers.add(name, value)
            if self.closes_connection(request):
                response.force_close()
            if self._settings.compress and isinstance(response, web.Response):
                body = uncompressed_body(response)
                return await compress_response(request, response, body) if body else response
        return response

    async def _error_response(
        self,
        request: web.BaseRequest,
        outcome: Outcome,
        request_id: str,
        extra_headers: Headers = (),
    ) -> Response:
        error = outcome.error
        assert error is not None  # noqa: S101 - only called for a failure
        status, _ = status_for(error.type, self._error_format)
        if error.retry_after_seconds is not None or status == 503:
            extra_headers = (*extra_headers, ("Retry-After", str(error.retry_after_seconds or 1)))
        encoded = encode_error(
            error,
            accept=request.headers.get("Accept", ""),
            error_format=self._error_format,
            request_id=request_id,
            stack=outcome.stack,
        )
        return await self._response(
            request, encoded.status, encoded.body, request_id, extra_headers, encoded.content_type
        )

    async def _response(
        self,
        request: web.BaseRequest,
        status: int,
        body: bytes,
        request_id: str,
        extra_headers: Headers = (),
        content_type: str = "application/json",
    ) -> Response:
        if self._has_cors:
            extra_headers = (*extra_headers, *self.cors_headers(request))
        # The unread rest of a body must not be parsed as the next request.
        closing = self.closes_connection(request) or not request.content.is_eof()
        is_json = content_type == "application/json"
        compressing = self._settings.compress and len(body) >= MINIMUM_BYTES
        single_write = is_json and not (compressing or self.use_aiohttp_responses)
        if single_write and allows_single_write(request):
            return JsonResponse(
                status,
                self.header_templates.json(status),
                request_id,
                body,
                extra_headers,
                closing=closing,
            )
        headers = (*self.header_templates.always, (REQUEST_ID, request_id), *extra_headers)
        response = aiohttp_response(
            status, body, headers, content_type=content_type, closing=closing
        )
        return await compress_response(request, response, body) if compressing else response

    def closes_connection(self, request: web.BaseRequest) -> bool:
        """Whether the response closes its connection: on shutdown, after the last request."""
        if not self.draining:
            return False
        protocol = request.protocol
        return not (isinstance(protocol, HttpProtocol) and protocol.has_pipelined_requests)

    def cors_headers(self, request: web.BaseRequest) -> Any:
        """Return the CORS headers of the response to a request."""
        if not self._has_cors:
            return ()
        return self.cors.for_response(request.headers.get("Origin"))

    # -- requests without an action ----------------------------------------------------------

    async def _no_match_response(
        self, request: web.BaseRequest, connection: Connection, request_id: str, no_match: NoMatch
    ) -> Response:
        if self._legacy_format:
            # Clients of the original ActionHero get their cookie even if no action matches.
            await self._pipeline.open_session(connection)
        extra_headers = connection.response_headers or ()
        if request.method == "OPTIONS" and (self._legacy_format or no_match.allowed):
            return await self._options_response(request, request_id, no_match, extra_headers)
        error: TypedError
        if no_match.is_malformed:
            error = MalformedRequest("the path is not percent-encoded UTF-8")
        elif no_match.allowed:
            error, allow = self.method_not_allowed(request.method, no_match.allow)
            extra_headers = (*extra_headers, allow)
        else:
            error = ActionNotFound("Action not found")
        if request.method not in METHODS_WITHOUT_BODY:
            try:
                # 413 takes precedence over 404 and 405.
                self._body.check_length(request)
            except TypedError as too_large:
                error = too_large
        outcome = self._pipeline.refuse(connection, error, request_id=request_id)
        return await self._error_response(request, outcome, request_id, extra_headers)

    async def _options_response(
        self, request: web.BaseRequest, request_id: str, no_match: NoMatch, extra_headers: Headers
    ) -> Response:
        headers = request.headers
        cors_headers = self.cors.for_preflight(
            headers.get("Origin"),
            headers.get("Access-Control-Request-Method"),
            headers.get("Access-Control-Request-Headers"),
        )
        request_headers = ((REQUEST_ID, request_id), *cors_headers, *extra_headers)
        response_headers = (*self.header_templates.always, *request_headers)
        closing = self.closes_connection(request)
        if self._legacy_format:
            return aiohttp_response(200, b"{}\r\n", response_headers, closing=closing)
        return empty_response(204, (*response_headers, ("Allow", no_match.allow)), closing=closing)

    def method_not_allowed(self, method: str, allow: str) -> tuple[TypedError, tuple[str, str]]:
        """Return the error and the `Allow` header for a path without a route for `method`."""
        message = f"Method {method} is not allowed; allowed: {allow}"
        if self._legacy_format:
            message = "Action not found"
        return MethodNotAllowed(message), ("Allow", allow)

    def request_id(self, request: web.BaseRequest) -> str:
        """Return the request id, from a trusted proxy or newly created."""
        if self._proxies is None:
            return new_identifier()
        return self._forwarded_connection(request, self._proxies)[0]

    async def error_response(
        self, request: web.BaseRequest, error: TypedError, extra_headers: Headers = ()
    ) -> Response:
        """Return the response for an error outside of any action.

        Args:
            request: The request.
            error: The error.
            extra_headers: Additional headers.
        """
        request_id = self.request_id(request)
        return await self._error_response(request, Outcome(error=error), request_id, extra_headers)
