"""The error of a command whose output cannot be written, such as to a full disk."""

from __future__ import annotations

import contextlib
import os
import sys
from inspect import unwrap
from typing import NoReturn

import click

from actionhero.cli.output import EXIT_OUTPUT
from actionhero.cli.standard_streams import reserve_stdout
from actionhero.logs.colors import uses_colors

#: The functions that write to the standard streams.
_CODES = {unwrap(function).__code__ for function in (click.echo, reserve_stdout)}


def is_output_failure(error: OSError) -> bool:
    """Return whether an error was raised by a write to a standard stream."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return False
    frame = traceback.tb_frame
    return frame.f_code in _CODES or frame.f_globals.get("__name__") == "rich.console"


def exit_after(error: OSError) -> NoReturn:
    """Write the failure and its notes to stderr, and exit with 74."""
    reason = f"the output could not be written: {error.strerror or error}"
    text = "; ".join([reason, *getattr(error, "__notes__", ())])
    # It may be on the same disk.
    with contextlib.suppress(OSError):
        click.echo(f"{click.style('Error:', fg='red')} {text}", err=True, color=uses_colors())
    # The interpreter would fail to write the rest of the buffer when it exits.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(EXIT_OUTPUT)
