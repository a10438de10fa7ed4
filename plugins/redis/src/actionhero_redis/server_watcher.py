"""A process that stops the private server of a folder when its last user was killed.

It is started with the server, runs this file as a program, and imports the standard library alone.
Once a second it tries the lock that every user shares.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
import time
from pathlib import Path

#: How often it looks for users.
POLL_SECONDS = 1.0


def watch(folder: Path) -> None:
    """Wait until the server of a folder has ended, and stop it if it has no users.

    Args:
        folder: The folder of a `PrivateServer`, whose lock files it has.
    """
    # Opened once, so that a folder that is deleted meanwhile keeps its locks.
    start, users, server, watcher = (
        os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for name in ("start", "users", "server", "watcher")
    )
    if not _try_lock(watcher):
        # That of an earlier server, which has not noticed its end, continues for this one.
        return
    path = _socket_of(folder)
    while True:
        time.sleep(POLL_SECONDS)
        if not _try_lock(start):
            continue
        if _try_lock(server):
            # While no other process can start the next one.
            return
        path = _socket_of(folder) or path
        if _try_lock(users):
            # It saves its data. One that hangs is replaced by the next start.
            _shut_down(path)
        for descriptor in (users, start):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _shut_down(path: str) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(POLL_SECONDS)
        client.connect(path)
        client.sendall(b"SHUTDOWN\r\n")
        # The connection is closed when the data is saved.
        client.recv(1)


def _socket_of(folder: Path) -> str:
    try:
        return (folder / "socket").read_text(encoding="utf-8")
    except OSError:
        return ""


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def main() -> None:
    """Watch the folder in the first argument, in a process without a parent."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    watch(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
