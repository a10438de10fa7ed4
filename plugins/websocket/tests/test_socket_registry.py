"""Processing of data that arrives in one iteration of the event loop, without a network."""

from __future__ import annotations

import asyncio
from typing import Any

from actionhero_websocket.protocol.socket import Socket
from actionhero_websocket.protocol.socket_registry import SocketRegistry
from actionhero_websocket.settings import WebSocketSettings

#: A client's frame, whose mask changes nothing.
HELLO = bytes((0x81, 0x85)) + bytes(4) + b"hello"


class FakeTransport(asyncio.Transport):
    """A transport that records `abort`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True


class RecordingSocket(Socket):
    """A socket that records its messages, or fails."""

    __slots__ = ("fails", "messages")

    def __init__(self, sockets: SocketRegistry, *, fails: bool = False) -> None:
        request: Any = None
        super().__init__(sockets, request, window_bits=0)
        self.fails = fails
        self.messages: list[bytes] = []
        self.connection_made(FakeTransport())

    def on_message(self, opcode: int, content: bytearray) -> None:
        if self.fails:
            raise RuntimeError("expected")
        self.messages.append(bytes(content))


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
