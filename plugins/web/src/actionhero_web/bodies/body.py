"""The reader of request bodies, with a size limit and an idle timeout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from actionhero import MalformedRequest, RequestTooLarge, Timeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web


class BodyReader:
    """Reads request bodies within limits.

    Args:
        limit_bytes: The largest body, after decompression; 0 for no limit.
        idle_seconds: How long a client may pause.
    """

    def __init__(self, limit_bytes: int, idle_seconds: float) -> None:
        self.limit_bytes = limit_bytes
        self.idle_seconds = idle_seconds

    def read_buffered(self, request: web.BaseRequest) -> bytes:
        """Return the body if it is completely received and within the limit, else no bytes.

        This covers most requests: a small body arrives with the headers, and needs no waiting.
        """
        content = request.content
        if not content.is_eof() or content.total_bytes > (self.limit_bytes or content.total_bytes):
            return b""
        if content.exception() is not None:
            return b""
        # Stored, so that an action can verify a signature with `await connection.raw.read()`.
        body = request._read_bytes = content.read_nowait()
        return body

    async def read(self, request: web.BaseRequest) -> bytes:
        """Return the whole body.

        Raises:
            RequestTooLarge: It is larger than the limit.
            MalformedRequest: Its framing or its compression is invalid.
            Timeout: The client paused for too long.
        """
        content = request.content
        if content.is_eof() and content.exception() is None:
            # It arrived with the headers: no waiting, no timeout.
            body = content.read_nowait()
            self.check_length(request)
            self.check_size(len(body))
        else:
            body = b"".join([chunk async for chunk in self.chunks(request)])
        if not body and request._message.compression:
            # aiohttp reads a gzip body that is cut short within its header as an empty one.
            raise MalformedRequest("the compressed body is empty or truncated")
        request._read_bytes = body
        return body

    async def chunks(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """Yield the body in chunks, as they arrive."""
        self.check_length(request)
        self.send_continue(request)
        size = 0
        content = request.content
        while True:
            try:
                async with asyncio.timeout(self.idle_seconds):
                    chunk = await content.readany()
            except TimeoutError:
                raise self.idle_timeout() from None
            except (RequestPayloadError, ClientPayloadError, HttpProcessingError) as error:
                raise MalformedRequest(f"the body cannot be read: {_reason(error)}") from error
            if not chunk:
                return
            size += len(chunk)
            self.check_size(size)
            yield chunk

    def check_length(self, request: web.BaseRequest) -> None:
        """Reject a body whose `Content-Length` is too large, before any of it is read."""
        length = request.content_length
        if self.limit_bytes and length is not None and length > self.limit_bytes:
            raise self._too_large(length)

    def check_size(self, size: int) -> None:
        """Reject a body of which `size` bytes were read, if that is above the limit."""
        if self.limit_bytes and size > self.limit_bytes:
            raise self._too_large(None)

    def send_continue(self, request: web.BaseRequest) -> None:
        """Send `100 Continue` to a client that waits for it before it sends the body."""
        expect = request.headers.get("Expect")
        if expect is not None and expect.lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def idle_timeout(self) -> Timeout:
        """Return the error for a client that paused for too long."""
        return Timeout(f"The body paused for more than {self.idle_seconds:g} s")

    def _too_large(self, length: int | None) -> RequestTooLarge:
        body = "body" if length is None else f"body of {length} bytes"
        return RequestTooLarge(
            f"Payload Too Large — {body} exceeds the {self.limit_bytes} byte limit"
        )


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(getattr(cause, "message", "") or cause).splitlines()[0] if str(cause) else "invalid"
