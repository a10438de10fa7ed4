"""One process that serves until it is told to stop."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import contextvars
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actionhero.application import Application

Result = TypeVar("Result")

logger = logging.getLogger("actionhero.process")

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: How long after its grace time a process that was told to stop may still be there, whatever hangs.
OVERTIME_SECONDS: Final = 4.5
#: How long tasks and threads that would not end may keep a process that has stopped all else.
LEAVE_SECONDS: Final = 1.0
#: How long it may take to say that a process is ended.
TELL_SECONDS: Final = 0.3
#: sysexits.h: `EX_SOFTWARE`.
EXIT_SOFTWARE: Final = 70
#: How often a process with a parent looks whether the parent is there, and says that it lives.
BEAT_SECONDS: Final = 0.5


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes event loops: uvloop where it is installed, else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - brought by a server's package, not by core
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def serve(
    app: Application,
    announce: Callable[[], None] = lambda: None,
    *,
    parent: int | None = None,
    beat: Callable[[], None] = lambda: None,
) -> int:
    """Start `app`, serve until SIGINT or SIGTERM, stop, and return the exit code: 0.

    A second signal ends the process at once with 130 or 143, whatever is open. Whoever was told
    to stop and hangs, even with a blocked event loop, ends with 70 when the time is over.

    With a parent, SIGTERM tells to stop however often it comes, and SIGINT nothing, because a
    terminal sends it to every process and the parent passes it on. Without its parent the process
    stops.

    Args:
        app: A loaded application without problems.
        announce: Called when everything has started.
        parent: The id of the process that started this one to serve, and supervises it.
        beat: Called every half second for as long as the event loop turns.

    Raises:
        BootError: It did not start; whatever had started was stopped.
    """
    limit = app.grace_seconds + OVERTIME_SECONDS
    service = _Service(app, announce, parent, beat)
    runner = asyncio.Runner(loop_factory=loop_factory())
    code = EXIT_SOFTWARE
    try:
        # The loop is made here, and not by `run`, which would put its own handler on SIGINT.
        loop = runner.get_loop()
        with StopSignals(loop, service.stop, limit_seconds=limit, parent=parent):
            loop.run_until_complete(service.run())
        code = 0
    finally:
        # Closing waits for tasks and threads, and some of them may never end.
        with Limit(LEAVE_SECONDS, code):
            runner.close()
    return code


class _Service:
    """The life of an application in this process, from its start to its stop."""

    def __init__(
        self,
        app: Application,
        announce: Callable[[], None],
        parent: int | None,
        beat: Callable[[], None],
    ) -> None:
        self._app = app
        self._announce = announce
        self._parent = parent
        self._beat = beat
        self._stopping = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None

    def stop(self, number: int) -> None:
        self._end(f"on {signal.Signals(number).name}")

    async def run(self) -> None:
        beating = asyncio.create_task(self._beat_on())
        try:
            self._starting = asyncio.create_task(self._app.start())
            if self._stopping.is_set():
                self._starting.cancel()
            try:
                await self._starting
            except asyncio.CancelledError:
                return
            self._announce()
            await self._stopping.wait()
            await self._app.stop()
        finally:
            beating.cancel()

    def _end(self, why: str) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        logger.info("stopping %s", why)
        if self._starting is not None:
            # Whatever started already is stopped by the lifecycle, in order.
            self._starting.cancel()

    async def _beat_on(self) -> None:
        while True:
            self._beat()
            if self._parent is None:
                return
            if os.getppid() != self._parent:
                self._end("because the process that started this one is gone")
            await asyncio.sleep(BEAT_SECONDS)


class StopSignals:
    """Tells an event loop of the first signal to stop; a second one ends the process at once.

    The handlers are the interpreter's own and not the loop's, so that they run even if the loop
    is kept by somebody who forgot to await.

    Args:
        loop: Where `told` is called, with the number of the signal.
        told: What to do.
        limit_seconds: After how long the process is ended with 70; `None`: never.
        parent: As in `serve`.
        exit_now: What to do on a second signal; where left out, end the process.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        told: Callable[[int], object],
        *,
        limit_seconds: float | None = None,
        parent: int | None = None,
        exit_now: Callable[[int], object] | None = None,
    ) -> None:
        self._at_once = exit_now
        self._loop = loop
        self._told = told
        self._limit_seconds = limit_seconds
        self._limit: Limit | None = None
        # Not that of the call which a signal happens to interrupt.
        self._context = contextvars.copy_context()
        self._parent = parent
        self._before: dict[int, Any] = {}
        #: The signal that came first.
        self.received: int | None = None

    def __enter__(self) -> StopSignals:
        for number in STOP_SIGNALS:
            is_ours = self._parent is None or number == signal.SIGTERM
            handler = self._handle if is_ours else signal.SIG_IGN
            self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self._limit is not None:
            self._limit.cancel()

    def _handle(self, number: int, frame: object) -> None:
        if self.received is not None:
            if self._parent is None:
                (self._at_once or exit_now)(number)
            return
        self.received = number
        if self._limit_seconds is not None:
            self._limit = Limit(self._limit_seconds, EXIT_SOFTWARE)
            self._limit.start()
        # A closed loop has nothing more to stop.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told, number, context=self._context)


class Limit:
    """Ends the process with an exit code after some time, whatever hangs, unless called off."""

    def __init__(self, seconds: float, code: int) -> None:
        self._seconds = seconds
        self._code = code
        # Held until it is called off. Of `_thread`, as is what waits for it: `threading` has locks
        # that the main thread may hold when a signal starts this.
        self._on = _thread.allocate_lock()
        self._on.acquire()

    def start(self) -> None:
        """Let the time run."""
        # Nobody waits for such a thread when the process ends.
        _thread.start_new_thread(self._wait, ())

    def cancel(self) -> None:
        """Let the process live."""
        if self._on.locked():
            self._on.release()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def _wait(self) -> None:
        if self._on.acquire(timeout=self._seconds):
            return
        # In a thread of its own, for the stream may be what hangs.
        _thread.start_new_thread(
            logger.error, ("something has not ended in %.1f s; ending without it", self._seconds)
        )
        time.sleep(TELL_SECONDS)
        os._exit(self._code)


def run_interruptible(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on an event loop of its own, and return what it returns.

    SIGINT and SIGTERM cancel it, so that whatever was begun is undone; then the process exits
    with 130 or 143. A second signal ends it at once.
    """
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)
        with StopSignals(loop, lambda _: task.cancel()) as signals:
            try:
                return loop.run_until_complete(task)
            except asyncio.CancelledError:
                sys.exit(128 + signals.received if signals.received is not None else 1)


def exit_now(number: int) -> None:
    """End the process now, with the exit code that shells give for the signal."""
    # Should the stream be what hangs.
    Limit(LEAVE_SECONDS, 128 + number).start()
    try:
        logger.warning("second %s: ending at once", signal.Signals(number).name)
        logging.shutdown()
        sys.stdout.flush()
    finally:
        # Even if the signal came while one of these streams was written to.
        os._exit(128 + number)


def exit_soon(code: int) -> NoReturn:
    """End the process with an exit code, and wait for its other threads no longer than a second."""
    Limit(LEAVE_SECONDS, code).start()
    sys.exit(code)
