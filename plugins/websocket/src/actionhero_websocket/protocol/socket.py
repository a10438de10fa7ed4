"""`Socket`, one WebSocket connection: decodes frames, writes frames, and closes in order."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from actionhero_websocket.protocol import frames
from actionhero_websocket.protocol.frames import FrameError, FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionhero.transport import TimeoutQueue, WriteBatch
    from actionhero_web import UpgradeRequest
    from actionhero_websocket.settings import WebSocketSettings

#: How much may be buffered for a client before `drained` waits.
PAUSE_BYTES: Final = 65536
#: How many pings of one read are each answered; of more, the last one is (RFC 6455 5.5.3).
MAX_PONGS: Final = 16

_PING: Final = frames.frame(frames.PING, b"")


class SocketOwner(Protocol):
    """The registry of sockets, as a socket uses it."""

    settings: WebSocketSettings
    send_buffer_bytes: int
    #: The writes to all sockets.
    writes: WriteBatch
    #: The numbers of messages, for metrics.
    messages_received: int
    messages_sent: int
    #: How long a client may exceed the rate of messages before its socket is closed.
    rate_seconds: float
    #: The sockets with an incomplete frame.
    unfinished: TimeoutQueue[Socket]
    #: The sockets that the server closes once their messages are answered.
    ending: TimeoutQueue[Socket]
    #: The sockets whose client has sent a close frame, which is replied to then.
    replying: TimeoutQueue[Socket]
    #: The sockets that have sent a close frame.
    closing: TimeoutQueue[Socket]

    def add(self, socket: Socket) -> None:
        """Add a socket whose connection is open."""

    def remove(self, socket: Socket) -> None:
        """Remove a socket whose connection is closed."""

    def enqueue(self, socket: Socket, data: bytes) -> None:
        """Pass data to `Socket.process` in this iteration of the event loop."""


class Socket(asyncio.Protocol):
    """One WebSocket connection; a subclass handles its messages.

    No method waits, and there is no task: a frame is written when it is sent, or the connection is
    closed because too much is buffered already.

    It ends in two steps: first, messages are ignored (`is_ending`); once the messages before are
    answered, or after a timeout, the close frame is sent, and nothing more (`is_closing`).

    Args:
        sockets: The registry of sockets.
        request: The request of the handshake.
        window_bits: The negotiated compression window, as a base-two logarithm; 0: none.
    """

    __slots__ = (
        "_drained",
        "_is_paused",
        "_pending_close",
        "_reader",
        "_unfinished",
        "close_code",
        "is_closing",
        "is_ending",
        "request",
        "sockets",
        "transport",
        "unanswered_pings",
        "window_bits",
    )

    def __init__(self, sockets: SocketOwner, request: UpgradeRequest, *, window_bits: int) -> None:
        self.sockets = sockets
        self.request = request
        #: The window of our compression, as a base-two logarithm; 0: no compression.
        self.window_bits = window_bits
        self.transport: Any = None
        #: Whether messages are ignored from now on.
        self.is_ending = False
        #: Whether the close frame has been sent: nothing more is.
        self.is_closing = False
        #: Sends the close frame, once the messages before are answered.
        self._pending_close: Callable[[], None] | None = None
        #: The close code of the client, or ours, or 1006; `None` before closing has started.
        self.close_code: int | None = None
        #: The number of pings since the last pong.
        self.unanswered_pings = 0
        self._reader: FrameReader | None = FrameReader(
            sockets.settings.message_limit_bytes, allows_compression=window_bits > 0
        )
        #: The incomplete frame whose timeout is running.
        self._unfinished: bytearray | None = None
        self._is_paused = False
        self._drained: asyncio.Future[None] | None = None

    # -- overridden by subclasses --------------------------------------------------------------

    def on_open(self) -> None:
        """Handle the start of the connection."""

    def on_message(self, opcode: int, content: bytearray) -> None:
        """Handle a message. Text is not decoded, and may be invalid UTF-8."""

    def is_busy(self) -> bool:
        """Return whether messages are not answered yet; their end is reported to `end_if_idle`."""
        return False

    def on_close_frame(self, reply: Callable[[], None]) -> None:
        """Handle a close frame of the client: send the reply."""
        reply()

    def on_ending(self) -> None:
        """Handle the end of receiving: messages are ignored from now on."""

    def on_disconnect(self) -> None:
        """Handle the end of the connection."""

    def on_session_revoked(self, session_id: str | None) -> None:
        """Handle the end of a session, perhaps that of this client; `None`: of any session."""

    def cancel_calls(self) -> None:
        """Cancel the calls of this client: the grace period of a shutdown is over."""

    # -- sending -------------------------------------------------------------------------------

    def send_text(self, body: bytes) -> None:
        """Send a text message, encoded as UTF-8."""
        self.write(
            frames.deflated_frame(body, self.window_bits)
            if self.window_bits
            else frames.text_frame(body)
        )

    def send_texts(self, bodies: Iterable[bytes]) -> None:
        """Send several text messages in one write: all of them, or the socket is closed."""
        window_bits = self.window_bits
        encoded = [
            frames.deflated_frame(body, window_bits) if window_bits else frames.text_frame(body)
            for body in bodies
        ]
        self.write(b"".join(encoded), messages=len(encoded))

    def write(self, frame: bytes, messages: int = 1) -> None:
        """Write encoded frames; close the socket if too much is buffered already.

        Args:
            frame: The frames.
            messages: How many messages they are, for metrics.
        """
        transport = self.transport
        if self.is_closing or transport is None or transport.is_closing():
            return
        if self._is_paused:
            self.sockets.writes.flush()
            buffered = transport.get_write_buffer_size()
            # With an empty buffer, a message of any size is accepted.
            if buffered and buffered + len(frame) > self.sockets.send_buffer_bytes:
                self.close(frames.TRY_AGAIN_LATER, "Too slow")
                return
        sockets = self.sockets
        sockets.messages_sent += messages
        sockets.writes.write(transport, frame)

    def ping(self) -> None:
        """Send a ping."""
        self.unanswered_pings += 1
        self.write(_PING, messages=0)

    async def drained(self) -> None:
        """Wait until the client has received most of the buffer, or is disconnected."""
        while self._is_paused and not self.is_closing:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            # Shielded: several calls may wait, and a cancellation affects only one of them.
            await asyncio.shield(self._drained)

    # -- closing -------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, and close the connection after the reply or a timeout."""
        if self.is_closing or self.transport is None:
            return
        self._send_close(code, reason)
        self.sockets.closing.add(self)

    def close_when_idle(self, code: int, reason: str = "") -> None:
        """Ignore further messages, and close once the messages before are answered."""
        self.end(partial(self.close, code, reason), self.sockets.ending)

    def fail(self, code: int, reason: str) -> None:
        """Ignore all further data, which cannot be decoded, and close as `close_when_idle` does."""
        self._reader = None
        self.end(partial(self._close_failed, code, reason), self.sockets.ending)

    def end(self, close: Callable[[], None], timeouts: TimeoutQueue[Socket]) -> None:
        """Ignore further messages, and call `close` once the messages before are answered.

        Args:
            close: Sends the close frame.
            timeouts: The queue with the time limit.
        """
        if self.is_ending or self.transport is None:
            return
        self.is_ending = True
        self.on_ending()
        if self.is_busy():
            self._pending_close = close
            timeouts.add(self)
        else:
            close()

    def end_if_idle(self) -> None:
        """Send the close frame if it has waited for this: all messages are answered."""
        if self._pending_close is not None and not self.is_busy():
            self.end_now()

    def end_now(self) -> None:
        """Send the close frame, although messages may not be answered."""
        close, self._pending_close = self._pending_close, None
        self.sockets.ending.discard(self)
        self.sockets.replying.discard(self)
        if close is not None:
            close()

    def abort(self) -> None:
        """Close the connection immediately."""
        if self.transport is not None:
            self.sockets.writes.flush()
            self.is_ending = self.is_closing = True
            self.transport.abort()

    def abort_soon(self) -> None:
        """Close the connection after the pending writes of this iteration of the event loop."""
        asyncio.get_running_loop().call_soon(self.abort)

    def handle_error(self, error: Exception) -> None:
        """Report an unexpected error to the event loop, and close the connection."""
        loop = asyncio.get_running_loop()
        message = "unexpected error while processing WebSocket data"
        loop.call_exception_handler({"message": message, "exception": error, "protocol": self})
        self.abort()

    def _send_close(self, code: int, reason: str) -> None:
        was_ending, self.is_ending, self.is_closing = self.is_ending, True, True
        self.close_code = code
        self.sockets.writes.flush()
        if not self.transport.is_closing():
            self.transport.write(frames.close_frame(code, reason))
        self._notify_drained()
        if not was_ending:
            self.on_ending()

    def _close_failed(self, code: int, reason: str) -> None:
        if self.is_closing or self.transport is None:
            return
        self._send_close(code, reason)
        # Not `transport.close`: a client that is still sending would get a reset, and miss the
        # close frame.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.sockets.closing.add(self)

    def _handle_close(self, content: bytearray) -> None:
        self._reader = None
        code = int.from_bytes(content[:2]) if content else frames.NO_CODE
        reply = partial(self._reply_to_close, code)
        if self.is_ending:
            self._pending_close = None
            reply()
        else:
            self.on_close_frame(reply)

    def _reply_to_close(self, code: int) -> None:
        """Reply to a close frame, unless it is a reply itself, and close the connection."""
        if self.transport is None:
            return
        if not self.is_closing:
            self._send_close(code, "")
        self.close_code = code
        self.sockets.closing.add(self)
        self.transport.close()

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: the handshake is complete."""
        self.transport = transport
        # Writing pauses well before the limit at which the socket is closed.
        self.transport.set_write_buffer_limits(min(PAUSE_BYTES, self.sockets.send_buffer_bytes))
        self.sockets.add(self)
        self.on_open()

    def data_received(self, data: bytes) -> None:
        """Enqueue data of the client."""
        self.sockets.enqueue(self, data)

    def process(self, data: bytes) -> None:
        """Decode data of the client, and handle its frames."""
        reader = self._reader
        if reader is None:
            return
        text = reader.read_single_text(data)
        if text is not None:
            if not self.is_ending:
                self.sockets.messages_received += 1
                self.on_message(frames.TEXT, text)
            return
        pings = 0
        last_ping: bytearray | None = None
        try:
            for opcode, content in reader.feed(data):
                if opcode <= frames.BINARY:
                    if not self.is_ending:
                        self.sockets.messages_received += 1
                        self.on_message(opcode, content)
                elif opcode == frames.PING:
                    pings += 1
                    if pings <= MAX_PONGS:
                        self.write(frames.frame(frames.PONG, content), messages=0)
                    else:
                        last_ping = content
                elif opcode == frames.PONG:
                    self.unanswered_pings = 0
                else:
                    self._handle_close(content)
                if self._reader is None:
                    return
        except FrameError as error:
            self.fail(error.code, error.reason)
            return
        if last_ping is not None:
            self.write(frames.frame(frames.PONG, last_ping), messages=0)
        if reader.remainder is not self._unfinished:
            # The timeout starts with the first byte of a frame, however slowly the others arrive.
            self._unfinished = reader.remainder
            if reader.remainder is None:
                self.sockets.unfinished.discard(self)
            else:
                self.sockets.unfinished.add(self)

    def eof_received(self) -> None:
        """Close: the client has closed its side without a close frame."""
        self.sockets.writes.flush()

    def pause_writing(self) -> None:
        """Pause: the write buffer is full."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Resume: the write buffer has room."""
        self._is_paused = False
        self._notify_drained()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Clean up: the connection is closed."""
        if self.transport is None:
            return
        self.transport = self._reader = self._unfinished = self._pending_close = None
        self.is_ending = self.is_closing = True
        if self.close_code is None:
            self.close_code = frames.ABNORMAL
        self.sockets.remove(self)
        self._notify_drained()
        self.on_disconnect()

    def _notify_drained(self) -> None:
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None
