"""The parser of chunked bodies (RFC 9112 §7.1), strict, and independent of aiohttp's parsers."""

from __future__ import annotations

import re
from typing import Final

from actionhero import MalformedRequest

#: The largest chunk size line with its extensions, and the largest trailer section, in bytes.
LINE_LIMIT_BYTES: Final = 1024
TRAILER_LIMIT_BYTES: Final = 8190

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[ \t]*" + _TOKEN
    + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
)  # fmt: skip
_PARTIAL_SIZE_LINE: Final = re.compile(
    rb"[0-9A-Fa-f]{1,15}(?:[ \t;][^\x00-\x08\x0a-\x1f\x7f]*)?\r?"
)
_TRAILER: Final = re.compile(_TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*")
_PARTIAL_TRAILER: Final = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*\r?")


class ChunkedBody:
    """Splits a chunked body from the data after it.

    The result of `feed` is chunked as well, without extensions and trailers, which neither this
    server nor aiohttp evaluates, and which aiohttp's two parsers read differently.
    """

    def __init__(self) -> None:
        #: Whether the body is complete.
        self.complete = False
        self._line = b""
        #: The rest of the current chunk, with its line end.
        self._left = 0
        self._in_trailers = False
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the next part of the body, and the data after the body.

        Raises:
            MalformedRequest: The chunks or the trailers are malformed.
        """
        if self._left > 2 and self._left - 2 >= len(data):
            # The usual part of a large body, without a copy.
            self._left -= len(data)
            return data, b""
        parts: list[bytes] = []
        position = 0
        while position < len(data) and not self.complete:
            if self._left:
                position = self._read_chunk(data, position, parts)
                continue
            end = data.find(b"\n", position)
            line = self._line + data[position : end + 1 if end >= 0 else len(data)]
            if end < 0:
                self._check_partial(line)
                self._line = line
                return b"".join(parts), b""
            self._line = b""
            position = end + 1
            if self._in_trailers:
                self._read_trailer(line, parts)
            else:
                self._read_size(line, parts)
        return b"".join(parts), data[position:]

    def _read_chunk(self, data: bytes, position: int, parts: list[bytes]) -> int:
        content = data[position : position + max(self._left - 2, 0)]
        position += len(content)
        self._left -= len(content)
        if self._left <= 2:
            ending = data[position : position + self._left]
            if ending != b"\r\n"[2 - self._left :][: len(ending)]:
                raise MalformedRequest("a chunk is longer than its size")
            self._left -= len(ending)
            position += len(ending)
            content += ending
        parts.append(content)
        return position

    def _read_size(self, line: bytes, parts: list[bytes]) -> None:
        match = _SIZE_LINE.fullmatch(line, 0, len(line) - 2) if line[-2:] == b"\r\n" else None
        if match is None or len(line) > LINE_LIMIT_BYTES:
            raise MalformedRequest("the size of a chunk is malformed")
        size = int(match[1], 16)
        if size:
            parts.append(b"%x\r\n" % size)
            self._left = size + 2
        else:
            self._in_trailers = True

    def _read_trailer(self, line: bytes, parts: list[bytes]) -> None:
        if line == b"\r\n":
            self.complete = True
            parts.append(b"0\r\n\r\n")
            return
        self._trailer_bytes += len(line)
        is_valid = line[-2:] == b"\r\n" and _TRAILER.fullmatch(line, 0, len(line) - 2)
        if not is_valid or self._trailer_bytes > TRAILER_LIMIT_BYTES:
            raise MalformedRequest("a trailer of the chunked body is malformed")

    def _check_partial(self, line: bytes) -> None:
        if self._in_trailers:
            if not _PARTIAL_TRAILER.fullmatch(line) or len(line) > TRAILER_LIMIT_BYTES:
                raise MalformedRequest("a trailer of the chunked body is malformed")
        elif not _PARTIAL_SIZE_LINE.fullmatch(line) or len(line) > LINE_LIMIT_BYTES:
            raise MalformedRequest("the size of a chunk is malformed")
