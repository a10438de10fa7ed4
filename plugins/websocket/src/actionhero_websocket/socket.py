"""One WebSocket connection: bytes in and frames out, closed in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from actionhero_websocket import frames
from actionhero_websocket.frames import FrameError, FrameReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero_web import UpgradeRequest
    from actionhero_websocket.sockets import Sockets

#: How much may wait to be taken in before whoever can wait does so.
PAUSE_BYTES: Final = 65536

_PING: Final = frames.frame(frames.PING, b"")


class Socket(asyncio.Protocol):
    """Speaks WebSocket over a transport; what the messages mean is told by a subclass.

    Nothing here waits, and nothing is a task: a frame is written when it is handed over, or the
    connection is closed because too much waits for it already.

    Args:
        sockets: Where it is noted, and the knobs.
        request: The request by which it came in.
        window_bits: How far back the compression that was agreed on looks; 0: there is none.
    """

    __slots__ = (
        "_drained",
        "_is_paused",
        "_reader",
        "_unfinished",
        "close_code",
        "is_closing",
        "request",
        "sockets",
        "transport",
        "unanswered_pings",
        "window_bits",
    )

    def __init__(self, sockets: Sockets, request: UpgradeRequest, *, window_bits: int) -> None:
        self.sockets = sockets
        self.request = request
        #: How far back the compression of what is sent looks; 0: nothing is compressed.
        self.window_bits = window_bits
        self.transport: Any = None
        #: Whether the end has begun: nothing more is sent, and no message taken.
        self.is_closing = False
        #: How it ended, once it has: the code of the other side, or ours, or 1006.
        self.close_code: int | None = None
        #: Pings since the last answer.
        self.unanswered_pings = 0
        self._reader: FrameReader | None = FrameReader(
            sockets.settings.message_limit_bytes, inflates=window_bits > 0
        )
        #: The frame whose rest is waited for.
        self._unfinished: bytearray | None = None
        self._is_paused = False
        self._drained: asyncio.Future[None] | None = None

    # -- what a subclass makes of it -----------------------------------------------------------

    def cancel_calls(self) -> None:
        """Cancel what runs for this client: the grace time is over."""

    def opened(self) -> None:
        """Begin: the connection is there."""

    def received(self, opcode: int, content: bytearray) -> None:
        """Take a message. A text is not decoded, and may not be UTF-8."""

    def ended(self) -> None:
        """Stop waiting: nothing more is sent, and no message taken."""

    def lost(self) -> None:
        """End: the connection is gone."""

    # -- out -----------------------------------------------------------------------------------

    def send_text(self, body: bytes) -> None:
        """Send a text, given in UTF-8."""
        self.write(
            frames.deflated_frame(body, self.window_bits)
            if self.window_bits
            else frames.text_frame(body)
        )

    def send_texts(self, bodies: Iterable[bytes]) -> None:
        """Send several texts as one: either all of them find room, or the socket is closed."""
        if window_bits := self.window_bits:
            self.write(b"".join(frames.deflated_frame(body, window_bits) for body in bodies))
        else:
            self.write(b"".join(map(frames.text_frame, bodies)))

    def write(self, frame: bytes) -> None:
        """Send a frame that is ready; close if too much waits to be taken by the client already."""
        transport = self.transport
        if self.is_closing or transport is None or transport.is_closing():
            return
        if self._is_paused:
            waiting = transport.get_write_buffer_size()
            # A single message is let through, however long it is.
            if waiting and waiting + len(frame) > self.sockets.send_buffer_bytes:
                self.close(frames.TRY_AGAIN_LATER, "Too slow")
                return
        transport.write(frame)

    def ping(self) -> None:
        """Ask whether anybody is there."""
        self.unanswered_pings += 1
        self.write(_PING)

    async def drained(self) -> None:
        """Return when the client has taken in most of what it was sent, or is gone."""
        while self._is_paused and not self.is_closing:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            # Several may wait, and one that is cancelled must not cancel the others.
            await asyncio.shield(self._drained)

    # -- the end -------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Say why, and close when the other side has heard it, or its time for that is over."""
        if self.is_closing or self.transport is None:
            return
        self._say_farewell(code, reason)
        self.sockets.closing.add(self)

    def fail(self, code: int, reason: str) -> None:
        """Say why, and close: nothing that the other side sends can be understood any more."""
        if self.is_closing or self.transport is None:
            return
        self._say_farewell(code, reason)
        self._reader = None
        # Not `close`: whoever still sends would get a reset, and never read why.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.sockets.closing.add(self)

    def abort(self) -> None:
        """End the connection now."""
        if self.transport is not None:
            self.is_closing = True
            self.transport.abort()

    def break_down(self, error: Exception) -> None:
        """End the connection, whose client met a fault of ours, and tell the event loop of it."""
        loop = asyncio.get_running_loop()
        told = "a fault in taking in what a client sent over a WebSocket"
        loop.call_exception_handler({"message": told, "exception": error, "protocol": self})
        self.abort()

    def abort_soon(self) -> None:
        """End the connection in this turn of the event loop, after what was just written."""
        asyncio.get_running_loop().call_soon(self.abort)

    def _say_farewell(self, code: int, reason: str) -> None:
        self.is_closing = True
        self.close_code = code
        if not self.transport.is_closing():
            self.transport.write(frames.close_frame(code, reason))
        self._wake()
        self.ended()

    # -- what the event loop calls -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: the handshake is done."""
        self.transport = transport
        # We are paused before so much waits that we would have to close.
        self.transport.set_write_buffer_limits(min(PAUSE_BYTES, self.sockets.send_buffer_bytes))
        self.sockets.add(self)
        self.opened()

    def data_received(self, data: bytes) -> None:
        """Take note of what the client sent."""
        self.sockets.arrived(self, data)

    def take_in(self, data: bytes) -> None:
        """Make frames of what the client sent, and messages of frames."""
        reader = self._reader
        if reader is None:
            return
        text = reader.single(data)
        if text is not None:
            if not self.is_closing:
                self.received(frames.TEXT, text)
            return
        try:
            for opcode, content in reader.feed(data):
                if opcode <= frames.BINARY:
                    if not self.is_closing:
                        self.received(opcode, content)
                elif opcode == frames.PING:
                    self.write(frames.frame(frames.PONG, content))
                elif opcode == frames.PONG:
                    self.unanswered_pings = 0
                else:
                    self._take_leave(content)
                if self._reader is None:
                    return
        except FrameError as error:
            self.fail(error.code, error.reason)
            return
        if reader.rest is not self._unfinished:
            # Its time begins with its first byte, however slowly the others drip in.
            self._unfinished = reader.rest
            if reader.rest is None:
                self.sockets.unfinished.discard(self)
            else:
                self.sockets.unfinished.add(self)

    def _take_leave(self, content: bytearray) -> None:
        """Answer a close frame, and close."""
        self._reader = None
        code = int.from_bytes(content[:2]) if content else frames.NO_CODE
        if not self.is_closing:
            self._say_farewell(code, "")
        self.close_code = code
        self.sockets.closing.add(self)
        self.transport.close()

    def eof_received(self) -> None:
        """Close: the client sends no more, not even its leave."""

    def pause_writing(self) -> None:
        """Note that the client is slower than we are."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._is_paused = False
        self._wake()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End: there is no connection any more."""
        if self.transport is None:
            return
        self.transport = self._reader = self._unfinished = None
        self.is_closing = True
        if self.close_code is None:
            self.close_code = frames.ABNORMAL
        self.sockets.remove(self)
        self._wake()
        self.lost()

    def _wake(self) -> None:
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None
