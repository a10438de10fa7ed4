"""`SignalTable`: the hooks of dramatiq middleware that are implemented, by signal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Middleware
from dramatiq.middleware import Retries, ShutdownNotifications, TimeLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: The middleware that the pipeline replaces for actions: it retries, and ends them, by itself.
REPLACED: Final = (Retries, TimeLimit, ShutdownNotifications)
#: An attribute of middleware: whether it may be called on the event loop.
ON_EVENT_LOOP: Final = "runs_on_event_loop"


class SignalTable:
    """The hooks that middleware implements, so that a signal without any costs nothing.

    Args:
        middleware: The middleware, the outermost first.
    """

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        self._middleware = list(middleware)
        self._hooks: dict[str, tuple[tuple[Callable[..., None], Middleware], ...]] = {}

    def hooks(self, signal: str) -> tuple[tuple[Callable[..., None], Middleware], ...]:
        """Return the implementations of a signal, in the order of their calls."""
        hooks = self._hooks.get(signal)
        if hooks is None:
            hooks = self._hooks[signal] = tuple(self._find(signal))
        return hooks

    def has_hooks(self, *signals: str) -> bool:
        """Return whether one of the signals has an implementation."""
        return any(self.hooks(signal) for signal in signals)

    def _find(self, signal: str) -> Iterable[tuple[Callable[..., None], Middleware]]:
        ordered = self._middleware if signal.startswith("before_") else self._middleware[::-1]
        inherited = getattr(Middleware, signal, None)
        for middleware in ordered:
            is_own = signal in getattr(middleware, "__dict__", ())
            if is_own or getattr(type(middleware), signal, None) is not inherited:
                yield getattr(middleware, signal), middleware


def needs_thread(middleware: Middleware) -> bool:
    """Return whether a middleware must be called in the thread that waits for the action.

    That is one with a backend, such as of results, which blocks; and one that interrupts threads.
    The attribute `runs_on_event_loop` of the middleware overrides it.
    """
    declared = getattr(middleware, ON_EVENT_LOOP, None)
    if declared is not None:
        return not declared
    attributes: dict[str, Any] = getattr(middleware, "__dict__", {})
    if any("backend" in name for name in attributes):
        return True
    return any(
        hasattr(sys.modules.get(part.__module__), "raise_thread_exception")
        for value in (middleware, *attributes.values())
        for part in type(value).__mro__
    )
