"""aiohttp's HTTP protocol, with checked requests, timeouts for slow clients, and our errors.

It depends on private names of aiohttp, as a few other modules do. All of them are listed in
`tests/test_aiohttp_private_names.py`, which fails if aiohttp renames one, if a module uses one that
is not listed, and if a listed one is not used.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import ERROR, RequestHandler, RequestPayloadError, _ErrInfo

from actionhero import MalformedRequest
from actionhero_web.connections.framing import RequestFramer
from actionhero_web.connections.half_close import DisconnectProbe
from actionhero_web.connections.refusals import SLOW_HEAD, SLOW_READER, count_refusal
from actionhero_web.connections.request_head import RejectedRequest
from actionhero_web.connections.upgrading_parser import UpgradingParser
from actionhero_web.connections.write_pause import WritePause

if TYPE_CHECKING:
    import asyncio

    from aiohttp import web
    from aiohttp.web_server import Server

    from actionhero.transport import WriteBatch
    from actionhero_web.connections.framing import CheckedHeaders

logger = logging.getLogger("actionhero.web")

#: The parser consumes a request up to this size at once.
MAX_REQUEST_BYTES: Final = 16 * 1024

# Looked up once, as it is called for all received data.
_data_received = RequestHandler.data_received


class HttpProtocol(RequestHandler):
    """One connection.

    Args:
        manager: The server, `HttpServer`.
        checked_headers: The headers that all connections have found valid.
        writes: The writes of all connections.
        arguments: The arguments of aiohttp's protocol.
    """

    __slots__ = (
        "_body",
        "_has_eof",
        "_has_only_request",
        "_headers_since",
        "_is_resuming",
        "_rejection",
        "_write_pause",
        "_writes",
        "framer",
        "remote",
        "scheme",
    )

    #: Whether aiohttp has decompressed the bodies of requests.
    decompresses = False

    def __init__(
        self,
        manager: Server,
        checked_headers: CheckedHeaders,
        writes: WriteBatch,
        **arguments: Any,
    ) -> None:
        super().__init__(manager, **arguments)
        self._writes = writes
        #: Splits the received data into requests.
        self.framer = RequestFramer(checked_headers)
        #: The content of the request whose body is received.
        self._body: Any = None
        #: The error that follows the requests received so far.
        self._rejection: RejectedRequest | None = None
        #: Whether aiohttp has parsed all received data, the last of it a small request.
        self._has_only_request = False
        #: Whether the client has closed its side of the connection.
        self._has_eof = False
        #: Whether the data after a declined upgrade is handled in the next iteration.
        self._is_resuming = False
        #: The start of the wait for request headers; 0 outside of such a wait.
        self._headers_since = 0.0
        #: Set while writing is paused, as the client reads slowly.
        self._write_pause: WritePause | None = None
        #: The address of the client, looked up once; `None` on a Unix socket.
        self.remote: str | None = None
        #: `http` or `https`, looked up once.
        self.scheme = "http"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._headers_since = self._loop.time()
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) and peer else None
        if transport.get_extra_info("sslcontext") is not None:
            self.scheme = "https"

    def data_received(self, data: bytes) -> None:
        if not data:
            # aiohttp continues with the data that it has stored.
            _data_received(self, data)
        elif self.framer.is_request(data):
            self._writes.received += 1
            self._has_only_request = (
                len(data) <= MAX_REQUEST_BYTES
                and not self._messages
                and not self._reading_paused
                and not self._buffer_paused
            )
            _data_received(self, data)
        elif self._rejection is None:
            self._writes.received += 1
            self._has_only_request = False
            self._receive(data)
        if self._rejection is not None:
            self._reject()
        if self._headers_since:
            if self._messages:
                self._headers_since = 0.0
        elif not self._messages and self._current_request is None and not self._upgraded:
            self._headers_since = self._loop.time()

    def resume_reading(self, resume_parser: bool = True) -> None:
        # aiohttp calls this twice for each small body, although nothing is paused or stored.
        if self._reading_paused or self._buffer_paused or not self._has_only_request:
            super().resume_reading(resume_parser)

    def _receive(self, data: bytes) -> None:
        """Pass data that is not exactly one usual request to aiohttp's parser, if it is valid."""
        framer = self.framer
        if self._payload_parser is not None:
            # A WebSocket of aiohttp.
            _data_received(self, data)
            return
        try:
            for part in framer.split(data):
                _data_received(self, part)
                if framer.in_body and self._messages and self._request_count == framer.count:
                    self._body = self._messages[-1][1]
                elif framer.in_upgrade and not self._upgraded:
                    framer.decline_upgrade()
                elif framer.in_upgrade and not isinstance(self._parser, UpgradingParser):
                    parser: Any = UpgradingParser(self, self._parser, self._decline_upgrade)
                    self._parser = parser
        except RejectedRequest as error:
            self._rejection = error
        except MalformedRequest as error:
            self._fail_body(error.message)

    def _reject(self) -> None:
        """Respond with the error, once aiohttp has emitted all requests before it."""
        error = self._rejection
        if error is None or self._request_count != self.framer.count:
            return
        self._request_count += 1
        self._messages.append((_ErrInfo(error.status, error, error.message), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail_body(self, message: str) -> None:
        """End the body that is received with an error; the connection closes after its response."""
        # All further data is ignored.
        self._rejection = RejectedRequest(400, message)
        self.framer.count = -1
        body, self._body = self._body, None
        if body is None:
            self.force_close()
        else:
            body.set_exception(RequestPayloadError(message))

    def write_response(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write a complete response, together with those to other requests, if there are any.

        Args:
            transport: The transport.
            data: The response, after which the connection stays open.
        """
        writes = self._writes
        if (
            writes.received <= 1
            # Something else follows in this iteration of the event loop.
            or self._messages
            or self._close
            or self._force_close
            or self._has_eof
            # The caller waits for the client.
            or self.writing_paused
        ):
            writes.received = 0
            transport.write(data)
        else:
            writes.write(transport, data)

    def force_close(self) -> None:
        """Close the connection, after the writes before."""
        if self._writes:
            self._writes.flush()
        super().force_close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for the response if the client closes its side (RFC 9112 §9.6)."""
        if self._writes:
            # The connection may be closed below.
            self._writes.flush()
        if self._has_eof:
            # The event loop reports it again after reading was paused and resumed.
            return True
        self._has_eof = True
        is_waiting = self._waiter is not None and not self._waiter.done() and not self._is_resuming
        request = self._current_request
        if self.transport is None or is_waiting:
            return False
        if request is not None and request.writer.output_size and not self._is_writing:
            # A stream that waits for its next item: the client is most probably gone, and the call
            # has to be cancelled. No bytes of a response are left that could be sent ahead.
            return False
        if self.framer.in_body:
            self._fail_body("the connection was closed within the body")
        DisconnectProbe(self, self._finish_after_eof).start()
        return True

    def _finish_after_eof(self) -> None:
        """Close the connection of a client that sends no further request."""
        if not self._messages and self._waiter is not None:
            self.force_close()

    def _decline_upgrade(self, data: bytes) -> None:
        """Check the data after a declined upgrade as all other requests."""
        self.framer.decline_upgrade()
        self._is_resuming = True
        self._loop.call_soon(self._resume_after_upgrade, data)

    def _resume_after_upgrade(self, data: bytes) -> None:
        """Handle the data that was received after a request whose upgrade was declined."""
        self._is_resuming = False
        if self._buffer_paused:
            self._resume_reading_for_buffer()
        if data and self.transport is not None:
            self.data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        transport: Any = self.transport
        self._write_pause = WritePause(transport, self._loop.time())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_pause = None

    @property
    def is_busy(self) -> bool:
        """Whether a request is in progress or queued, or a response is not completely sent."""
        return bool(self._request_in_progress or self._messages) or self._is_writing

    @property
    def _is_writing(self) -> bool:
        transport: Any = self.transport
        return transport is not None and transport.get_write_buffer_size() > 0

    @property
    def has_eof(self) -> bool:
        """Whether the client has closed its side of the connection."""
        return self._has_eof

    @property
    def has_pipelined_requests(self) -> bool:
        """Whether further requests have been received already."""
        return bool(self._messages)

    def sweep(
        self, now: float, header_timeout_seconds: float, write_timeout_seconds: float
    ) -> None:
        """Close the connection if its client stalls.

        A sweep over all connections, once a second, instead of a `TimeoutQueue`: a queue would have
        to be updated twice for each request, when the wait for its headers starts and when it
        ends. Here these are two assignments.
        """
        pause = self._write_pause
        if pause is not None and pause.is_stalled(now, write_timeout_seconds):
            logger.debug("a client read nothing of its response for %g s", write_timeout_seconds)
            count_refusal(SLOW_READER)
            pause.reset()
        elif self._waiter is None:
            self._headers_since = 0.0
        elif self._has_eof:
            self._finish_after_eof()
        elif self._headers_since and now - self._headers_since > header_timeout_seconds:
            logger.debug("a client sent no complete headers within %g s", header_timeout_seconds)
            count_refusal(SLOW_HEAD)
            self.force_close()

    def cancel_request(self) -> None:
        """Cancel the request in progress; its handler can still return a response."""
        if self._request_in_progress and self._task_handler is not None:
            # The task that reads requests awaits the task of the handler, so asyncio cancels that
            # one in its place. The connection stays open.
            self._task_handler.cancel()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log unexpected exceptions; errors in the unread body of a client only at DEBUG."""
        error = kw.get("exc_info")
        if isinstance(error, RequestPayloadError):
            logger.debug("an unread request body is malformed: %s", error)
        else:
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return our error response to an unparsable request or an unexpected exception."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has started and cannot become an error response")
        if request._message is ERROR:
            # An unparsable request, for which aiohttp assumes HTTP/1.0.
            request._version = HttpVersion11
        manager: Any = self._manager
        if manager is None:
            raise ConnectionResetError("the client has disconnected")
        response: web.StreamResponse = manager.error_response(request, status, exc, message)
        return response
