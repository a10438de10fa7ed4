"""The parser of multipart forms (RFC 7578, RFC 2046 §5.1): the parts, with their content as read.

aiohttp's own parser fails on forms with a field `_charset_`, on a boundary that begins another
one, and with the same errors for all causes, so that a client does not learn what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from actionhero import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import StreamReader

#: The largest header of a part, and all of its headers, in bytes.
HEADER_LIMIT_BYTES: Final = 8190
HEADERS_LIMIT_BYTES: Final = 16 * 1024

_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_BOUNDARY: Final = re.compile(
    r";[ \t]*boundary=(?:\"([ -~]{1,70})\"|([!#$%&'*+.^_`|~0-9A-Za-z():,/=?-]{1,70}))[ \t]*(?:;|$)",
    re.IGNORECASE,
)
#: The end of a boundary: of the last one, or of any other.
_BOUNDARY_END: Final = re.compile(rb"(--)|[ \t]*\r\n")
_PARTIAL_BOUNDARY_END: Final = re.compile(rb"-|[ \t]{0,200}\r?")


def boundary_of(content_type: str) -> bytes:
    """Return the boundary in the `Content-Type` of a form.

    Raises:
        MalformedRequest: There is no valid one.
    """
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise MalformedRequest("the Content-Type of the multipart form has no valid boundary")
    return (match[1] or match[2]).rstrip().encode()


class MultipartParser:
    """Reads the parts of a form.

    Args:
        content: The body.
        boundary: The boundary in its `Content-Type`.
    """

    def __init__(self, content: StreamReader, boundary: bytes) -> None:
        self._content = content
        self._delimiter = b"\r\n--" + boundary
        # The first boundary has no line before it.
        self._buffer = b"\r\n"
        self._at_start = True
        self._at_end = False

    async def next_headers(self) -> dict[str, str] | None:
        """Return the headers of the next part, by lowercase name; `None` after the last part.

        The content of the part before it must have been read.

        Raises:
            MalformedRequest: The form is malformed.
        """
        if self._at_start:
            self._at_start = False
            await self._skip_preamble()
        if self._at_end:
            # The data after the form is ignored.
            while await self._content.readany():
                pass
            return None
        while len(self._buffer) < 2:
            await self._fill()
        if self._buffer.startswith(b"\r\n"):
            return {}
        searched = 0
        while (end := self._buffer.find(b"\r\n\r\n", searched)) < 0:
            if len(self._buffer) > HEADERS_LIMIT_BYTES:
                raise MalformedRequest("the headers of a part of the form are too large")
            searched = max(len(self._buffer) - 3, 0)
            await self._fill()
        headers, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        # The line end before a boundary may be that of the headers.
        self._buffer = b"\r\n" + self._buffer
        return _parse_headers(headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content of the part.

        Raises:
            MalformedRequest: The form ends within the part.
        """
        is_first = True
        async for chunk in self._until_delimiter():
            data = chunk[2:] if is_first else chunk
            is_first = False
            if data:
                yield data

    async def _until_delimiter(self) -> AsyncIterator[bytes]:
        size = len(self._delimiter)
        searched = 0
        while True:
            position = self._buffer.find(self._delimiter, searched)
            if position < 0:
                # The end of the buffer may be the beginning of a boundary. The first two bytes
                # are a line end that precedes the content, and belong to one piece.
                rest = size - 1
                if len(self._buffer) > rest + 2:
                    chunk, self._buffer = self._buffer[:-rest], self._buffer[-rest:]
                    searched = 0
                    yield chunk
                await self._fill()
                continue
            while _PARTIAL_BOUNDARY_END.fullmatch(self._buffer, position + size):
                await self._fill()
            match = _BOUNDARY_END.match(self._buffer, position + size)
            if match is None:
                # Text that begins like the boundary. It is not a piece of its own: a body may
                # consist of it.
                searched = position + size
                continue
            chunk, self._buffer = self._buffer[:position], self._buffer[match.end() :]
            self._at_end = match[1] is not None
            yield chunk
            return

    async def _skip_preamble(self) -> None:
        await self._fill()
        if self._buffer.startswith(self._delimiter + b"\n"):
            raise MalformedRequest("the lines of the multipart form must end with CRLF, not LF")
        try:
            async for _ in self._until_delimiter():
                pass
        except _TruncatedForm:
            raise MalformedRequest("the multipart form has no line with its boundary") from None

    async def _fill(self) -> None:
        data = await self._content.readany()
        if not data:
            raise _TruncatedForm("the multipart form is truncated")
        self._buffer += data


class _TruncatedForm(MalformedRequest):
    """Raised at the end of the body within the form."""


def _parse_headers(data: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in data.split(b"\r\n"):
        if len(line) > HEADER_LIMIT_BYTES:
            raise MalformedRequest("a header of a part of the form is too large")
        match = _HEADER.fullmatch(line)
        if match is None:
            reason = "has a line end of LF only" if b"\n" in line else "is malformed"
            if b"\x00" in line:
                reason = "contains NUL"
            raise MalformedRequest(f"a header of a part of the form {reason}")
        name = match[1].decode().lower()
        if name in headers:
            raise MalformedRequest(f"a part of the form has two headers {name!r}")
        try:
            headers[name] = match[2].rstrip(b" \t").decode()
        except UnicodeDecodeError:
            raise MalformedRequest("a header of a part of the form is not UTF-8") from None
    return headers
