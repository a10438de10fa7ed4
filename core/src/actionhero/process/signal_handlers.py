"""The handlers of stop signals before an application runs, and in forked processes.

It imports little of the standard library: every command calls it, also `--version`.
"""

from __future__ import annotations

import _thread
import os
import signal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: The handlers of Python.
_DEFAULTS: Final[dict[int, Any]] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
if hasattr(signal, "SIGHUP"):
    _DEFAULTS[signal.SIGHUP] = signal.SIG_DFL
#: The blocked signals of threads that are forking.
_masks: dict[int, Any] = {}
#: The handlers that a forked process must not have.
_handlers: set[Callable[[int, object], object]] = set()


def exit_on_sigterm() -> None:
    """Exit with 143 on SIGTERM until an application handles the signal.

    The default would end the process by the signal. As the first process of a container, which the
    kernel protects from signals that it does not handle, it would not end at all.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        use_handler(signal.SIGTERM, _exit)


def use_handler(number: int, handler: Callable[[int, object], object]) -> None:
    """Handle a signal in this process, but not in processes that are forked from it.

    A child process of the application would otherwise ignore `Process.terminate()`: it has no event
    loop that could stop.

    Args:
        number: SIGTERM, SIGINT or SIGHUP.
        handler: The handler.
    """
    _handlers.add(handler)
    signal.signal(number, handler)


def forget_handler(handler: Callable[[int, object], object]) -> None:
    """Forget a handler that is no longer used."""
    _handlers.discard(handler)


def _exit(number: int, _: object) -> None:
    # There is nothing to stop yet; `sys.exit` could be caught by code that is being imported.
    os._exit(128 + number)


def _block() -> None:
    # A signal between the fork and the restored handler would be lost.
    _masks[_thread.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _DEFAULTS)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.pop(_thread.get_ident()))


def _restore_defaults() -> None:
    for number, default in _DEFAULTS.items():
        if signal.getsignal(number) in _handlers:
            signal.signal(number, default)
            # The event loop of the parent reads from it.
            signal.set_wakeup_fd(-1)
    _unblock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_restore_defaults)
