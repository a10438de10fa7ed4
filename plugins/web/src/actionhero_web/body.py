"""Reading request bodies: within a limit, and not for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from actionhero.errors import MalformedRequest, RequestTooLarge, Timeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class BodyReader:
    """How bodies are read.

    Args:
        limit_bytes: The largest body, as it is when decompressed; 0: no limit.
        idle_seconds: How long a client may pause.
    """

    def __init__(self, limit_bytes: int, idle_seconds: float) -> None:
        self.limit_bytes = limit_bytes
        self.idle_seconds = idle_seconds

    def ready(self, request: web.BaseRequest) -> bytes:
        """Return the body if all of it is there and within the limit; else nothing.

        So it is for most: a small body comes with the head, and costs no waiting.
        """
        content = request.content
        if not content.is_eof() or content.total_bytes > (self.limit_bytes or content.total_bytes):
            return b""
        return content.read_nowait()

    async def read(self, request: web.BaseRequest) -> bytes:
        """Return the whole body.

        Raises:
            RequestTooLarge: It is larger than the limit.
            MalformedRequest: Its framing or its compression is broken.
            Timeout: The client paused for too long.
        """
        content = request.content
        if content.is_eof() and content.exception() is None:
            # The whole of it came with the head: nothing to wait for, nothing to time.
            body = content.read_nowait()
            if self.limit_bytes and len(body) > self.limit_bytes:
                raise self._too_large(None)
            return body
        return b"".join([chunk async for chunk in self.chunks(request)])

    async def chunks(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """Yield the body in pieces, as they come."""
        self.check_length(request)
        size = 0
        content = request.content
        while True:
            try:
                async with asyncio.timeout(self.idle_seconds):
                    chunk = await content.readany()
            except TimeoutError:
                raise self.paused() from None
            except (RequestPayloadError, ClientPayloadError, HttpProcessingError) as error:
                raise MalformedRequest(f"the body cannot be read: {_reason(error)}") from error
            if not chunk:
                return
            size += len(chunk)
            if self.limit_bytes and size > self.limit_bytes:
                raise self._too_large(None)
            yield chunk

    def check_length(self, request: web.BaseRequest) -> None:
        """Refuse a body that is announced as too large, before any of it is read."""
        length = request.content_length
        if self.limit_bytes and length is not None and length > self.limit_bytes:
            raise self._too_large(length)

    def paused(self) -> Timeout:
        """Return the error for a client that paused for too long."""
        return Timeout(f"The body paused for more than {self.idle_seconds:g} s")

    def _too_large(self, length: int | None) -> RequestTooLarge:
        body = "body" if length is None else f"body of {length} bytes"
        return RequestTooLarge(
            f"Payload Too Large — {body} exceeds the {self.limit_bytes} byte limit"
        )


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(getattr(cause, "message", "") or cause).splitlines()[0] if str(cause) else "broken"
