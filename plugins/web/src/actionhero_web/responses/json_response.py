"""`JsonResponse`: a JSON response in a single write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from multidict import CIMultiDict

from actionhero_web.connections.protocol import HttpProtocol
from actionhero_web.responses.caching import SIGNED_IN_HEADERS

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero_web.responses.encoded_response import Headers

NO_HEADERS: Final[CIMultiDict[str]] = CIMultiDict()

#: Up to this size, headers and body are joined for one write; above, the copy costs more.
JOIN_BYTES: Final = 16 * 1024


def _encode(headers: Headers) -> bytes:
    return "".join(f"\r\n{name}: {value}" for name, value in headers).encode()


_SIGNED_IN: Final = _encode(SIGNED_IN_HEADERS)


class JsonResponse:
    """A JSON response that writes its precomputed headers and its body in a single write.

    It implements the part of aiohttp's response class that aiohttp's protocol uses. That part is
    not documented, but has been the same from 3.9 to 3.14, and a test verifies it. It saves a
    quarter of the cost of a response.
    """

    __slots__ = ("body", "body_length", "closing", "extra_headers", "head", "keep_alive",
                 "request_id", "status")  # fmt: skip

    prepared = False
    #: Read by access loggers.
    headers = NO_HEADERS

    def __init__(
        self,
        status: int,
        head: bytes,
        request_id: str,
        body: bytes,
        extra_headers: Headers = (),
        *,
        closing: bool = False,
    ) -> None:
        self.status = status
        self.head = head
        self.request_id = request_id
        self.body = body
        self.extra_headers = extra_headers
        #: Whether the connection is closed after this response.
        self.closing = closing
        self.body_length = len(body)
        self.keep_alive = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write headers and body."""
        protocol: Any = request.protocol
        # aiohttp removes the protocol of a request whose client has left.
        transport = None if protocol is None else protocol.transport
        if transport is None:
            raise ConnectionResetError("Cannot write to closing transport")
        keep_alive = self.keep_alive = request.keep_alive and not self.closing
        body = self.body
        extra = b""
        if self.extra_headers:
            if self.extra_headers is SIGNED_IN_HEADERS:
                extra = _SIGNED_IN
            else:
                extra = _encode(self.extra_headers)
        is_joined = len(body) <= JOIN_BYTES
        response = b"%b%b%b%b\r\nContent-Length: %d\r\n\r\n%b" % (
            self.head,
            self.request_id.encode(),
            extra,
            b"" if keep_alive else b"\r\nConnection: close",
            len(body),
            body if is_joined else b"",
        )
        if not is_joined:
            transport.writelines((response, body))
        elif keep_alive and type(protocol) is HttpProtocol:
            protocol.write_response(transport, response)
        else:
            transport.write(response)
        if protocol.writing_paused:
            # Wait for a slow client; the server's sweep aborts a stalled one.
            await protocol._drain_helper()

    async def write_eof(self) -> None:
        """Do nothing: `prepare` has written the body."""
