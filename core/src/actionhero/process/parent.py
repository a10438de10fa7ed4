"""The supervising process that has started this one, with which this one ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Final

#: Set by a supervisor to its process id.
PARENT_VARIABLE: Final = "_ACTIONHERO_PARENT_ID"
#: `PR_SET_PDEATHSIG` of Linux.
_SET_DEATH_SIGNAL: Final = 1


def parent_environ() -> dict[str, str]:
    """Return the environment variable by which a child process knows the id of this process."""
    return {PARENT_VARIABLE: str(os.getpid())}


def parent_id() -> int:
    """Return the id of the process that has started this one.

    A supervisor passes it in `parent_environ`: it may have ended by now, and then `os.getppid`
    returns the id of another process.
    """
    # Removed, so that processes started by the application do not inherit it.
    id = os.environ.pop(PARENT_VARIABLE, "")
    return int(id) if id.isdigit() else os.getppid()


def stop_after_parent(parent: int) -> bool:
    """Have the kernel send SIGTERM to this process when its parent ends, if it can.

    So does a process with a blocked event loop. Only Linux can. There, `actionhero doctor` finds
    the id of the parent by an open file, also of a forked process, whose variables it cannot see.

    Returns:
        Whether the parent is still running.
    """
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only in processes with a supervisor

        with contextlib.suppress(OSError, AttributeError):
            # Open for as long as the process runs.
            os.memfd_create(f"{PARENT_VARIABLE}={parent}")
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
    return os.getppid() == parent
