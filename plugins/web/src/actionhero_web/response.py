"""JSON answers: one that writes itself in one piece, and aiohttp's own where that will not do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

from actionhero_web import compression
from actionhero_web.header_templates import REQUEST_ID

if TYPE_CHECKING:
    from actionhero_web.cors import Headers
    from actionhero_web.header_templates import HeaderTemplates

NO_HEADERS: CIMultiDict[str] = CIMultiDict()

#: Statuses whose answers have no body, by HTTP itself.
STATUSES_WITHOUT_BODY = frozenset({204, 205, 304})

#: Up to this size, head and body are put together for one write; above, a copy costs more.
JOIN_BYTES = 16 * 1024


class JsonResponse:
    """A JSON answer that writes its head, made beforehand, and its body in one piece.

    It has just what aiohttp's protocol asks of a response, which is not documented but has been
    the same from 3.9 to 3.14, and is held by a test. It saves a quarter of what an answer costs.
    """

    __slots__ = ("body", "body_length", "closing", "head", "keep_alive", "more", "request_id",
                 "status")  # fmt: skip

    prepared = False
    #: What access loggers of others look at.
    headers = NO_HEADERS

    def __init__(
        self,
        status: int,
        head: bytes,
        request_id: str,
        body: bytes,
        more: Headers = (),
        *,
        closing: bool = False,
    ) -> None:
        self.status = status
        self.head = head
        self.request_id = request_id
        self.body = body
        #: Further headers.
        self.more = more
        #: Whether the connection ends with this answer.
        self.closing = closing
        self.body_length = len(body)
        self.keep_alive = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write everything."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("Cannot write to closing transport")
        keep_alive = self.keep_alive = request.keep_alive and not self.closing
        body = self.body
        more = b""
        if self.more:
            more = "".join(f"\r\n{name}: {value}" for name, value in self.more).encode()
        head = b"%b%b%b%b\r\nContent-Length: %d\r\n\r\n" % (
            self.head,
            self.request_id.encode(),
            more,
            b"" if keep_alive else b"\r\nConnection: close",
            len(body),
        )
        if len(body) <= JOIN_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        if request.protocol.writing_paused:
            # A client that reads slowly slows us down; the server's sweep ends one that stops.
            await request.protocol._drain_helper()

    async def write_eof(self) -> None:
        """Do nothing: everything is written."""


def plain(
    request: web.BaseRequest,
    status: int,
    body: bytes,
    headers: Headers,
    *,
    content_type: str = "application/json",
    closing: bool = False,
) -> web.Response:
    """Return the same answer as aiohttp's own response, for whatever needs its features."""
    response = web.Response(status=status, body=body)
    for name, value in headers:
        response.headers.add(name, value)
    response.headers["Content-Type"] = content_type
    if closing:
        response.force_close()
    return response


def empty(status: int, headers: Headers, *, closing: bool = False) -> web.Response:
    """Return an answer with one of `STATUSES_WITHOUT_BODY`: nothing may follow its head."""
    response = web.Response(status=status)
    for name, value in headers:
        response.headers.add(name, value)
    # aiohttp's default, of a body that is not there.
    response.headers.pop("Content-Type", None)
    if closing:
        response.force_close()
    return response


def is_simple(request: web.BaseRequest) -> bool:
    """Whether `request` can be answered in one piece: no `HEAD`, and HTTP/1.1."""
    return request.version == HttpVersion11 and request.method != "HEAD"


def plain_body(response: web.Response) -> bytes | None:
    """Return the body of an answer that somebody else made, if it is whole and uncompressed."""
    headers = response.headers
    if response.compression or "Content-Encoding" in headers or "Content-Range" in headers:
        return None
    return response.body if isinstance(response.body, bytes) else None


async def compressed(request: web.BaseRequest, response: web.Response, body: bytes) -> web.Response:
    """Compress `response` if the client accepts that and the body is worth it."""
    content_type = response.headers.get("Content-Type", "application/octet-stream")
    if not compression.worthwhile(content_type, len(body)):
        return response
    response.headers.add("Vary", "Accept-Encoding")
    encoding = compression.choose(request.headers.get("Accept-Encoding", ""))
    if encoding is not None:
        response.body = await compression.compress_async(body, encoding)
        response.headers.popall("Content-Length", None)
        response.headers["Content-Encoding"] = encoding
    return response


def decorate(
    response: web.StreamResponse, heads: HeaderTemplates, request_id: str, cors: Headers
) -> None:
    """Put our headers on an answer that somebody else made; theirs win."""
    headers: Any = response.headers
    for name, value in heads.always:
        if name not in headers:
            headers[name] = value
    if REQUEST_ID not in headers:
        headers[REQUEST_ID] = request_id
    for name, value in cors:
        if name == "Vary" or name not in headers:
            headers.add(name, value)
