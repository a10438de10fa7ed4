"""All sockets of one process, and what is done to them by the clock: `Sockets`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from actionhero.transport import TimeoutQueue
from actionhero_websocket import frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero_websocket.settings import WebSocketSettings
    from actionhero_websocket.socket import Socket

#: How many pings may stay without an answer.
UNANSWERED_PINGS: Final = 2
#: How many sockets are told something before others get a turn.
AT_ONCE: Final = 200


class Sockets:
    """The sockets that are open, each from its handshake to the end of its connection.

    Args:
        settings: The knobs.
    """

    def __init__(self, settings: WebSocketSettings) -> None:
        self.settings = settings
        self.send_buffer_bytes = settings.send_buffer_bytes
        self._open: set[Socket] = set()
        self._pings: TimeoutQueue[Socket] | None = None
        if seconds := settings.ping_interval.total_seconds():
            self._pings = TimeoutQueue(seconds, self._ping)
        #: Those that wait for the rest of a frame.
        self.unfinished: TimeoutQueue[Socket] = TimeoutQueue(
            settings.frame_timeout.total_seconds(), _break_off
        )
        #: Those that were told to close.
        self.closing: TimeoutQueue[Socket] = TimeoutQueue(
            settings.close_timeout.total_seconds(), _abort
        )
        self._emptied: asyncio.Event | None = None
        self._arrived: list[tuple[Socket, bytes]] = []

    def arrived(self, socket: Socket, data: bytes) -> None:
        """Take in what a client sent, after all that is read in this turn of the event loop.

        To read from all, then to answer all, then to write to all takes much less than to do it
        for one after the other: the code of each of the three is still in the processor's cache.
        """
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._take_in)
        self._arrived.append((socket, data))

    def _take_in(self) -> None:
        arrived, self._arrived = self._arrived, []
        for socket, data in arrived:
            try:
                socket.take_in(data)
            except Exception as error:  # noqa: BLE001 - the others' turn comes all the same
                socket.break_down(error)

    def add(self, socket: Socket) -> None:
        """Take note of a socket that was opened."""
        self._open.add(socket)
        if self._pings is not None:
            self._pings.add(socket)

    def remove(self, socket: Socket) -> None:
        """Forget a socket whose connection has ended."""
        self._open.discard(socket)
        for table in (self._pings, self.unfinished, self.closing):
            if table is not None:
                table.discard(socket)
        if not self._open and self._emptied is not None:
            self._emptied.set()

    async def close_all(self, code: int, reason: str) -> None:
        """Tell every socket to close, and return when all are gone; each has its time for that."""
        for number, socket in enumerate(list(self._open), 1):
            socket.close(code, reason)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._open:
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    def abort_all(self) -> None:
        """End every connection now."""
        for socket in list(self._open):
            socket.abort()
        for table in (self._pings, self.unfinished, self.closing):
            if table is not None:
                table.clear()

    def __iter__(self) -> Iterator[Socket]:
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def _ping(self, socket: Socket) -> None:
        if socket.unanswered_pings >= UNANSWERED_PINGS:
            socket.close(frames.INTERNAL_ERROR, "No answer to pings")
            # Nobody is there who could take leave of us.
            socket.abort_soon()
        elif self._pings is not None:
            socket.ping()
            self._pings.add(socket)


def _break_off(socket: Socket) -> None:
    socket.fail(frames.POLICY_VIOLATION, "A frame took too long")


def _abort(socket: Socket) -> None:
    socket.abort()
