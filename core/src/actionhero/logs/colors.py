"""Colors of terminals: the option `--color`, and the variables `NO_COLOR` and `FORCE_COLOR`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def select_colors(mode: str) -> None:
    """Use colors in this process and its children.

    Args:
        mode: `always`, `never`, or `auto`: as the variables say. The others replace the variables,
            so that libraries, such as rich, do the same.
    """
    if mode == "auto":
        return
    name, other = ("FORCE_COLOR", "NO_COLOR")[:: 1 if mode == "always" else -1]
    os.environ[name] = "1"
    os.environ.pop(other, None)


def uses_colors(stream: TextIO | None = None) -> bool:
    """Return whether to color the text of a stream; `NO_COLOR` overrides `FORCE_COLOR`.

    Args:
        stream: `None`: standard error.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    stream = sys.stderr if stream is None else stream
    return os.environ.get("TERM") != "dumb" and stream.isatty()
