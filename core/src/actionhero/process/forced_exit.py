"""`on_forced_exit`: functions to call before a process exits without a complete shutdown."""

from __future__ import annotations

import _thread
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("actionhero.process")

_functions: list[Callable[[], object]] = []


def on_forced_exit(function: Callable[[], object]) -> Callable[[], None]:
    """Call a function when the process exits although its shutdown is not complete.

    That is after the time limit of the shutdown, and on a second SIGINT or SIGTERM. It is called in
    a thread of its own while the event loop may be blocked, and has less than half a second.

    Returns:
        A function that removes it.
    """
    _functions.append(function)

    def remove() -> None:
        if function in _functions:
            _functions.remove(function)

    return remove


def call_functions(limit_seconds: float) -> None:
    """Call the functions of `on_forced_exit`, and wait for them for a limited time."""
    if not _functions:
        return
    # `threading` is not used, because the main thread may hold one of its locks in a signal
    # handler.
    pending = _thread.allocate_lock()
    pending.acquire()
    _thread.start_new_thread(_call_functions, (pending,))
    pending.acquire(timeout=limit_seconds)


def _call_functions(pending: _thread.LockType) -> None:
    try:
        for function in tuple(_functions):
            try:
                function()
            except Exception:
                logger.exception("a function before the exit has failed")
    finally:
        pending.release()
