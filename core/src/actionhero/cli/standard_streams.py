"""The standard streams: opened if they are closed, and stdout reserved for data.

It imports the standard library alone: every command opens the streams, also `--version`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    A shell closes them with `>&-`, and `pythonw` has none. Otherwise the next file or socket would
    get the number of the stream, and the output of libraries and child processes.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "r" if number == _STDIN else "w"
            stream = open(number, mode, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


@contextlib.contextmanager
def reserve_stdout() -> Iterator[TextIO]:
    """Send the output of plugins and actions, and of their child processes, to stderr.

    Returns:
        A context manager, whose value is the stream of stdout for the data of the command.
    """
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        try:
            has_descriptor = stdout.fileno() == _STDOUT
        except (OSError, ValueError):
            # A stream in memory, as in tests.
            has_descriptor = False
        if not has_descriptor:
            yield stdout
            return
        stdout.flush()
        copy = os.dup(_STDOUT)
        os.dup2(_STDERR, _STDOUT)
        try:
            with open(
                copy, "w", encoding=stdout.encoding, errors=stdout.errors, closefd=False
            ) as data:
                yield data
        finally:
            os.dup2(copy, _STDOUT)
            os.close(copy)
