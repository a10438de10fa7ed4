"""`McpEndpoint`: Streamable HTTP, the endpoint for agents in the HTTP server."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from actionhero_mcp.admission import Admitted, Refused
from actionhero_mcp.challenges import Challenge, header_of
from actionhero_mcp.event_log import EventLog
from actionhero_mcp.gate import Gate
from actionhero_mcp.handshake import SESSION, create_session_id
from actionhero_mcp.jsonrpc import (
    Request,
    Response,
    RpcError,
    error_bytes,
    parse,
    result_bytes,
)
from actionhero_mcp.results import challenged_result
from actionhero_mcp.resumable import ResumableSink
from actionhero_mcp.revisions import INVALID_REQUEST
from actionhero_mcp.service import service_for
from actionhero_mcp.session_endpoint import SessionEndpoint
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.signing import signer_for
from actionhero_mcp.sse import EventStreams, HttpSink
from actionhero_mcp.versions import PeerReader
from actionhero_web import EncodedResponse, Endpoint, EndpointRequest, WebSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp import web

    from actionhero import Application
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.peer import Peer
    from actionhero_web import Headers

#: After this time, the caller is identified again once the body is read: revocations are effective
#: within a second.
SLOW_BODY_SECONDS: Final = 0.5


class McpEndpoint(Endpoint):
    """Responds to the HTTP requests of clients.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._settings = settings = app.get(McpSettings)
        self.path = settings.path
        self.body_limit_bytes = settings.body_limit_bytes
        self._service = service_for(app)
        self._gate = Gate(app)
        self._peers = PeerReader(settings, self._service.catalog, lambda: signer_for(app))
        self._log = EventLog(app)
        self._streams = EventStreams(
            self._service.server_requests,
            heartbeat_seconds=app.get(WebSettings).stream_heartbeat.total_seconds(),
            start_seconds=settings.stream_after.total_seconds(),
        )
        self._sessions = SessionEndpoint(
            self._service, self._gate, self._peers, self._log, self._streams
        )

    async def respond(self, request: EndpointRequest) -> EncodedResponse | web.StreamResponse:
        """Return the response to a request."""
        gate, http = self._gate, request.request
        headers = gate.cors_headers(http.headers) if "Origin" in http.headers else ()
        try:
            admitted = gate.admit(request)
            try:
                if gate.reads_credentials:
                    await gate.identify(admitted)
                gate.count(admitted)
                gate.check_media(http)
                if http.method == "GET":
                    return await self._stream(admitted, headers)
                body = request.read_buffered() or await self._read(admitted)
                return await self._respond(admitted, body, headers)
            finally:
                if not admitted.is_kept:
                    admitted.end()
        except Refused as refused:
            return _error_response(refused.error, headers, None)

    async def _read(self, admitted: Admitted) -> bytes:
        began = time.monotonic()
        body = await admitted.read()
        if time.monotonic() - began > SLOW_BODY_SECONDS:
            try:
                await self._gate.confirm(admitted)
            except RpcError as error:
                raise Refused(error) from error
        return body

    async def _respond(
        self, admitted: Admitted, body: bytes, headers: Headers
    ) -> EncodedResponse | web.StreamResponse:
        """Return the response to the message in a body."""
        try:
            message = parse(body)
        except RpcError as error:
            return _error_response(error, headers, None)
        http_headers, principal = admitted.request.request.headers, admitted.principal
        if isinstance(message, Response):
            peer = self._peers.peer_of_response(http_headers, principal)
            if peer is None:
                refusal = RpcError(INVALID_REQUEST, "Invalid request: it is a response")
                return _error_response(refusal, headers, None)
            await self._service.respond(message)
            return EncodedResponse(202, b"", "", headers)
        try:
            peer = self._peers.peer_of(message, http_headers, principal)
        except RpcError as error:
            self._record_foreign_session(error, admitted)
            return _error_response(error, headers, message.id)
        if message.id is None:
            await self._service.notify(message, peer, principal)
            return EncodedResponse(202, b"", "", headers)
        if message.method == "initialize" and not peer.revision.is_modern:
            ttl_seconds = self._settings.session_ttl.total_seconds()
            session_id = create_session_id(
                signer_for(self._app), peer, admitted.caller, ttl_seconds
            )
            headers = (*headers, (SESSION, session_id))
        if peer.session_id is not None:
            peer = await self._service.dispatcher.log_levels.apply(peer)
        return await self._call(message, peer, admitted, headers)

    def _call(
        self, message: Request, peer: Peer, admitted: Admitted, headers: Headers
    ) -> Awaitable[EncodedResponse | web.StreamResponse]:
        # Not a coroutine itself, as one more takes time in every request.
        request = admitted.request
        is_resumable = (
            peer.session_id is not None and peer.revision.has_resumption and self._log.is_available
        )
        if is_resumable:
            sink: HttpSink = ResumableSink(
                request,
                self._streams,
                headers,
                log=self._log,
                caller=admitted.caller,
                session_id=str(peer.session_id),
            )
        else:
            sink = HttpSink(request, self._streams, headers)
        connection = self._service.connect(peer, sink, request.remote, admitted.principal)
        connection.request_id = request.request_id
        connection.can_challenge = self._gate.reads_credentials
        if message.method == "subscriptions/listen":
            sink.on_lost = request.request.task.cancel
            if self._gate.reads_credentials:
                connection.confirm = partial(self._gate.confirm, admitted)
        sink.start_later()
        answer = self._answer(message, connection, sink)
        if not is_resumable:
            return answer
        # Its end is that of the call.
        admitted.is_kept = True
        return self._service.detached.run(answer, sink, admitted.end)

    async def _answer(
        self, message: Request, connection: McpConnection, sink: HttpSink
    ) -> EncodedResponse | web.StreamResponse:
        """Return the response to a request, after its notifications if there are any."""
        assert message.id is not None  # noqa: S101 - the caller has answered notifications
        error: RpcError | None = None
        try:
            try:
                result = await self._service.call(message, connection)
                answer = result_bytes(message.id, result)
            except RpcError as raised:
                error = self._challenged(raised)
                answer = _error_answer(message, error, connection)
            if sink.started:
                return await sink.finish(answer)
        finally:
            sink.close()
        if error is not None:
            status = _status_of(error, connection.peer)
            return EncodedResponse(status, answer, headers=(*sink.headers, *error.headers))
        return EncodedResponse(200, answer, headers=sink.headers)

    async def _stream(
        self, admitted: Admitted, headers: Headers
    ) -> EncodedResponse | web.StreamResponse:
        """Return the notifications of a session."""
        try:
            return await self._sessions.respond(admitted, headers)
        except RpcError as error:
            self._record_foreign_session(error, admitted)
            return _error_response(error, headers, None)

    def _record_foreign_session(self, error: RpcError, admitted: Admitted) -> None:
        """Record a session that is forged, expired, or of another caller."""
        if error.status in {403, 404}:
            self._gate.refusals.record_from(
                admitted.request.remote, admitted.principal, error.message, error.status
            )

    def _challenged(self, error: RpcError) -> RpcError:
        """Return an error with the header that tells which credentials are needed."""
        if isinstance(error, Challenge):
            parameters = self._gate.challenge(error.parameters)
            error.headers = (("WWW-Authenticate", header_of(parameters)),)
        return error


def _error_answer(request: Request, error: RpcError, connection: McpConnection) -> bytes:
    """Return the response to a request with an error, as its client reads it."""
    assert request.id is not None  # noqa: S101 - the caller has answered notifications
    if (
        connection.peer.revision.is_modern
        or request.method != "tools/call"
        or not isinstance(error, Challenge)
        or error.cause is None
    ):
        return error_bytes(request.id, error)
    challenge = dict(error.headers)["WWW-Authenticate"]
    result = challenged_result(error.cause, connection.request_id, challenge)
    return result_bytes(request.id, result)


def _status_of(error: RpcError, peer: Peer) -> int:
    # Older clients discard the body of another status.
    return error.status if peer.revision.is_modern or error.status in {401, 403} else 200


def _error_response(error: RpcError, headers: Headers, id: Any) -> EncodedResponse:
    headers = (*headers, *error.headers)
    if error.status == 204:
        return EncodedResponse(error.status, b"", "", headers)
    return EncodedResponse(error.status, error_bytes(id, error), headers=headers)
