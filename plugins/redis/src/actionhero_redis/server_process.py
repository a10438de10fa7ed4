"""A Redis process seen from outside: what it answers on its socket, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

#: A server that is not busy answers in far less.
ANSWER_SECONDS = 1.0


def ask(path: Path, command: bytes) -> bytes | None:
    """Send one command without arguments; return the beginning of the answer, if there is one."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            client.connect(str(path))
            client.sendall(command + b"\r\n")
            return client.recv(1024) or None
        except OSError:
            return None


def is_listening(path: Path) -> bool:
    """Whether somebody takes connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            client.connect(str(path))
        except OSError as error:
            # One that has more to do than it can take is there.
            return isinstance(error, TimeoutError | BlockingIOError)
    return True


def terminate(pid_file: Path, name: str) -> None:
    """Ask the process of a pid file to end, if its program still is the one called `name`."""
    _signal(pid_file, name, signal.SIGTERM)


def kill(pid_file: Path, name: str) -> None:
    """End the process of a pid file, if its program still is the one called `name`."""
    _signal(pid_file, name, signal.SIGKILL)


def _signal(pid_file: Path, name: str, number: signal.Signals) -> None:
    with contextlib.suppress(OSError, ValueError):
        pid = int(pid_file.read_text(encoding="ascii"))
        # Numbers are used again: a stranger may have this one by now.
        if _program_of(pid) == name[:15]:
            os.kill(pid, number)


def _program_of(pid: int) -> str:
    """Return the name of a process's program, cut after 15 characters as Linux does."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        found = subprocess.run(  # noqa: S603 - the number is ours
            ["ps", "-o", "comm=", "-p", str(pid)],  # noqa: S607 - wherever the system has it
            capture_output=True,
            text=True,
            check=False,
        )
        return os.path.basename(found.stdout.strip())[:15]
