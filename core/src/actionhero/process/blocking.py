"""`BlockingMonitor`: warnings about code that blocks the event loop, in development."""

from __future__ import annotations

import linecache
import logging
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero.logs.tracebacks import is_own_file

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from types import FrameType

    from actionhero.application import Application

logger = logging.getLogger("actionhero.process")

#: How often the event loop is asked for a sign of life.
INTERVAL_SECONDS: Final = 0.05
#: How long after a warning the same action causes no further one.
PAUSE_SECONDS: Final = 60.0
#: The modules of debuggers: a breakpoint blocks the event loop on purpose.
DEBUGGERS: Final = frozenset({"bdb", "debugpy", "pydevd", "_pydevd_bundle"})


class BlockingMonitor:
    """A thread that warns about each action that blocks the event loop of the current thread.

    Calls are not instrumented. The thread regularly schedules a callback; when this is late, the
    stack of the event loop shows the code that blocks it.

    Args:
        app: The application: a warning names one of its actions, or a line of its files.
        loop: The event loop, which runs in the thread that creates this object.
        threshold_seconds: How long code may block the event loop.
        pause_seconds: How long after a warning the same action causes no further one.
    """

    def __init__(
        self,
        app: Application,
        loop: asyncio.AbstractEventLoop,
        threshold_seconds: float,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._names = {action.type: action.name for action in app.actions}
        self._root = app.settings.root
        self._loop = loop
        self._threshold_seconds = threshold_seconds
        self._pause_seconds = pause_seconds
        self._loop_thread_id = threading.get_ident()
        self._stopping = threading.Event()
        self._warned_at: dict[str, float] = {}
        # The interpreter does not wait for such a thread at exit.
        self._thread = threading.Thread(target=self._watch, name="actionhero-blocking", daemon=True)

    def __enter__(self) -> BlockingMonitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()

    def _watch(self) -> None:
        while not self._stopping.wait(INTERVAL_SECONDS):
            answered = threading.Event()
            asked_at = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(answered.set)
            except RuntimeError:
                # The event loop is closed.
                return
            if answered.wait(self._threshold_seconds):
                continue
            place = self._blocking_place()
            while not answered.wait(INTERVAL_SECONDS):
                if self._stopping.is_set():
                    return
            if place is not None:
                self._warn(*place, seconds=time.monotonic() - asked_at)

    def _blocking_place(self) -> tuple[str, str] | None:
        """Return the code that the event loop runs: its name, and its line."""
        frames = list(_frames(sys._current_frames().get(self._loop_thread_id)))
        modules = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame in frames}
        if modules & DEBUGGERS:
            return None
        own = next((f for f in frames if is_own_file(f.f_code.co_filename, self._root)), None)
        for frame in frames:
            name = self._names.get(type(_first_argument(frame)))
            if name is not None:
                return f"action {name!r}", _line(own or frame)
        return None if own is None else (f"{own.f_code.co_qualname!r}", _line(own))

    def _warn(self, name: str, line: str, *, seconds: float) -> None:
        now = time.monotonic()
        if now - self._warned_at.get(name, -self._pause_seconds) < self._pause_seconds:
            return
        self._warned_at[name] = now
        logger.warning(
            "%s blocked the event loop for %.0f ms (%s); all other calls waited; use an "
            "asynchronous library, or: await asyncio.to_thread(…)",
            name,
            seconds * 1000,
            line,
        )


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and its callers."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _first_argument(frame: FrameType) -> Any:
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def _line(frame: FrameType) -> str:
    """Return the file, the number and the text of the line that a frame runs."""
    path = Path(frame.f_code.co_filename)
    name = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    text = linecache.getline(str(path), frame.f_lineno).strip()
    return f"{name}:{frame.f_lineno}: {text}" if text else f"{name}:{frame.f_lineno}"
