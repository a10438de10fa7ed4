"""`McpEndpoint`: Streamable HTTP, the endpoint for agents in the HTTP server."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import RequestTooLarge
from actionhero_mcp.challenges import Challenge, header_of
from actionhero_mcp.event_log import EventLog
from actionhero_mcp.gate import Admitted, Gate, Refused
from actionhero_mcp.handshake import SESSION, create_session_id
from actionhero_mcp.jsonrpc import (
    Request,
    Response,
    RpcError,
    error_bytes,
    parse,
    result_bytes,
)
from actionhero_mcp.resumable import ResumableSink
from actionhero_mcp.revisions import INVALID_REQUEST
from actionhero_mcp.service import service_for
from actionhero_mcp.session_endpoint import SessionEndpoint
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.signing import signer_for
from actionhero_mcp.sse import HttpSink
from actionhero_mcp.versions import PeerReader
from actionhero_web import WebSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.peer import Peer

_JSON: Final = "application/json"
#: After this time, the caller is identified again once the body is read: revocations are effective
#: within a second.
SLOW_BODY_SECONDS: Final = 0.5


class McpEndpoint:
    """Answers the HTTP requests of clients.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._settings = settings = app.get(McpSettings)
        self._service = service_for(app)
        self._gate = Gate(app)
        self._peers = PeerReader(settings, self._service.catalog, lambda: signer_for(app))
        self._log = EventLog(app)
        self._heartbeat_seconds = app.get(WebSettings).stream_heartbeat.total_seconds()
        self._stream_seconds = settings.stream_after.total_seconds()
        self._sessions = SessionEndpoint(
            self._service, self._gate, self._peers, self._log, self._heartbeat_seconds
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the response to a request."""
        headers = self._gate.headers(request)
        try:
            with await self._gate.admit(request) as admitted:
                if request.method == "GET":
                    return await self._stream(request, admitted, headers)
                body = await self._read(request, admitted)
                return await self._respond(request, admitted, body, headers)
        except Refused as refused:
            return _error_response(refused.error, headers | dict(refused.error.headers), None)

    async def _read(self, request: web.Request, admitted: Admitted) -> bytes:
        began = time.monotonic()
        try:
            body = await request.read()
        except RequestTooLarge as error:
            raise Refused(RpcError(INVALID_REQUEST, error.message, status=413)) from error
        if len(body) > self._settings.body_limit_bytes:
            message = f"The message is larger than {self._settings.body_limit_bytes} bytes"
            raise Refused(RpcError(INVALID_REQUEST, message, status=413))
        if time.monotonic() - began > SLOW_BODY_SECONDS:
            try:
                await self._gate.confirm(request, admitted)
            except RpcError as error:
                raise Refused(error) from error
        return body

    async def _respond(
        self, request: web.Request, admitted: Admitted, body: bytes, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Return the response to the message in a body."""
        try:
            message = parse(body)
        except RpcError as error:
            return _error_response(error, headers, None)
        id = message.id
        if isinstance(message, Response):
            peer = self._peers.peer_of_response(request.headers, admitted.caller)
            if peer is None:
                refusal = RpcError(INVALID_REQUEST, "Invalid request: it is a response")
                return _error_response(refusal, headers, None)
            await self._service.respond(message)
            return web.Response(status=202, headers=headers)
        try:
            peer = self._peers.peer_of(message, request.headers, admitted.caller)
        except RpcError as error:
            self._record_foreign_session(error, admitted)
            return _error_response(error, headers, id)
        if message.id is None:
            await self._service.notify(message, peer, admitted.caller)
            return web.Response(status=202, headers=headers)
        if message.method == "initialize" and not peer.revision.is_modern:
            ttl_seconds = self._settings.session_ttl.total_seconds()
            headers[SESSION] = create_session_id(
                signer_for(self._app), peer, admitted.caller, ttl_seconds
            )
        return await self._call(request, message, peer, admitted, headers)

    async def _call(
        self,
        request: web.Request,
        message: Request,
        peer: Peer,
        admitted: Admitted,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        arguments = (request, self._service.server_requests, headers, self._heartbeat_seconds)
        is_resumable = (
            peer.session_id is not None and peer.revision.has_resumption and self._log.is_available
        )
        if is_resumable:
            sink: HttpSink = ResumableSink(
                *arguments, log=self._log, caller=admitted.caller, session_id=str(peer.session_id)
            )
        else:
            sink = HttpSink(*arguments)
        connection = self._service.connect(peer, sink, admitted.remote, admitted.principal)
        connection.request_id = admitted.request_id
        connection.can_challenge = self._gate.reads_credentials
        if message.method == "subscriptions/listen":
            sink.on_lost = request.task.cancel
            if self._gate.reads_credentials:
                connection.confirm = partial(self._gate.confirm, request, admitted)
        sink.start_after(self._stream_seconds)
        answer = self._answer(message, connection, sink, admitted.caller)
        if not is_resumable:
            return await answer
        # Its end is that of the call.
        admitted.is_kept = True
        return await self._service.detached.run(answer, sink, admitted.end)

    async def _answer(
        self, message: Request, connection: McpConnection, sink: HttpSink, caller: str
    ) -> web.StreamResponse:
        """Return the response to a request, after its notifications if there are any."""
        assert message.id is not None  # noqa: S101 - the caller has answered notifications
        error: RpcError | None = None
        try:
            try:
                result = await self._service.call(message, connection, caller)
                answer = result_bytes(message.id, result)
            except RpcError as raised:
                error = self._challenged(raised, connection)
                answer = error_bytes(message.id, error)
            if sink.started:
                return await sink.finish(answer)
        finally:
            sink.close()
        if error is not None:
            return _error_response(error, sink.headers, message.id, connection.peer)
        return web.Response(body=answer, content_type=_JSON, headers=sink.headers)

    async def _stream(
        self, request: web.Request, admitted: Admitted, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Return the notifications of a session."""
        try:
            return await self._sessions.respond(request, admitted, headers)
        except RpcError as error:
            self._record_foreign_session(error, admitted)
            return _error_response(error, headers, None)

    def _record_foreign_session(self, error: RpcError, admitted: Admitted) -> None:
        """Record a session that is forged, expired, or of another caller."""
        if error.status in {403, 404}:
            self._gate.refusals.record_from(
                admitted.remote, admitted.principal, error.message, error.status
            )

    def _challenged(self, error: RpcError, connection: McpConnection) -> RpcError:
        """Return an error with the header that tells which credentials are needed."""
        if isinstance(error, Challenge):
            parameters = self._gate.challenge(error.parameters)
            error.headers = (("WWW-Authenticate", header_of(parameters)),)
        return error


def _error_response(
    error: RpcError, headers: dict[str, str], id: Any, peer: Peer | None = None
) -> web.Response:
    status = error.status
    if peer is not None and not peer.revision.is_modern and status not in {401, 403}:
        # Older clients discard the body of another status.
        status = 200
    return web.Response(
        status=status,
        body=error_bytes(id, error),
        content_type=_JSON,
        headers={**headers, **dict(error.headers)},
    )
