"""Sockets that listen: opened, handed over, and closed without losing who is in their queue."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from actionhero import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actionhero_web.settings import WebSettings

#: How many connections may wait to be accepted.
BACKLOG: Final = 1024
#: How long a client that has begun to connect may take for the rest of the handshake.
HANDSHAKE_SECONDS: Final = 0.1

# asm/socket.h; Python has no name for it.
_SO_ATTACH_FILTER: Final = 26
#: Drops each TCP segment that asks for a new connection (SYN without ACK): code, jump if true,
#: jump if false, operand.
_NO_NEW_CONNECTION: Final = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # take all else
)
#: What is missing where a host has an address of a family that this machine does not use.
_NO_SUCH_FAMILY: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Listener:
    """One socket that listens, and the file by which it is reached if it is a Unix socket.

    Args:
        socket: The socket.
        path: The file, which was made for it.
    """

    def __init__(self, socket: socket.socket, path: Path | None = None) -> None:
        self.socket = socket
        self._path = path
        self._file = _identity(path)

    @property
    def address(self) -> Any:
        """Host and port, or the path of a Unix socket."""
        return self.socket.getsockname()

    def turn_away(self) -> None:
        """Let nobody in any more, and keep in the queue who is there already.

        A socket that is closed resets the connections in its queue, with the requests that were
        sent on them. So first the queue must come to an end: a Unix socket loses its file, and
        for a TCP socket Linux drops what would begin a connection. Elsewhere nothing is done, and
        what connects in the moment of closing is lost.
        """
        self._remove_file()
        if sys.platform == "linux" and self.socket.family != socket.AF_UNIX:
            steps = b"".join(struct.pack("HBBI", *step) for step in _NO_NEW_CONNECTION)
            program = ctypes.create_string_buffer(steps)
            pointer = struct.pack("HL", len(_NO_NEW_CONNECTION), ctypes.addressof(program))
            # A sandbox may forbid it.
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)

    def close(self) -> None:
        """Close the socket, and remove its file."""
        self._remove_file()
        self.socket.close()

    def _remove_file(self) -> None:
        # Not the file of another server that has taken the path over.
        if self._path is not None and self._file in {_identity(self._path)} - {None}:
            self._path.unlink(missing_ok=True)
        self._file = None


def listen(settings: WebSettings) -> list[Listener]:
    """Return sockets that listen as the settings say: one for each address of the host.

    Raises:
        ConfigurationError: The address is in use, or not ours.
    """
    try:
        if settings.unix_socket is not None:
            return [_listen_on_file(settings.unix_socket)]
        return _listen_on_port(settings.host, settings.port)
    except OSError as error:
        raise _unusable(settings, error) from error


async def admit_waiting(door: socket.socket, factory: Callable[[], asyncio.Protocol]) -> None:
    """Serve who is still in the queue of a socket.

    Args:
        door: A socket that listens, on which no event loop accepts.
        factory: Makes the protocol of a connection.
    """
    loop = asyncio.get_running_loop()
    for _ in range(BACKLOG):
        try:
            connection, _ = door.accept()
        except ConnectionAbortedError:
            continue
        except OSError:
            return
        connection.setblocking(False)
        await loop.connect_accepted_socket(factory, connection)


def _listen_on_file(path: Path) -> Listener:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return Listener(listener, path)


def _listen_on_port(host: str, port: int) -> list[Listener]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[Listener] = []
    missing: OSError | None = None
    for family, _, _, _, (address, *_) in dict.fromkeys(found):
        try:
            listener = socket.create_server((str(address), port), family=family, backlog=BACKLOG)
        except OSError as error:
            if error.errno in _NO_SUCH_FAMILY:
                missing = error
                continue
            for other in listeners:
                other.close()
            raise
        listener.setblocking(False)
        listeners.append(Listener(listener))
        # If any free port will do, then the same one for every address.
        port = listener.getsockname()[1]
    if not listeners and missing is not None:
        raise missing
    return listeners


def _unusable(settings: WebSettings, error: OSError) -> ConfigurationError:
    if error.errno is None or isinstance(error, socket.gaierror):
        reason = error.strerror or str(error)
    else:
        reason = os.strerror(error.errno)
    if settings.unix_socket is not None:
        return ConfigurationError(
            f"web.unix_socket {str(settings.unix_socket)!r} cannot be listened on: {reason}; "
            "remove what is there, or set ACTIONHERO_WEB__UNIX_SOCKET to another path"
        )
    if error.errno in _NO_SUCH_FAMILY or isinstance(error, socket.gaierror):
        return ConfigurationError(
            f"web.host {settings.host!r} cannot be listened on: {reason}; choose an address of "
            "this machine with --host or ACTIONHERO_WEB__HOST"
        )
    return ConfigurationError(
        f"web.port {settings.port} on {settings.host} cannot be listened on: {reason}; stop what "
        "listens there, or choose another with --port, ACTIONHERO_WEB__PORT or PORT"
    )


def _remove_stale(path: Path) -> None:
    """Remove a socket file whose server is dead; one that answers is left, and is an error."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
