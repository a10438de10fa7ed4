"""Processing of data that arrives in one iteration of the event loop, without a network."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actionhero_websocket.protocol.socket import Socket
from actionhero_websocket.protocol.socket_registry import SocketRegistry
from actionhero_websocket.settings import WebSocketSettings

#: A client's frame, whose mask changes nothing.
HELLO = bytes((0x81, 0x85)) + bytes(4) + b"hello"


class FakeTransport(asyncio.Transport):
    """A transport that records what is written, and `abort`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False
        self.written = b""
        self.writes = 0
        self.has_close = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written += data
        self.writes += 1
        if data[0] == 0x88:
            self.has_close.set()

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True


class RecordingSocket(Socket):
    """A socket that records its messages, or fails."""

    __slots__ = ("answers", "fails", "messages")

    def __init__(self, sockets: SocketRegistry, *, fails: bool = False) -> None:
        request: Any = None
        super().__init__(sockets, request, window_bits=0)
        self.fails = fails
        self.messages: list[bytes] = []
        #: Whether messages are answered.
        self.answers = True
        self.connection_made(FakeTransport())

    def on_message(self, opcode: int, content: bytearray) -> None:
        if self.fails:
            raise RuntimeError("expected")
        self.messages.append(bytes(content))

    def is_busy(self) -> bool:
        return bool(self.messages) and not self.answers


async def test_data_of_one_iteration_is_processed_together_and_in_order() -> None:
    """After all reads."""
    sockets = SocketRegistry(WebSocketSettings())
    one, other = RecordingSocket(sockets), RecordingSocket(sockets)

    one.data_received(HELLO)
    other.data_received(HELLO[:8])
    other.data_received(HELLO[8:] + HELLO)
    before = [*one.messages, *other.messages]
    await asyncio.sleep(0)

    assert before == []
    assert one.messages == [b"hello"]
    assert other.messages == [b"hello", b"hello"]
    sockets.abort_all()


class AnsweringSocket(RecordingSocket):
    """A socket that answers each message with the number of writes so far, of all sockets."""

    __slots__ = ()

    def on_message(self, opcode: int, content: bytearray) -> None:
        super().on_message(opcode, content)
        sockets: Any = self.sockets
        self.send_text(b"%d" % sum(socket.transport.writes for socket in sockets))


async def test_answers_of_one_iteration_are_written_together_and_in_order() -> None:
    """After all messages of the iteration, with one write for each socket."""
    sockets = SocketRegistry(WebSocketSettings())
    one, other = AnsweringSocket(sockets), AnsweringSocket(sockets)
    closing = AnsweringSocket(sockets)

    one.data_received(HELLO)
    other.data_received(HELLO + HELLO)
    closing.data_received(HELLO + bytes((0x88, 0x80)) + bytes(4))
    await asyncio.sleep(0)

    assert one.transport.written == b"\x81\x010"
    assert other.transport.written == b"\x81\x010\x81\x010"
    assert (one.transport.writes, other.transport.writes) == (1, 1)
    assert closing.transport.written == b"\x81\x010\x88\x00"
    sockets.abort_all()


async def test_an_unexpected_error_closes_only_its_connection() -> None:
    """The exception handler of the event loop is called."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    sockets = SocketRegistry(WebSocketSettings())
    failing, other = RecordingSocket(sockets, fails=True), RecordingSocket(sockets)
    transport: Any = failing.transport

    failing.data_received(HELLO)
    other.data_received(HELLO)
    await asyncio.sleep(0)

    assert transport.is_aborted
    assert other.messages == [b"hello"]
    assert [str(each["exception"]) for each in contexts] == ["expected"]
    sockets.abort_all()


@pytest.mark.parametrize("fails", [False, True])
async def test_closing_waits_for_answers_for_a_limited_time(fails: bool) -> None:
    """Messages that arrive in the meantime are ignored."""
    sockets = SocketRegistry(WebSocketSettings())
    sockets.ending.seconds = 0.01
    socket = RecordingSocket(sockets)
    socket.answers = False
    transport: Any = socket.transport
    socket.process(HELLO)

    if fails:
        socket.process(HELLO[:1] + b"\x05hello")
    else:
        socket.close_when_idle(1008, "rate")
    socket.process(HELLO + HELLO)
    before = transport.written
    socket.send_text(b"answer")
    await transport.has_close.wait()

    assert socket.messages == [b"hello"]
    assert before == b""
    code = (1002 if fails else 1008).to_bytes(2)
    assert transport.written.startswith(b"\x81\x06answer\x88")
    assert transport.written[10:12] == code
    sockets.abort_all()
