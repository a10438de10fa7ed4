"""WebSocket frames (RFC 6455, RFC 7692): a strict reader and encoders, without input or output."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
ABNORMAL: Final = 1006
INVALID_TEXT: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013

#: The end of each compressed message, which is therefore not sent.
DEFLATE_TAIL: Final = b"\x00\x00\xff\xff"
#: The data that may follow the last block of a sender.
_UNUSED_TAILS: Final = (b"", DEFLATE_TAIL, b"\x00" + DEFLATE_TAIL)

# The close codes that are valid in a frame: of the standard, its registry, and applications.
_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

_MASKED: Final = 0x80
_FINAL: Final = 0x80
_DEFLATED: Final = 0x40
_RESERVED: Final = 0x70

_SHORT_TEXT: Final = tuple(bytes((_FINAL | TEXT, size)) for size in range(126))


class FrameError(Exception):
    """Raised when a client violates the protocol, or exceeds a limit.

    Args:
        code: The close code.
        reason: The close reason.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameReader:
    """Decodes the frames of a client, and assembles their messages.

    Args:
        limit_bytes: The size limit of a message, decompressed.
        allows_compression: Whether messages may be compressed.
    """

    __slots__ = ("_allows_compression", "_fragments", "_is_deflated", "_limit", "_opcode",
                 "remainder")  # fmt: skip

    def __init__(self, limit_bytes: int, *, allows_compression: bool = False) -> None:
        self._limit = limit_bytes
        self._allows_compression = allows_compression
        #: The bytes of an incomplete frame; a new object for each such frame.
        self.remainder: bytearray | None = None
        #: The opcode of the fragmented message that is being received; 0: none is.
        self._opcode = 0
        self._is_deflated = False
        self._fragments: bytearray | None = None

    def read_single_text(self, data: bytes) -> bytearray | None:
        """Return the content if `data` is exactly one unfragmented text frame, the usual case.

        In all other cases it returns `None`, and changes nothing: pass the data to `feed`.
        """
        size = len(data)
        if size < 6 or data[0] != _FINAL | TEXT or self.remainder is not None or self._opcode:
            return None
        length = data[1] - _MASKED
        if length <= 125:
            if size != length + 6 or length > self._limit:
                return None
            content = bytearray(data)
            del content[:6]
            unmask(data[2:6], content)
        else:
            length = data[2] << 8 | data[3] if length == 126 else 0
            if size != length + 8 or not 126 <= length <= self._limit:
                return None
            content = bytearray(data)
            del content[:8]
            unmask(data[4:8], content)
        return content

    def feed(self, data: bytes) -> Iterator[tuple[int, bytearray]]:
        """Yield the opcode and content of each message and control frame that `data` completes.

        Text is not decoded, so the consumer must check that it is UTF-8. After a close frame or an
        error, `feed` must not be called again.

        Raises:
            FrameError: The connection must be closed with its code and reason.
        """
        buffer: bytes | bytearray = data
        if self.remainder is not None:
            self.remainder += data
            buffer = self.remainder
        size = len(buffer)
        position = 0
        while size - position >= 2:
            first = buffer[position]
            second = buffer[position + 1]
            start = position + 2
            length = second & 0x7F
            if first != _FINAL | TEXT or self._opcode or second < _MASKED:
                self._check(first, second)
            if length > 125:
                width = 2 if length == 126 else 8
                if size - start < width:
                    break
                length = _extended_length(buffer[start : start + width])
                start += width
            if first & 0x08 == 0:
                self._check_size(first, length)
            end = start + 4 + length
            if size < end:
                break
            content = bytearray(buffer[start + 4 : end])
            unmask(bytes(buffer[start : start + 4]), content)
            position = end
            if first == _FINAL | TEXT:
                yield TEXT, content
            elif first & 0x08:
                if first & 0x0F == CLOSE:
                    check_close(content)
                yield first & 0x0F, content
            elif (message := self._assemble(first, content)) is not None:
                yield message
        # Not reached if the consumer stops the iteration.
        if position == size:
            self.remainder = None
        elif position or buffer is not self.remainder:
            self.remainder = bytearray(buffer[position:])

    def _check(self, first: int, second: int) -> None:
        """Check the first two bytes of a frame.

        Raises:
            FrameError: They violate the protocol.
        """
        opcode = first & 0x0F
        if second < _MASKED:
            raise FrameError(PROTOCOL_ERROR, "Received unmasked frame")
        reserved = first & _RESERVED
        may_be_deflated = self._allows_compression and opcode in (TEXT, BINARY)
        if reserved and not (reserved == _DEFLATED and may_be_deflated):
            raise FrameError(PROTOCOL_ERROR, "Received frame with reserved bits")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise FrameError(PROTOCOL_ERROR, "Received frame with reserved opcode")
            if first < _FINAL:
                raise FrameError(PROTOCOL_ERROR, "Received fragmented control frame")
            if second & 0x7F > 125:
                raise FrameError(PROTOCOL_ERROR, "Received too big control frame")
        elif opcode > BINARY:
            raise FrameError(PROTOCOL_ERROR, "Received frame with reserved opcode")
        elif opcode == CONTINUATION:
            if not self._opcode:
                raise FrameError(PROTOCOL_ERROR, "Received continuation without a message")
        elif self._opcode:
            raise FrameError(PROTOCOL_ERROR, "Received new message within another")

    def _check_size(self, first: int, length: int) -> None:
        # Before the content arrives: a message that is too big is never buffered.
        limit = self._limit
        if first & _DEFLATED or (self._is_deflated and first & 0x0F == CONTINUATION):
            # Compression may enlarge a message; the bound of zlib.
            limit += limit // 8 + 64
        if length + (len(self._fragments) if self._fragments is not None else 0) > limit:
            raise FrameError(TOO_BIG, "Received too big message")

    def _assemble(self, first: int, content: bytearray) -> tuple[int, bytearray] | None:
        """Return the message that a frame completes; `None` if more fragments follow."""
        opcode = first & 0x0F
        if opcode != CONTINUATION:
            self._opcode = opcode
            self._is_deflated = bool(first & _DEFLATED)
        if self._fragments is not None:
            self._fragments += content
            content = self._fragments
        if first < _FINAL:
            self._fragments = content
            return None
        opcode, self._opcode, self._fragments = self._opcode, 0, None
        return opcode, self._inflate(content) if self._is_deflated else content

    def _inflate(self, content: bytearray) -> bytearray:
        # A new context for each message: `client_no_context_takeover` was negotiated.
        inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        try:
            inflated = inflater.decompress(content + DEFLATE_TAIL, self._limit + 1)
        except zlib.error as error:
            raise FrameError(PROTOCOL_ERROR, "Received invalid compressed message") from error
        if len(inflated) > self._limit:
            raise FrameError(TOO_BIG, "Received too big message")
        if inflater.unconsumed_tail or inflater.unused_data not in _UNUSED_TAILS:
            raise FrameError(PROTOCOL_ERROR, "Received invalid compressed message")
        return bytearray(inflated)


