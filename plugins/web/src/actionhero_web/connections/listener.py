"""Listening sockets, and how to close one without losing the connections in its backlog."""

from __future__ import annotations

import asyncio
import contextlib
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

#: The number of connections that may wait to be accepted.
BACKLOG: Final = 1024
#: How long the TCP handshake of a connecting client may take.
HANDSHAKE_SECONDS: Final = 0.1

# asm/socket.h; Python has no name for it.
_SO_ATTACH_FILTER: Final = 26
#: A BPF program that drops each TCP segment that requests a new connection (SYN without ACK):
#: code, jump if true, jump if false, operand.
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, 0x12),  # mask SYN and ACK
    (0x15, 0, 1, 0x02),  # only SYN?
    (0x06, 0, 0, 0),  # drop the segment
    (0x06, 0, 0, 0xFFFFFFFF),  # accept all others
)
#: The errors for an address of a family that this machine does not support.
_UNSUPPORTED_FAMILY: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Listener:
    """One listening socket, and its file if it is a Unix socket.

    Args:
        socket: The socket.
        path: The file of the socket.
    """

    def __init__(self, socket: socket.socket, path: Path | None = None) -> None:
        self.socket = socket
        self._path = path
        self._file = _identity(path)

    @property
    def address(self) -> Any:
        """Host and port, or the path of a Unix socket."""
        return self.socket.getsockname()

    def stop_listening(self) -> None:
        """Stop new connections, but keep those in the backlog.

        Closing a socket resets the connections in its backlog, together with their requests. So
        the backlog must not grow before it is drained: the file of a Unix socket is removed, and
        for a TCP socket Linux drops the first segment of new connections. Other systems cannot do
        that, and lose a connection that is made at the moment of closing.
        """
        self._remove_file()
        if sys.platform == "linux" and self.socket.family != socket.AF_UNIX:
            # Imported here because it takes milliseconds of the start.
            import ctypes  # noqa: PLC0415

            instructions = b"".join(struct.pack("HBBI", *each) for each in _DROP_SYN)
            program = ctypes.create_string_buffer(instructions)
            pointer = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(program))
            # A sandbox may forbid socket filters.
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)

    def close(self) -> None:
        """Close the socket, and remove its file."""
        self._remove_file()
        self.socket.close()

    def _remove_file(self) -> None:
        # Another server may have created a new file at this path.
        if self._path is not None and self._file in {_identity(self._path)} - {None}:
            self._path.unlink(missing_ok=True)
        self._file = None


def listen(settings: WebSettings) -> list[Listener]:
    """Return the listening sockets of the settings: one for each address of the host.

    Raises:
        ConfigurationError: The address is in use, or not an address of this machine.
    """
    try:
        if settings.unix_socket is not None:
            return [_listen_on_file(settings.unix_socket)]
        return _listen_on_port(settings.host, settings.port)
    except OSError as error:
        raise _configuration_error(settings, error) from error
    except ValueError as error:
        # Of a label without or with too many characters, which has no encoding for DNS.
        raise ConfigurationError(
            f"cannot listen on web.host {settings.host!r}: it is not a host name; choose an "
            "address of this machine with --host or ACTIONHERO_WEB__HOST"
        ) from error


async def drain_backlog(listener: socket.socket, factory: Callable[[], asyncio.Protocol]) -> None:
    """Accept the connections in the backlog of a socket.

    Args:
        listener: A listening socket on which no event loop accepts.
        factory: Creates the protocol of a connection.
    """
    loop = asyncio.get_running_loop()
    for _ in range(BACKLOG):
        try:
            connection, _ = listener.accept()
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
        # Proxies run as other users. The permissions of the folder restrict them, as a umask would
        # also apply to other files.
        path.chmod(0o666)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return Listener(listener, path)


def _listen_on_port(host: str, port: int) -> list[Listener]:
    addresses = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listeners: list[Listener] = []
    unsupported: OSError | None = None
    for family, _, _, _, (address, *_) in dict.fromkeys(addresses):
        try:
            listener = socket.create_server((str(address), port), family=family, backlog=BACKLOG)
        except OSError as error:
            if error.errno in _UNSUPPORTED_FAMILY:
                unsupported = error
                continue
            for other in listeners:
                other.close()
            raise
        listener.setblocking(False)
        listeners.append(Listener(listener))
        # Port 0 selects a free port, which all addresses share.
        port = listener.getsockname()[1]
    if not listeners and unsupported is not None:
        raise unsupported
    return listeners


def _configuration_error(settings: WebSettings, error: OSError) -> ConfigurationError:
    if error.errno is None or isinstance(error, socket.gaierror):
        reason = error.strerror or str(error)
    else:
        reason = os.strerror(error.errno)
    if settings.unix_socket is not None:
        remedy = ""
        if error.errno == errno.ENOENT:
            remedy = "create its folder, or "
        elif error.errno == errno.EADDRINUSE and not settings.unix_socket.is_dir():
            remedy = "remove that file, or "
        return ConfigurationError(
            f"cannot listen on web.unix_socket {str(settings.unix_socket)!r}: {reason}; "
            f"{remedy}set ACTIONHERO_WEB__UNIX_SOCKET to another path"
        )
    if error.errno in _UNSUPPORTED_FAMILY or isinstance(error, socket.gaierror):
        return ConfigurationError(
            f"cannot listen on web.host {settings.host!r}: {reason}; choose an address of "
            "this machine with --host or ACTIONHERO_WEB__HOST"
        )
    return ConfigurationError(
        f"cannot listen on web.port {settings.port} of {settings.host}: {reason}; stop the process "
        "on that port, or choose another with --port, ACTIONHERO_WEB__PORT or PORT"
    )


def _remove_stale(path: Path) -> None:
    """Remove a socket file that no process listens on."""
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
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
