"""`SocketRegistry`: the open sockets of a process, with their pings and timeouts."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from actionhero.transport import TimeoutQueue, WriteBatch
from actionhero_websocket.protocol import frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero_websocket.protocol.socket import Socket
    from actionhero_websocket.settings import WebSocketSettings

#: How many pings may stay unanswered.
MAX_UNANSWERED_PINGS: Final = 2
#: How long the accepted messages of a socket may take before the server closes it.
ENDING_SECONDS: Final = 5.0
#: How many sockets are closed before other tasks run.
BATCH_SIZE: Final = 200
#: The close codes of RFC 6455 and its registry, by which closed sockets are counted.
_CODES: Final = frozenset(range(1000, 1016))
#: The name of all other codes.
OTHER_CODE: Final = "_other"


class SocketRegistry:
    """The open sockets, each from its handshake to the end of its connection.

    Args:
        settings: The settings.
    """

    def __init__(self, settings: WebSocketSettings) -> None:
        self.settings = settings
        self.send_buffer_bytes = settings.send_buffer_bytes
        self.rate_seconds = settings.rate_timeout.total_seconds()
        self._open: set[Socket] = set()
        #: The numbers of messages, for metrics.
        self.messages_received = 0
        self.messages_sent = 0
        #: The numbers of closed sockets, by their close code.
        self.closed: dict[str, int] = defaultdict(int)
        self._pings: TimeoutQueue[Socket] | None = None
        if seconds := settings.ping_interval.total_seconds():
            self._pings = TimeoutQueue(seconds, self._ping)
        #: The sockets with an incomplete frame.
        self.unfinished: TimeoutQueue[Socket] = TimeoutQueue(
            settings.frame_timeout.total_seconds(), _fail_unfinished
        )
        #: The sockets that have sent a close frame.
        self.closing: TimeoutQueue[Socket] = TimeoutQueue(
            settings.close_timeout.total_seconds(), _abort
        )
        #: The sockets that are closed once their messages are answered.
        self.ending: TimeoutQueue[Socket] = TimeoutQueue(ENDING_SECONDS, _end_now)
        #: The same, for a close frame of the client.
        self.replying: TimeoutQueue[Socket] = TimeoutQueue(self.closing.seconds, _end_now)
        self._timeouts = (self.unfinished, self.closing, self.ending, self.replying)
        self._all_closed: asyncio.Event | None = None
        self._received: list[tuple[Socket, bytes]] = []
        #: The writes to all sockets.
        self.writes = WriteBatch()

    def enqueue(self, socket: Socket, data: bytes) -> None:
        """Process data after all reads of this iteration of the event loop.

        Reading from all sockets, then processing, then writing is much faster than doing all three
        for one socket after the other: the code of each phase stays in the processor's cache.
        """
        if not self._received:
            asyncio.get_running_loop().call_soon(self._process_received)
        self._received.append((socket, data))

    def _process_received(self) -> None:
        received, self._received = self._received, []
        self.writes.hold()
        for socket, data in received:
            try:
                socket.process(data)
            except Exception as error:  # noqa: BLE001 - the other sockets must be processed too
                socket.handle_error(error)
        self.writes.flush()

    def add(self, socket: Socket) -> None:
        """Add a socket whose connection is open."""
        self._open.add(socket)
        if self._pings is not None:
            self._pings.add(socket)

    def remove(self, socket: Socket) -> None:
        """Remove a socket whose connection is closed."""
        self._open.discard(socket)
        code = socket.close_code
        # A client may send any other code.
        self.closed[str(code) if code in _CODES else OTHER_CODE] += 1
        if self._pings is not None:
            self._pings.discard(socket)
        for queue in self._timeouts:
            queue.discard(socket)
        if not self._open and self._all_closed is not None:
            self._all_closed.set()

    async def close_all(self, code: int, reason: str) -> None:
        """Close all sockets, and wait until each is closed or its timeout has expired."""
        for number, socket in enumerate(list(self._open), 1):
            socket.close(code, reason)
            if number % BATCH_SIZE == 0:
                await asyncio.sleep(0)
        if self._open:
            self._all_closed = asyncio.Event()
            await self._all_closed.wait()

    def abort_all(self) -> None:
        """Close all connections immediately."""
        for socket in list(self._open):
            socket.abort()
        if self._pings is not None:
            self._pings.clear()
        for queue in self._timeouts:
            queue.clear()

    def __iter__(self) -> Iterator[Socket]:
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def _ping(self, socket: Socket) -> None:
        if socket.unanswered_pings >= MAX_UNANSWERED_PINGS:
            socket.close(frames.INTERNAL_ERROR, "Ping timeout")
            # The client is not expected to reply to the close frame.
            socket.abort_soon()
        elif self._pings is not None:
            socket.ping()
            self._pings.add(socket)


def _fail_unfinished(socket: Socket) -> None:
    socket.fail(frames.POLICY_VIOLATION, "Frame timeout")


def _end_now(socket: Socket) -> None:
    socket.end_now()


def _abort(socket: Socket) -> None:
    socket.abort()