def unmask_in_python(mask: bytes, data: bytearray) -> None:
    """Unmask `data` in place, without compiled code."""
    size = len(data)
    pattern = (mask * (size // 4 + 1))[:size]
    data[:] = (int.from_bytes(data) ^ int.from_bytes(pattern)).to_bytes(size)


def _fastest_unmask() -> Callable[[bytes, bytearray], None]:
    try:
        # Compiled, but private to aiohttp: it may be removed.
        from aiohttp._websocket.helpers import websocket_mask  # noqa: PLC0415
    except ImportError:
        return unmask_in_python
    return websocket_mask


#: Unmasks data in place: the fastest available implementation.
unmask: Final = _fastest_unmask()


def check_close(content: bytes | bytearray) -> None:
    """Check the content of a close frame.

    Raises:
        FrameError: Its code is invalid in a frame, or its reason is not UTF-8.
    """
    if not content:
        return
    if len(content) == 1 or int.from_bytes(content[:2]) not in _CODES:
        raise FrameError(PROTOCOL_ERROR, "Received invalid close code")
    try:
        content[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID_TEXT, "Received text that is not UTF-8") from None


def check_code(code: int) -> None:
    """Raise if a close frame cannot have a code (RFC 6455, section 7.4).

    Raises:
        ValueError: It cannot.
    """
    if code not in _CODES:
        raise ValueError(
            f"invalid close code {code}; use 1000, 1001, 1008, or a number of your own from 3000 "
            "to 4999"
        )


def text_frame(body: bytes) -> bytes:
    """Return an unfragmented text message."""
    size = len(body)
    if size < 126:
        return _SHORT_TEXT[size] + body
    return frame(TEXT, body)


def frame(opcode: int, content: bytes | bytearray, *, deflated: bool = False) -> bytes:
    """Return an unfragmented message or a control frame, unmasked, as servers send them."""
    first = _FINAL | opcode | (_DEFLATED if deflated else 0)
    size = len(content)
    if size < 126:
        return bytes((first, size)) + content
    if size < 0x10000:
        return bytes((first, 126)) + size.to_bytes(2) + content
    return bytes((first, 127)) + size.to_bytes(8) + content


def deflated_frame(body: bytes, window_bits: int, opcode: int = TEXT) -> bytes:
    """Return a compressed message.

    It does not depend on earlier messages, so all clients with the same window get the same bytes.

    Args:
        body: The message.
        window_bits: The base-two logarithm of the compression window, from 9 to 15.
        opcode: `TEXT` or `BINARY`.
    """
    deflater = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -window_bits)
    content = deflater.compress(body) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return frame(opcode, content.removesuffix(DEFLATE_TAIL), deflated=True)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; a reason that is too long is truncated."""
    if code == NO_CODE:
        return frame(CLOSE, b"")
    # Truncate between characters. A reason may contain text of a client, even lone surrogates.
    text = reason.encode(errors="replace")[:123].decode(errors="ignore").encode()
    return frame(CLOSE, code.to_bytes(2) + text)


def _extended_length(digits: bytes | bytearray) -> int:
    length = int.from_bytes(digits)
    if length >> 63 or length < (126 if len(digits) == 2 else 0x10000):
        raise FrameError(PROTOCOL_ERROR, "Received malformed length")
    return length
