"""`SessionEndpoint`: the notifications of a session, or the rest of a stream that was cut off."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from actionhero_mcp.event_log import EventLog, stream_key
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.resumable import NOTIFICATIONS, NumberedSink, event_bytes
from actionhero_mcp.revisions import INVALID_REQUEST
from actionhero_mcp.sse import HEARTBEAT, HttpSink, event_stream

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero_mcp.admission import Admitted
    from actionhero_mcp.gate import Gate
    from actionhero_mcp.peer import Peer
    from actionhero_mcp.service import McpService
    from actionhero_mcp.sse import EventStreams
    from actionhero_mcp.versions import PeerReader
    from actionhero_web import EndpointRequest, Headers


class SessionEndpoint:
    """Answers `GET`, which clients with a handshake send.

    Args:
        service: The calls and streams of this process.
        gate: Identifies callers.
        peers: Reads sessions.
        log: The events of streams.
        streams: The settings of event streams.
    """

    def __init__(
        self, service: McpService, gate: Gate, peers: PeerReader, log: EventLog,
        streams: EventStreams,
    ) -> None:  # fmt: skip
        self._service = service
        self._gate = gate
        self._peers = peers
        self._log = log
        self._streams = streams

    async def respond(self, admitted: Admitted, headers: Headers) -> web.StreamResponse:
        """Return the stream.

        Raises:
            RpcError: The session or the stream is unknown, or the credentials are revoked.
        """
        http_headers = admitted.request.request.headers
        peer = self._peers.peer_of_stream(http_headers, admitted.principal)
        assert peer.session_id is not None  # noqa: S101 - the gate has checked it
        last_event = http_headers.get("Last-Event-ID")
        if not peer.revision.has_resumption:
            last_event = None
        name, _, number = (last_event or NOTIFICATIONS).rpartition(".")
        if last_event is None or name == NOTIFICATIONS:
            return await self._notify(admitted, headers, peer, last_event is not None)
        stream = stream_key(admitted.caller, peer.session_id, name)
        is_number = number.isdecimal() and len(number) < 10
        if not is_number or not self._log.is_available or not await self._log.has(stream):
            reason = "The stream of Last-Event-ID is unknown, or was kept for too long"
            raise RpcError(INVALID_REQUEST, reason)
        return await self._replay(admitted.request, headers, (stream, name, int(number)))

    async def _notify(
        self, admitted: Admitted, headers: Headers, peer: Peer, is_resumed: bool
    ) -> web.StreamResponse:
        """Send the notifications of the session."""
        type_ = NumberedSink if peer.revision.has_resumption else HttpSink
        request = admitted.request
        sink = type_(request, self._streams, headers)
        sink.on_lost = request.request.task.cancel
        connection = self._service.connect(peer, sink, request.remote, admitted.principal)
        if self._gate.reads_credentials:
            connection.confirm = partial(self._gate.confirm, admitted)
        stream = self._service.dispatcher.session_streams.stream
        try:
            await stream(
                connection, peer.session_id or "", is_resumed=is_resumed, on_open=sink.start
            )
            return await sink.finish()
        finally:
            sink.close()

    async def _replay(
        self, request: EndpointRequest, headers: Headers, position: tuple[str, str, int]
    ) -> web.StreamResponse:
        """Send the events of a stream that the client has not received."""
        stream, name, after = position
        response = event_stream(request, headers)
        await response.prepare(request.request)
        await response.write(HEARTBEAT)
        async with aclosing(
            self._log.events(stream, after, self._streams.heartbeat_seconds)
        ) as events:
            async for event in events:
                is_event = bool(event.message)
                data = event_bytes(name, event.number, event.message) if is_event else HEARTBEAT
                await response.write(data)
        await response.write_eof()
        return response
