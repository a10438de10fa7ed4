"""Sockets that are read in one turn of the event loop, without a network."""

from __future__ import annotations

import asyncio
from typing import Any

from actionhero_websocket.settings import WebSocketSettings
from actionhero_websocket.socket import Socket
from actionhero_websocket.sockets import Sockets

#: A client's frame, whose mask changes nothing.
HELLO = bytes((0x81, 0x85)) + bytes(4) + b"hello"


class NoNetwork(asyncio.Transport):
    """Takes what is written, and tells whether the connection was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True


class Hearing(Socket):
    """Keeps what it hears; to one it should not have listened."""

    __slots__ = ("fails", "heard")

    def __init__(self, sockets: Sockets, *, fails: bool = False) -> None:
        request: Any = None
        super().__init__(sockets, request, window_bits=0)
        self.fails = fails
        self.heard: list[bytes] = []
        self.connection_made(NoNetwork())

    def received(self, opcode: int, content: bytearray) -> None:
        if self.fails:
            raise RuntimeError("expected")
        self.heard.append(bytes(content))


async def test_what_is_read_in_one_turn_is_taken_in_together_and_in_order() -> None:
    """First all is read, then all is taken in."""
    sockets = Sockets(WebSocketSettings())
    one, other = Hearing(sockets), Hearing(sockets)

    one.data_received(HELLO)
    other.data_received(HELLO[:8])
    other.data_received(HELLO[8:] + HELLO)
    read = [*one.heard, *other.heard]
    await asyncio.sleep(0)

    assert read == []
    assert one.heard == [b"hello"]
    assert other.heard == [b"hello", b"hello"]
    sockets.abort_all()


async def test_a_fault_ends_the_connection_that_met_it_and_no_other() -> None:
    """The event loop is told of it, as of any fault in what it calls."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    sockets = Sockets(WebSocketSettings())
    faulty, other = Hearing(sockets, fails=True), Hearing(sockets)
    network: Any = faulty.transport

    faulty.data_received(HELLO)
    other.data_received(HELLO)
    await asyncio.sleep(0)

    assert network.is_aborted
    assert other.heard == [b"hello"]
    assert [str(each["exception"]) for each in told] == ["expected"]
    sockets.abort_all()
