"""The reader of request bodies: size limits, decompression, an idle timeout and a minimum rate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from aiohttp import hdrs

from actionhero import RequestTooLarge, UnsupportedMediaType
from actionhero_web.bodies.body_stream import BodyStream
from actionhero_web.bodies.content_coding import ContentDecoder, decoder_for
from actionhero_web.bodies.media import MediaType, media_type_of
from actionhero_web.bodies.pace import Pace
from actionhero_web.connections.refusals import TOO_LARGE, count_refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aiohttp import StreamReader, web

    from actionhero_web.routes.route import Route
    from actionhero_web.settings import WebSettings

#: The bytes that are decompressed before other requests are continued.
YIELD_BYTES: Final = 512 * 1024
#: A smaller piece counts as one of this size: each member of a gzip body has its own decompressor.
PIECE_COST_BYTES: Final = 4 * 1024


class BodyReader:
    """Reads request bodies within limits.

    Args:
        settings: The limits.
    """

    def __init__(self, settings: WebSettings) -> None:
        #: The largest body, after decompression; 0 for no limit.
        self.limit_bytes = settings.body_limit_bytes
        #: The largest body, or part of it, that is parsed in memory; 0 for no limit.
        self.parsed_limit_bytes = _smaller(
            settings.parsed_body_limit_bytes, settings.body_limit_bytes
        )
        self._idle_seconds = settings.body_idle_timeout.total_seconds()
        self._minimum_rate = settings.body_minimum_bytes_per_second
        self._grace_seconds = settings.body_rate_grace.total_seconds()

    def limit(self, route: Route) -> int:
        """Return the largest body of a route; 0 for no limit."""
        own = route.body_limit_bytes
        return self.limit_bytes if own is None else own

    def parsed_limit(self, route: Route) -> int:
        """Return the largest body of a route that is parsed in memory; 0 for no limit."""
        own = route.parsed_body_limit_bytes
        if own is not None:
            return own
        if route.body_limit_bytes is None:
            return self.parsed_limit_bytes
        return _smaller(self.parsed_limit_bytes, route.body_limit_bytes)

    def read_buffered(self, request: web.BaseRequest, limit_bytes: int) -> bytes:
        """Return the body if it is completely received, within the limit and not compressed.

        Otherwise no bytes. This covers most requests: a small body arrives with the headers, and
        needs no waiting.
        """
        content = request._payload
        if not content.is_eof() or content.total_bytes > (limit_bytes or content.total_bytes):
            return b""
        if hdrs.CONTENT_ENCODING in request.headers:
            return b""
        try:
            body = content.read_nowait()
        except Exception:  # noqa: BLE001 - of the parser; the next read raises it again
            return b""
        if body:
            # Stored, so that an action can verify a signature with `await connection.raw.read()`.
            request._read_bytes = body
        return body

    async def read(self, request: web.BaseRequest, limit_bytes: int) -> bytes:
        """Return the whole body, decompressed.

        Args:
            request: The request.
            limit_bytes: The largest body, after decompression; 0 for no limit.

        Raises:
            RequestTooLarge: It is larger than the limit.
            MalformedRequest: Its framing or its compression is invalid.
            HttpError: It has a `Content-Encoding` that is not supported.
            Timeout: The client paused for too long, or sends too slowly.
        """
        if request._read_bytes is not None:
            # A native middleware has read it.
            check_size(len(request._read_bytes), limit_bytes)
            return request._read_bytes
        body = self.read_buffered(request, limit_bytes)
        if not body:
            body = b"".join([chunk async for chunk in self.chunks(request, limit_bytes)])
            request._read_bytes = body
        return body

    def stream(self, request: web.BaseRequest, limit_bytes: int) -> BodyStream:
        """Return the body as a stream, whose reads raise the errors of `read`."""
        return BodyStream(self.chunks(request, limit_bytes), request._payload)

    def guard(
        self, request: web.BaseRequest, route: Route | None, endpoint_limit_bytes: int | None = None
    ) -> None:
        """Apply the limits to all that a native handler reads of the body of its request.

        Args:
            request: A request with a body.
            route: The route of the action, if native middlewares precede one.
            endpoint_limit_bytes: The limit of the endpoint; `None` if the request is for none.

        Raises:
            RequestTooLarge: Its `Content-Length` is larger than the limit. That is checked before
                aiohttp sends `100 Continue`.
        """
        content_type = request.headers.get(hdrs.CONTENT_TYPE)
        try:
            is_parsed = media_type_of(content_type) in {MediaType.JSON, MediaType.FORM}
        except UnsupportedMediaType:
            # The handler decides on the charset.
            is_parsed = True
        if endpoint_limit_bytes is not None:
            limit = endpoint_limit_bytes
        elif route is None:
            limit = self.parsed_limit_bytes if is_parsed else self.limit_bytes
        else:
            limit = self.parsed_limit(route) if is_parsed else self.limit(route)
        if endpoint_limit_bytes is None:
            # An endpoint responds to the error itself, in its own format, when it reads.
            self.check_length(request, limit)
        content = request._payload
        request._payload = BodyStream(self.chunks(request, limit, continues=False), content)

    def chunks(
        self, request: web.BaseRequest, limit_bytes: int, *, continues: bool = True
    ) -> AsyncIterator[bytes]:
        """Yield the decompressed body in chunks, as they arrive.

        Args:
            request: The request.
            limit_bytes: The largest body, after decompression; 0 for no limit.
            continues: Whether to send `100 Continue`; for native routes, aiohttp sends it.
        """
        content = request._payload
        if request._read_bytes is not None:
            return _one_chunk(request._read_bytes, limit_bytes)
        if isinstance(content, BodyStream):
            # Guarded already, and routed to an action by aiohttp.
            return _limited(content, limit_bytes)
        return _BodyChunks(self, request, limit_bytes, continues=continues)

    def pace(self) -> Pace:
        """Return the pace at which a client must send its body."""
        return Pace(self._idle_seconds, self._minimum_rate, self._grace_seconds)

    def check_length(self, request: web.BaseRequest, limit_bytes: int) -> None:
        """Reject a body whose `Content-Length` is too large, before any of it is read."""
        length = request.content_length
        if limit_bytes and length is not None and length > limit_bytes:
            raise _too_large(length, limit_bytes)


class _BodyChunks:
    """The decompressed body of a request in chunks, as they arrive.

    A cancelled read loses nothing and can be repeated. It would end an asynchronous generator, and
    a later read would take that for the end of the body.
    """

    # In the class, as most bodies are one chunk that is not compressed.
    #: Set with the first read, which raises the errors of the headers.
    _pace: Pace | None = None
    _decoder: ContentDecoder | None = None
    #: The pieces of the last chunk of a compressed body.
    _pieces: Iterator[bytes] | None = None
    _received_bytes = _size_bytes = _work_bytes = 0

    def __init__(
        self, reader: BodyReader, request: web.BaseRequest, limit_bytes: int, *, continues: bool
    ) -> None:
        self._reader = reader
        self._request = request
        self._content = request._payload
        self._limit_bytes = limit_bytes
        self._continues = continues

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        pace = self._pace or self._start()
        while True:
            if self._work_bytes >= YIELD_BYTES:
                # Decompression may take long, in which other requests must be continued.
                self._work_bytes = 0
                await asyncio.sleep(0)
            piece = None if self._pieces is None else next(self._pieces, None)
            if piece is not None:
                self._size_bytes += len(piece)
                self._work_bytes += max(len(piece), PIECE_COST_BYTES)
                check_size(self._size_bytes, self._limit_bytes)
                if piece:
                    return piece
                continue
            chunk = await pace.read(self._content)
            if not chunk:
                if self._decoder is not None:
                    self._decoder.finish()
                raise StopAsyncIteration
            self._received_bytes += len(chunk)
            check_size(self._received_bytes, self._limit_bytes)
            if self._decoder is None:
                return chunk
            self._pieces = self._decoder.decode(chunk)

    def _start(self) -> Pace:
        self._decoder = _decoder_of(self._request)
        self._reader.check_length(self._request, self._limit_bytes)
        if self._continues:
            _send_continue(self._request, self._content)
        self._pace = self._reader.pace()
        return self._pace


def _decoder_of(request: web.BaseRequest) -> ContentDecoder | None:
    codings = request.headers.getall(hdrs.CONTENT_ENCODING, None)
    if codings is None:
        return None
    if request._message.compression and getattr(request.protocol, "decompresses", True):
        # Mounted in another application, whose server decompresses bodies.
        return None
    return decoder_for(", ".join(codings))


async def _limited(content: StreamReader, limit_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        check_size(size, limit_bytes)
        yield chunk


async def _one_chunk(body: bytes, limit_bytes: int) -> AsyncIterator[bytes]:
    check_size(len(body), limit_bytes)
    yield body


def _send_continue(request: web.BaseRequest, content: StreamReader) -> None:
    """Send `100 Continue` to a client that waits for it before it sends the body."""
    expect = request.headers.get(hdrs.EXPECT)
    if expect is None or expect.lower() != "100-continue" or request.version < (1, 1):
        return
    if request.transport is not None and not content.total_bytes:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def check_size(size: int, limit_bytes: int) -> None:
    """Reject a body of which `size` bytes were read, if that is above the limit."""
    if limit_bytes and size > limit_bytes:
        raise _too_large(None, limit_bytes)


def _smaller(limit: int, other: int) -> int:
    """Return the smaller of two limits, of which 0 is none."""
    return min(limit, other) if limit and other else limit or other


def _too_large(length: int | None, limit_bytes: int) -> RequestTooLarge:
    body = "body" if length is None else f"body of {length} bytes"
    count_refusal(TOO_LARGE)
    return RequestTooLarge(f"Payload Too Large — {body} exceeds the {limit_bytes} byte limit")
