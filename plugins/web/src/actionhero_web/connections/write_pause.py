"""`WritePause`: detects a client that does not read its response."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

if sys.platform != "win32":
    # Plugins import this module for commands, too, which work on Windows.
    import fcntl
    import termios

if TYPE_CHECKING:
    import asyncio

#: A client that reads fewer does not read, as one that sends fewer of a body does not send.
MINIMUM_BYTES_PER_SECOND: Final = 500
#: The option `SO_LINGER`: unsent data is discarded, and the client gets a reset.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class WritePause:
    """The time in which a response waits for the client to read more of it.

    A large response is one write, so a client that reads it for an hour is one pause: not the
    length of the pause is limited, but the time in which the client reads too little.

    Args:
        transport: The connection.
        now: The time of the event loop, in seconds.
    """

    __slots__ = ("_since", "_transport", "_unsent_bytes")

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self._transport = transport
        self._since = now
        self._unsent_bytes = _unsent_bytes(transport)

    def is_stalled(self, now: float, timeout_seconds: float) -> bool:
        """Return whether the client has read too little for that long."""
        seconds = now - self._since
        if seconds <= timeout_seconds:
            return False
        unsent_bytes = _unsent_bytes(self._transport)
        if self._unsent_bytes - unsent_bytes < MINIMUM_BYTES_PER_SECOND * seconds:
            return True
        self._since, self._unsent_bytes = now, unsent_bytes
        return False

    def reset(self) -> None:
        """Close the connection without the unsent data, of which the system holds megabytes."""
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        # Not `close`, which would wait for the client to read the rest.
        self._transport.abort()


def _unsent_bytes(transport: Any) -> int:
    """Return the size of the data that the client has not acknowledged."""
    size: int = transport.get_write_buffer_size()
    # Linux asks for more data only when a third of its own part is sent. Others do not report it.
    with contextlib.suppress(OSError, ValueError):
        queued = fcntl.ioctl(transport.get_extra_info("socket"), termios.TIOCOUTQ, bytes(4))
        size += struct.unpack("i", queued)[0]
    return size
