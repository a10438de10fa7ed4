"""`serve` and `run_interruptible`: run an event loop until a stop signal."""

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

from actionhero.process.forced_exit import call_functions
from actionhero.process.parent import stop_after_parent
from actionhero.process.signal_handlers import forget_handler, use_handler
from actionhero.settings import ProcessSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actionhero.application import Application

Result = TypeVar("Result")

logger = logging.getLogger("actionhero.process")

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: Sent by a terminal that closes, perhaps twice. Windows does not have it.
_HANGUP: Final[int | None] = getattr(signal, "SIGHUP", None)
#: The time limit of the shutdown after the grace period.
SHUTDOWN_MARGIN_SECONDS: Final = 4.5
#: The time limit for pending tasks and threads after the shutdown.
EXIT_SECONDS: Final = 1.0
#: The time limit for the log line of a forced exit.
LOG_SECONDS: Final = 0.3
#: The time limit for the functions that are called before a forced exit.
EXIT_FUNCTION_SECONDS: Final = 0.45
#: sysexits.h: `EX_SOFTWARE`.
EXIT_SOFTWARE: Final = 70
#: How often a process with a parent checks that the parent is alive, and calls `heartbeat`.
HEARTBEAT_SECONDS: Final = 0.5


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop if it is installed, else `None`: that of asyncio."""
    try:
        import uvloop  # noqa: PLC0415 - a dependency of servers, not of core
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def serve(
    app: Application,
    announce: Callable[[], None] = lambda: None,
    *,
    parent: int | None = None,
    heartbeat: Callable[[], None] = lambda: None,
) -> int:
    """Start `app`, serve until SIGINT, SIGTERM or SIGHUP, stop, and return the exit code: 0.

    A `KeyboardInterrupt` or `SystemExit` that code of the application raises stops it in the same
    way. A second SIGINT or SIGTERM exits immediately with 130 or 143. A process that hangs during
    the shutdown, even with a blocked event loop, exits with 70 after the time limit.

    With a parent, a second SIGTERM has no effect. SIGINT and SIGHUP are ignored: a terminal sends
    them to every process, and the parent forwards them. If the parent ends, the process stops. A
    SIGHUP that `nohup` ignores stays so.

    Args:
        app: A loaded application without problems.
        announce: Called after the start.
        parent: The id of the supervising process that started this one, from `parent_id`.
        heartbeat: Called every half second while the event loop is not blocked.

    Raises:
        BootError: The start failed, and the application was stopped.
    """
    limit = app.grace_seconds + SHUTDOWN_MARGIN_SECONDS
    service = _Service(app, announce, parent, heartbeat)
    runner = asyncio.Runner(loop_factory=loop_factory())
    code = EXIT_SOFTWARE
    try:
        # `runner.run` is not used, because it would replace the handler of SIGINT.
        loop = runner.get_loop()
        with StopSignals(loop, service.stop, limit_seconds=limit, parent=parent):
            _run_to_the_end(loop, loop.create_task(service.run()), service.interrupt)
        code = 0
    finally:
        # Closing waits for tasks and threads, which may never end.
        with ExitTimer(EXIT_SECONDS, code):
            runner.close()
    return code


def _run_to_the_end(
    loop: asyncio.AbstractEventLoop,
    task: asyncio.Task[Result],
    on_interrupt: Callable[[BaseException], object],
) -> Result:
    """Run `task` until it is done, and return its result.

    An event loop stops at a `KeyboardInterrupt` or a `SystemExit` of any task or callback. It is
    started again, so that `task` can end in order.

    Args:
        loop: The event loop.
        task: The task, which ends soon after `on_interrupt`.
        on_interrupt: Called with such an error.
    """
    while True:
        try:
            return loop.run_until_complete(task)
        except (KeyboardInterrupt, SystemExit) as error:
            if task.done():
                raise
            on_interrupt(error)


class _Service:
    """Runs an application from its start to its stop."""

    def __init__(
        self,
        app: Application,
        announce: Callable[[], None],
        parent: int | None,
        heartbeat: Callable[[], None],
    ) -> None:
        self._app = app
        self._announce = announce
        self._parent = parent
        self._heartbeat = heartbeat
        self._stopping = asyncio.Event()
        self._start_task: asyncio.Task[None] | None = None

    def stop(self, number: int) -> None:
        self._stop(f"on {signal.Signals(number).name}")

    def interrupt(self, error: BaseException) -> None:
        self._stop(f"because a task has raised {type(error).__name__}")

    async def run(self) -> None:
        if self._parent is not None and not stop_after_parent(self._parent):
            self._stop("because the parent process has ended")
            return
        heartbeat_task = asyncio.create_task(self._send_heartbeats())
        try:
            self._start_task = asyncio.create_task(self._app.start())
            if self._stopping.is_set():
                self._start_task.cancel()
            try:
                await self._start_task
            except asyncio.CancelledError:
                return
            self._announce()
            with _blocking_monitor(self._app):
                await self._stopping.wait()
            await self._app.stop()
        finally:
            heartbeat_task.cancel()

    def _stop(self, reason: str) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        logger.info("stopping %s", reason)
        if self._start_task is not None:
            # The lifecycle stops the parts that have started.
            self._start_task.cancel()

    async def _send_heartbeats(self) -> None:
        while True:
            self._heartbeat()
            if self._parent is None:
                return
            if os.getppid() != self._parent:
                self._stop("because the parent process has ended")
            await asyncio.sleep(HEARTBEAT_SECONDS)


def _blocking_monitor(app: Application) -> contextlib.AbstractContextManager[object]:
    seconds = app.get(ProcessSettings).blocking_seconds(app.environment)
    if not seconds:
        return contextlib.nullcontext()
    from actionhero.process.blocking import BlockingMonitor  # noqa: PLC0415 - not in production

    return BlockingMonitor(app, asyncio.get_running_loop(), seconds)


class StopSignals:
    """Handles stop signals: the first one calls `on_stop`, a second one exits immediately.

    They are SIGINT, SIGTERM and, unless something else handles or ignores it, SIGHUP, of which a
    second one is ignored.

    The handlers are registered with the interpreter instead of the event loop, so that they run
    even if the event loop is blocked.

    Args:
        loop: The event loop that calls `on_stop`.
        on_stop: Called with the number of the first signal.
        limit_seconds: The time after which the process exits with 70; `None`: never.
        parent: As in `serve`.
        exit_now: Called with the number of a second signal. Defaults to `exit_now`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_stop: Callable[[int], object],
        *,
        limit_seconds: float | None = None,
        parent: int | None = None,
        exit_now: Callable[[int], object] | None = None,
    ) -> None:
        self._exit_now = exit_now
        self._loop = loop
        self._on_stop = on_stop
        self._limit_seconds = limit_seconds
        self._timer: ExitTimer | None = None
        # Not the context of the code that the signal interrupts.
        self._context = contextvars.copy_context()
        self._parent = parent
        self._previous_handlers: dict[int, Any] = {}
        #: The first signal.
        self.received: int | None = None

    def __enter__(self) -> StopSignals:
        for number in _stop_signals():
            self._previous_handlers[number] = signal.getsignal(number)
            if self._parent is None or number == signal.SIGTERM:
                use_handler(number, self._handle)
            else:
                signal.signal(number, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        forget_handler(self._handle)
        if self._timer is not None:
            self._timer.cancel()

    def _handle(self, number: int, frame: object) -> None:
        if self.received is not None:
            if self._parent is None and number != _HANGUP:
                (self._exit_now or exit_now)(number)
            return
        self.received = number
        if self._limit_seconds is not None:
            self._timer = ExitTimer(self._limit_seconds, EXIT_SOFTWARE)
            self._timer.start()
        # After the loop was closed there is nothing to stop.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._on_stop, number, context=self._context)


def _stop_signals() -> tuple[int, ...]:
    if _HANGUP is None or signal.getsignal(_HANGUP) is not signal.SIG_DFL:
        return STOP_SIGNALS
    return (*STOP_SIGNALS, _HANGUP)


class ExitTimer:
    """Exits the process with a code after some time, even if it hangs, unless it is cancelled."""

    def __init__(self, seconds: float, code: int) -> None:
        self._seconds = seconds
        self._code = code
        # Locked until the timer is cancelled. `threading` is not used, because the main thread may
        # hold one of its locks when a signal handler starts the timer.
        self._pending = _thread.allocate_lock()
        self._pending.acquire()

    def start(self) -> None:
        """Start the timer."""
        # The interpreter does not wait for such a thread at exit.
        _thread.start_new_thread(self._wait, ())

    def cancel(self) -> None:
        """Cancel the timer."""
        if self._pending.locked():
            self._pending.release()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def _wait(self) -> None:
        if self._pending.acquire(timeout=self._seconds):
            return
        # In another thread, because the stream of the log may be blocked.
        _thread.start_new_thread(
            logger.error, ("shutdown did not finish within %.1f s; exiting", self._seconds)
        )
        time_logged = time.monotonic() + LOG_SECONDS
        call_functions(EXIT_FUNCTION_SECONDS)
        time.sleep(max(time_logged - time.monotonic(), 0))
        os._exit(self._code)


def run_interruptible(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on an event loop of its own, and return its result.

    SIGINT, SIGTERM and SIGHUP cancel it. Then the process exits with 130, 143 or 129. A second one
    exits immediately. A `KeyboardInterrupt` that `work` raises is handled like SIGINT.
    """
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)
        with StopSignals(loop, lambda _: task.cancel()) as signals:
            try:
                return _run_to_the_end(loop, task, lambda _: task.cancel())
            except asyncio.CancelledError:
                sys.exit(128 + signals.received if signals.received is not None else 1)
            except KeyboardInterrupt:
                sys.exit(128 + signal.SIGINT)


def exit_now(number: int) -> None:
    """Exit immediately, with the exit code of a signal."""
    # In case that a stream is blocked.
    ExitTimer(EXIT_SECONDS, 128 + number).start()
    try:
        logger.warning("second %s: exiting immediately", signal.Signals(number).name)
        call_functions(EXIT_FUNCTION_SECONDS)
        logging.shutdown()
        sys.stdout.flush()
    finally:
        # Also if the signal interrupted a write to one of these streams.
        os._exit(128 + number)


def exit_soon(code: int) -> NoReturn:
    """Exit with a code, and wait at most a second for other threads."""
    ExitTimer(EXIT_SECONDS, code).start()
    sys.exit(code)
