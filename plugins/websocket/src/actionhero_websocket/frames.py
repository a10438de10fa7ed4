"""WebSocket frames (RFC 6455, RFC 7692): read strictly, written whole. No socket in sight."""

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

#: What every compressed message ends with, and what is therefore not sent.
DEFLATE_END: Final = b"\x00\x00\xff\xff"
#: Also allowed to be left over, after a sender's last block.
_DEFLATE_ENDS: Final = (b"", DEFLATE_END, b"\x00" + DEFLATE_END)

# Close codes that may be in a frame: those of RFC 6455 and its registry, and those of others.
_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

_MASKED: Final = 0x80
_FINAL: Final = 0x80
_DEFLATED: Final = 0x40
_RESERVED: Final = 0x70

_SHORT_TEXT: Final = tuple(bytes((_FINAL | TEXT, size)) for size in range(126))


class FrameError(Exception):
    """Raised when a client breaks the protocol, or a limit.

    Args:
        code: What the connection is closed with.
        reason: Why, in words for the client.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameReader:
    """Makes messages of bytes, strictly by the standard: a frame is masked, or refused.

    Args:
        limit_bytes: The largest message, decompressed and in one piece.
        inflates: Whether messages may be compressed.
    """

    __slots__ = ("_inflates", "_is_deflated", "_limit", "_opcode", "_parts", "rest")

    def __init__(self, limit_bytes: int, *, inflates: bool = False) -> None:
        self._limit = limit_bytes
        self._inflates = inflates
        #: What came of a frame that is not whole; another object for another frame.
        self.rest: bytearray | None = None
        #: The kind of the message that goes on; 0: none does.
        self._opcode = 0
        self._is_deflated = False
        self._parts: bytearray | None = None

    def single(self, data: bytes) -> bytearray | None:
        """Return the content if `data` is one whole text and nothing else: what most reads are.

        For everything else it returns `None`, and `feed` sees to it.
        """
        size = len(data)
        if size < 6 or data[0] != _FINAL | TEXT or self.rest is not None or self._opcode:
            return None
        length = data[1] - _MASKED
        if length <= 125:
            if size != length + 6 or length > self._limit:
                return None
            content = bytearray(data)
            del content[:6]
            take_off(data[2:6], content)
        else:
            length = data[2] << 8 | data[3] if length == 126 else 0
            if size != length + 8 or not 126 <= length <= self._limit:
                return None
            content = bytearray(data)
            del content[:8]
            take_off(data[4:8], content)
        return content

    def feed(self, data: bytes) -> Iterator[tuple[int, bytearray]]:
        """Yield each message and each control frame that `data` completes: opcode and content.

        Text is not decoded: whoever takes the message looks whether it is UTF-8. Once a close
        frame came, or an error was raised, nothing more may be fed.

        Raises:
            FrameError: The client has to be told why, and nothing more be read.
        """
        whole: bytes | bytearray = data
        if self.rest is not None:
            self.rest += data
            whole = self.rest
        size = len(whole)
        position = 0
        while size - position >= 2:
            first = whole[position]
            second = whole[position + 1]
            start = position + 2
            length = second & 0x7F
            if first != _FINAL | TEXT or self._opcode or second < _MASKED:
                self._check(first, second)
            if length > 125:
                width = 2 if length == 126 else 8
                if size - start < width:
                    break
                length = _long_length(whole[start : start + width])
                start += width
            if first & 0x08 == 0:
                self._check_size(length)
            end = start + 4 + length
            if size < end:
                break
            content = bytearray(whole[start + 4 : end])
            take_off(bytes(whole[start : start + 4]), content)
            position = end
            if first == _FINAL | TEXT:
                yield TEXT, content
            elif first & 0x08:
                if first & 0x0F == CLOSE:
                    check_close(content)
                yield first & 0x0F, content
            elif (message := self._joined(first, content)) is not None:
                yield message
        # What follows is only reached if nobody stopped us at a message.
        if position == size:
            self.rest = None
        elif position or whole is not self.rest:
            self.rest = bytearray(whole[position:])

    def _check(self, first: int, second: int) -> None:
        """Look at the first two bytes of a frame, and at what came before.

        Raises:
            FrameError: They break the protocol.
        """
        opcode = first & 0x0F
        if second < _MASKED:
            raise FrameError(PROTOCOL_ERROR, "Received unmasked frame")
        reserved = first & _RESERVED
        may_be_deflated = self._inflates and opcode in (TEXT, BINARY)
        if reserved and not (reserved == _DEFLATED and may_be_deflated):
            raise FrameError(PROTOCOL_ERROR, "Received frame with reserved bits")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise FrameError(PROTOCOL_ERROR, "Received frame of unknown kind")
            if first < _FINAL:
                raise FrameError(PROTOCOL_ERROR, "Received fragmented control frame")
            if second & 0x7F > 125:
                raise FrameError(PROTOCOL_ERROR, "Received too big control frame")
        elif opcode > BINARY:
            raise FrameError(PROTOCOL_ERROR, "Received frame of unknown kind")
        elif opcode == CONTINUATION:
            if not self._opcode:
                raise FrameError(PROTOCOL_ERROR, "Received continuation of no message")
        elif self._opcode:
            raise FrameError(PROTOCOL_ERROR, "Received new message inside of another")

    def _check_size(self, length: int) -> None:
        # Before its content is waited for: nothing that is too big is ever kept.
        if length + (len(self._parts) if self._parts is not None else 0) > self._limit:
            raise FrameError(TOO_BIG, "Received too big message")

    def _joined(self, first: int, content: bytearray) -> tuple[int, bytearray] | None:
        """Return the message that a frame ends; `None` if it goes on."""
        opcode = first & 0x0F
        if opcode != CONTINUATION:
            self._opcode = opcode
            self._is_deflated = bool(first & _DEFLATED)
        if self._parts is not None:
            self._parts += content
            content = self._parts
        if first < _FINAL:
            self._parts = content
            return None
        opcode, self._opcode, self._parts = self._opcode, 0, None
        return opcode, self._inflated(content) if self._is_deflated else content

    def _inflated(self, content: bytearray) -> bytearray:
        # Each message on its own: that no context is kept was agreed on.
        inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        try:
            inflated = inflater.decompress(content + DEFLATE_END, self._limit + 1)
        except zlib.error as error:
            raise FrameError(PROTOCOL_ERROR, "Received message that is not deflated") from error
        if len(inflated) > self._limit:
            raise FrameError(TOO_BIG, "Received too big message")
        if inflater.unconsumed_tail or inflater.unused_data not in _DEFLATE_ENDS:
            raise FrameError(PROTOCOL_ERROR, "Received message that is not deflated")
        return bytearray(inflated)


def unmask_with_integers(mask: bytes, data: bytearray) -> None:
    """Take the mask off `data`, in place, in the way that needs nothing compiled."""
    size = len(data)
    pattern = (mask * (size // 4 + 1))[:size]
    data[:] = (int.from_bytes(data) ^ int.from_bytes(pattern)).to_bytes(size)


def _fastest() -> Callable[[bytes, bytearray], None]:
    try:
        # Compiled, and there wherever aiohttp is; but it is aiohttp's own, and may go away.
        from aiohttp._websocket.helpers import websocket_mask  # noqa: PLC0415
    except ImportError:
        return unmask_with_integers
    return websocket_mask


#: Takes a mask off, in the fastest way that there is.
take_off: Final = _fastest()


def check_close(content: bytes | bytearray) -> None:
    """Refuse a close frame whose content is malformed.

    Raises:
        FrameError: It has a code that nobody may send, or a reason that is not UTF-8.
    """
    if not content:
        return
    if len(content) == 1 or int.from_bytes(content[:2]) not in _CODES:
        raise FrameError(PROTOCOL_ERROR, "Received invalid close code")
    try:
        content[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID_TEXT, "Received text that is not UTF-8") from None


def text_frame(body: bytes) -> bytes:
    """Return a text message, whole."""
    size = len(body)
    if size < 126:
        return _SHORT_TEXT[size] + body
    return frame(TEXT, body)


def frame(opcode: int, content: bytes | bytearray, *, deflated: bool = False) -> bytes:
    """Return a message or a control frame, whole and unmasked, as servers send them."""
    first = _FINAL | opcode | (_DEFLATED if deflated else 0)
    size = len(content)
    if size < 126:
        return bytes((first, size)) + content
    if size < 0x10000:
        return bytes((first, 126)) + size.to_bytes(2) + content
    return bytes((first, 127)) + size.to_bytes(8) + content


def deflated_frame(body: bytes, window_bits: int, opcode: int = TEXT) -> bytes:
    """Return a message, compressed.

    It needs nothing of what was sent before, so that the same bytes are right for everybody who
    has agreed on the same window.

    Args:
        body: The message.
        window_bits: How far back the compression looks: from 9 to 15.
        opcode: Its kind.
    """
    deflater = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -window_bits)
    content = deflater.compress(body) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return frame(opcode, content.removesuffix(DEFLATE_END), deflated=True)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; a reason that is too long is cut."""
    if code == NO_CODE:
        return frame(CLOSE, b"")
    # Cut between characters.
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return frame(CLOSE, code.to_bytes(2) + text)


def _long_length(digits: bytes | bytearray) -> int:
    length = int.from_bytes(digits)
    if length >> 63 or length < (126 if len(digits) == 2 else 0x10000):
        raise FrameError(PROTOCOL_ERROR, "Received malformed length")
    return length
