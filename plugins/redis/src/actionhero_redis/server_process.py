"""Functions for the process of a Redis server: send a command, check its socket, end it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

#: An idle server responds in far less.
RESPONSE_TIMEOUT_SECONDS = 1.0


def send_command(path: Path, command: bytes) -> bytes | None:
    """Send a command without arguments over a Unix socket.

    Returns:
        The beginning of the response; `None` if the server cannot be reached or does not respond.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(RESPONSE_TIMEOUT_SECONDS)
        try:
            client.connect(str(path))
            client.sendall(command + b"\r\n")
            return client.recv(1024) or None
        except OSError:
            return None


def is_listening(path: Path) -> bool:
    """Return whether a server listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(RESPONSE_TIMEOUT_SECONDS)
        try:
            client.connect(str(path))
        except OSError as error:
            # The backlog of an overloaded server is full, but the server exists.
            return isinstance(error, TimeoutError | BlockingIOError)
    return True


def terminate(pid_file: Path, name: str) -> None:
    """Send SIGTERM to the process of a pid file, if its program is still `name`."""
    _signal(pid_file, name, signal.SIGTERM)


def kill(pid_file: Path, name: str) -> None:
    """Send SIGKILL to the process of a pid file, if its program is still `name`."""
    _signal(pid_file, name, signal.SIGKILL)


def _signal(pid_file: Path, name: str, signal_number: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        pid = int(pid_file.read_text(encoding="ascii"))
        # Process ids are reused: another program may have this one by now.
        if _program_of(pid) == name[:15]:
            os.kill(pid, signal_number)


def _program_of(pid: int) -> str:
    """Return the name of a process's program, cut after 15 characters as Linux does."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        process = subprocess.run(  # noqa: S603 - the pid is an integer
            ["ps", "-o", "comm=", "-p", str(pid)],  # noqa: S607 - its path differs by system
            capture_output=True,
            text=True,
            check=False,
        )
        return os.path.basename(process.stdout.strip())[:15]
