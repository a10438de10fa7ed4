"""One HTTP exchange: a request into the corridor, the outcome out as an answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import web

from actionhero import (
    ActionNotFound,
    Connection,
    MalformedRequest,
    MethodNotAllowed,
    Outcome,
    ServiceUnavailable,
    TypedError,
    UnsupportedMediaType,
)
from actionhero.transport import (
    EMPTY_PAYLOAD,
    InvalidPayload,
    JsonPayload,
    MixedPayload,
    TextPayload,
    dumps,
    dumps_pretty,
    encode,
    new_identifier,
)
from actionhero_web import response as answers
from actionhero_web.body import BodyReader
from actionhero_web.compression import MINIMUM_BYTES
from actionhero_web.cors import Cors
from actionhero_web.error_mapping import error_document, problem_details, status_for
from actionhero_web.header_templates import REQUEST_ID, HeaderTemplates
from actionhero_web.media import Media, kind, parse_form, parse_query
from actionhero_web.multipart import Form, read_form
from actionhero_web.protocol import HttpProtocol, remote_address
from actionhero_web.proxy import TrustedProxies
from actionhero_web.route import checked_status
from actionhero_web.router import Match, NoMatch
from actionhero_web.streaming import StreamedAnswer, Streams

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import Payload, RegisteredAction
    from actionhero_web.router import Router
    from actionhero_web.settings import WebSettings

Answer = Any
Headers: TypeAlias = tuple[tuple[str, str], ...]

#: Methods whose body, if there is one, nobody defined a meaning for.
METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD"})
PROBLEM_JSON = "application/problem+json"


class RequestHandler:
    """Answers requests below the prefix of the actions.

    Args:
        app: The application.
        settings: The knobs.
        router: The routes of its actions.
        heads: The headers that are on every answer.
    """

    def __init__(
        self,
        app: Application,
        settings: WebSettings,
        router: Router[RegisteredAction],
        heads: HeaderTemplates,
    ) -> None:
        self._execute = app.pipeline.execute
        self._pipeline = app.pipeline
        self._router = router
        self.heads = heads
        self._settings = settings
        self._profile = settings.error_format
        self._pretty = settings.error_format == "actionhero"
        self._prefix = settings.prefix
        self._prefix_length = len(settings.prefix)
        self._body = BodyReader(
            settings.body_limit_bytes, settings.body_idle_timeout.total_seconds()
        )
        self.cors = Cors(
            settings.allowed_origins,
            settings.allowed_methods,
            settings.allowed_headers,
            int(settings.preflight_max_age.total_seconds()),
            profile=settings.error_format,
        )
        self._has_cors = bool(settings.allowed_origins) or settings.error_format == "actionhero"
        trusted = settings.trusted_proxies
        self._proxies = TrustedProxies(trusted) if trusted else None
        #: Answers that come in pieces.
        self.streams = Streams(self, settings)
        self._may_be_lean = not (self._has_cors or self._pretty)
        #: Whether every answer must be one of aiohttp's own, for native middlewares to look at.
        self.only_plain = False
        #: Set while the server goes down: every answer then ends its connection.
        self.draining = False
        #: Set at the end of the grace time: a call that is cancelled now is told why.
        self.closing = False

    async def answer(self, request: web.BaseRequest, path: str, query: str) -> Answer:
        """Answer a request.

        Args:
            request: The request.
            path: Its path, undecoded, the prefix included.
            query: Its query, undecoded.
        """
        if self._proxies is None:
            request_id = new_identifier()
            connection = Connection("web", remote_address(request), raw=request)
        else:
            request_id, connection = self._told_by_proxy(request, self._proxies)
        method = request.method
        match = self._router.match(method, path[self._prefix_length :])
        if not isinstance(match, Match):
            return await self._refuse(request, connection, request_id, match)
        form: Form | None = None
        raw: Payload
        try:
            if method in METHODS_WITHOUT_BODY:
                if query:
                    text = parse_query(query)
                    raw = TextPayload(text | match.parameters if match.parameters else text)
                else:
                    raw = TextPayload(match.parameters) if match.parameters else EMPTY_PAYLOAD
            elif (
                not query
                and not match.parameters
                and kind(request.headers.get("Content-Type")) is Media.JSON
            ):
                # What most requests with a body are: it is validated from its very bytes.
                raw = JsonPayload(self._body.ready(request) or await self._body.read(request))
            else:
                raw, form = await self._read(request, match, query)
        except TypedError as error:
            raw = InvalidPayload(error)
        stream: StreamedAnswer | None = None
        if (action := match.target).streams:
            stream = self.streams.begin(request, connection, request_id, action)
        try:
            outcome = await self._execute(
                connection, action.name, raw, request_id=request_id, sink=stream
            )
        except asyncio.CancelledError:
            is_ours = self.closing or (stream is not None and stream.stopped)
            if not is_ours or request.transport is None or request.transport.is_closing():
                raise
            # It was not the client who left: tell it why there is no value.
            outcome = Outcome(error=ServiceUnavailable("The server is shutting down"))
        finally:
            if form is not None:
                form.close()
            if stream is not None:
                stream.close()
        if stream is not None and stream.takes(outcome):
            return await stream.end(outcome)
        more = connection.answer_headers or ()
        if outcome.error is not None:
            return await self._tell_error(request, outcome, request_id, more)
        value = outcome.value
        if type(value) is dict and match.route.status == 200 and self._is_lean(request):
            # What most answers are, without the questions that the others raise.
            try:
                body = dumps(value)
            except (TypeError, ValueError):
                body = b""
            if body and len(body) < MINIMUM_BYTES:
                return answers.JsonResponse(200, self.heads.json(200), request_id, body, more)
        return await self._tell(request, value, request_id, match, more)

    def _is_lean(self, request: web.BaseRequest) -> bool:
        """Whether a small value can be written at once, and nothing but the value decides how."""
        return (
            self._may_be_lean
            and not (self.draining or self.only_plain)
            and request.content.is_eof()
            and answers.is_simple(request)
        )

    # -- in --------------------------------------------------------------------------------

    def _told_by_proxy(
        self, request: web.BaseRequest, proxies: TrustedProxies
    ) -> tuple[str, Connection]:
        peer = remote_address(request)
        client = proxies.client(peer, request.scheme, request.headers)
        request_id = client.request_id or new_identifier()
        return request_id, Connection("web", client.address, raw=request)

    async def _read(
        self, request: web.BaseRequest, match: Match[RegisteredAction], query: str
    ) -> tuple[Payload, Form | None]:
        """Return the raw inputs: path over body over query."""
        path = match.parameters
        if not request.body_exists:
            if not query and not path:
                return JsonPayload(b""), None
            return TextPayload((parse_query(query) if query else {}) | path), None
        media = kind(request.headers.get("Content-Type"))
        if media is Media.JSON:
            body = await self._body.read(request)
            if not query and not path:
                return JsonPayload(body), None
            return MixedPayload(path, body, parse_query(query) if query else {}), None
        text = parse_query(query) if query else {}
        if media is Media.FORM:
            return TextPayload(text | parse_form(await self._body.read(request)) | path), None
        if media is Media.MULTIPART:
            form = await read_form(request, self._body, self._settings.file_memory_bytes)
            return TextPayload(text | form.fields | path), form
        if not await self._body.read(request):
            return TextPayload(text | path), None
        given = request.headers.get("Content-Type")
        raise UnsupportedMediaType(
            f"the body's media type {given!r} is not read; send application/json, "
            "application/x-www-form-urlencoded or multipart/form-data"
            if given
            else "the body has no Content-Type; send application/json"
        )

    # -- out -------------------------------------------------------------------------------

    async def _tell(
        self,
        request: web.BaseRequest,
        value: Any,
        request_id: str,
        match: Match[RegisteredAction],
        more: Headers,
    ) -> Answer:
        if isinstance(value, web.StreamResponse):
            return await self._tell_raw(request, value, request_id, more)
        status = match.route.status
        try:
            body = self._encode(value)
            if not isinstance(status, int):
                # Clients of the original take every value for a 200.
                status = 200 if self._pretty else checked_status(status(value))
        except Exception as error:  # noqa: BLE001 - the author's serializers and functions
            failed = self._pipeline.failed_to_answer(match.target.name, error)
            return await self._tell_error(request, failed, request_id, more)
        if status != 200 and status in answers.STATUSES_WITHOUT_BODY:
            more = ((REQUEST_ID, request_id), *self.cors_headers(request), *more)
            return answers.empty(status, (*self.heads.always, *more), closing=self.is_last(request))
        return await self._write(request, status, body, request_id, more)

    def _encode(self, value: Any) -> bytes:
        if self._pretty:
            return dumps_pretty({} if value is None else value)
        return encode(value)

    async def _tell_raw(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        request_id: str,
        more: Headers,
    ) -> web.StreamResponse:
        if not response.prepared:
            answers.decorate(response, self.heads, request_id, self.cors_headers(request))
            for name, value in more:
                response.headers.add(name, value)
            if self.is_last(request):
                response.force_close()
            if self._settings.compress and isinstance(response, web.Response):
                body = answers.plain_body(response)
                return await answers.compressed(request, response, body) if body else response
        return response

    async def _tell_error(
        self,
        request: web.BaseRequest,
        outcome: Outcome,
        request_id: str,
        more: Headers = (),
    ) -> Answer:
        error = outcome.error
        assert error is not None  # noqa: S101 - only called for a failure
        status, _ = status_for(error.type, self._profile)
        if error.retry_after_seconds is not None or status == 503:
            more = (*more, ("Retry-After", str(error.retry_after_seconds or 1)))
        if PROBLEM_JSON in request.headers.get("Accept", "").lower():
            document = problem_details(error, request_id=request_id)
            return await self._write(
                request, document["status"], dumps(document), request_id, more, PROBLEM_JSON
            )
        document = error_document(
            error,
            timestamp_ms=self.now_ms(),
            request_id=request_id,
            stack=outcome.stack,
            profile=self._profile,
        )
        body = dumps_pretty(document) if self._pretty else dumps(document)
        return await self._write(request, status, body, request_id, more)

    async def _write(
        self,
        request: web.BaseRequest,
        status: int,
        body: bytes,
        request_id: str,
        more: Headers = (),
        content_type: str = "application/json",
    ) -> Answer:
        if self._has_cors:
            more = (*more, *self.cors_headers(request))
        # A body that was not read to its end must not be taken for the next request.
        closing = self.is_last(request) or not request.content.is_eof()
        is_json = content_type == "application/json"
        compressing = self._settings.compress and len(body) >= MINIMUM_BYTES
        if not (compressing or self.only_plain) and is_json and answers.is_simple(request):
            return answers.JsonResponse(
                status, self.heads.json(status), request_id, body, more, closing=closing
            )
        headers = (*self.heads.always, (REQUEST_ID, request_id), *more)
        response = answers.plain(
            request, status, body, headers, content_type=content_type, closing=closing
        )
        return await answers.compressed(request, response, body) if compressing else response

    def is_last(self, request: web.BaseRequest) -> bool:
        """Whether the answer ends its connection: the server goes down, and no more was asked."""
        if not self.draining:
            return False
        protocol = request.protocol
        return not (isinstance(protocol, HttpProtocol) and protocol.has_more)

    def cors_headers(self, request: web.BaseRequest) -> Any:
        """Return what pages of other origins are told with the answer to a request."""
        if not self._has_cors:
            return ()
        return self.cors.for_response(request.headers.get("Origin"))

    # -- what is no action -------------------------------------------------------------------

    async def _refuse(
        self, request: web.BaseRequest, connection: Connection, request_id: str, why: NoMatch
    ) -> Answer:
        if self._pretty:
            # Clients of the original get their cookie also where there is no action.
            await self._pipeline.greet(connection)
        more = connection.answer_headers or ()
        if request.method == "OPTIONS" and (self._pretty or why.allowed):
            return await self._options(request, request_id, why, more)
        error: TypedError
        if why.is_malformed:
            error = MalformedRequest("the path is not percent-encoded UTF-8")
        elif why.allowed:
            error, allow = self.wrong_method(request.method, why.allow)
            more = (*more, allow)
        else:
            error = ActionNotFound("Action not found")
        if request.method not in METHODS_WITHOUT_BODY:
            try:
                # A body that is too large is told before that it had nowhere to go.
                self._body.check_length(request)
            except TypedError as too_large:
                error = too_large
        outcome = self._pipeline.refuse(connection, error, request_id=request_id)
        return await self._tell_error(request, outcome, request_id, more)

    async def _options(
        self, request: web.BaseRequest, request_id: str, why: NoMatch, more: Headers
    ) -> Answer:
        headers = request.headers
        allowed = self.cors.for_preflight(
            headers.get("Origin"),
            headers.get("Access-Control-Request-Method"),
            headers.get("Access-Control-Request-Headers"),
        )
        always = (*self.heads.always, (REQUEST_ID, request_id), *allowed, *more)
        if self._pretty:
            return answers.plain(request, 200, b"{}\r\n", always, closing=self.is_last(request))
        return answers.empty(204, (*always, ("Allow", why.allow)), closing=self.is_last(request))

    def wrong_method(self, method: str, allow: str) -> tuple[TypedError, tuple[str, str]]:
        """Return how it is told that a path is there for other methods: the error and a header."""
        said = f"Method {method} is not allowed here: {allow}"
        return MethodNotAllowed("Action not found" if self._pretty else said), ("Allow", allow)

    def request_id(self, request: web.BaseRequest) -> str:
        """Return the identifier of a request: as a trusted proxy tells it, or a new one."""
        if self._proxies is None:
            return new_identifier()
        return self._told_by_proxy(request, self._proxies)[0]

    def now_ms(self) -> int:
        """Return milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    async def tell(self, request: web.BaseRequest, error: TypedError, more: Headers = ()) -> Answer:
        """Answer with `error`, for what fails outside of any action.

        Args:
            request: The request.
            error: What went wrong.
            more: Further headers.
        """
        request_id = self.request_id(request)
        return await self._tell_error(request, Outcome(error=error), request_id, more)
