"""`actionhero` on a terminal."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Place


def on_terminal(
    place: Place,
    *arguments: str,
    columns: int = 80,
    code: int = 0,
    keys: str | None = None,
    **variables: str,
) -> str:
    """Run `actionhero` on a terminal, and return its output.

    Args:
        place: The folder.
        arguments: The arguments.
        columns: The width of the terminal.
        code: The expected exit code.
        keys: The text that is typed; `None`: stdin is no terminal.
        variables: Variables of the environment.
    """
    terminal, output = pty.openpty()
    ioctl(output, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "ACTIONHERO_PLUGINS__ENABLED": "web,hello",
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "actionhero", *arguments],
        cwd=place.folder,
        env=environ,
        stdin=subprocess.DEVNULL if keys is None else output,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    os.close(output)
    if keys is not None:
        os.write(terminal, keys.encode())
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the process has closed its end
            break
        if not piece:
            break
        written += piece
    os.close(terminal)
    assert process.wait(60) == code, written
    return written.decode().replace("\r\n", "\n")
