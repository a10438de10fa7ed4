"""One process that serves until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actionhero.app import App

Result = TypeVar("Result")

logger = logging.getLogger("actionhero.process")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes event loops: uvloop where it is installed, else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - brought by a server's package, not by core
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def serve(app: App, announce: Callable[[], None] = lambda: None) -> int:
    """Start `app`, serve until SIGINT or SIGTERM, stop, and return the exit code: 0.

    A second signal ends the process at once with 130 or 143, whatever is open.

    Args:
        app: A loaded application without problems.
        announce: Called when everything has started.

    Raises:
        BootError: It did not start; whatever had started was stopped.
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        # The loop is made here, and not by `run`, which would put its own handler on SIGINT.
        loop = runner.get_loop()
        return loop.run_until_complete(_serve(app, announce))


async def _serve(app: App, announce: Callable[[], None]) -> int:
    stopping = asyncio.Event()
    starting = asyncio.ensure_future(app.start())

    def told(number: int) -> None:
        if stopping.is_set():
            at_once(number)
        stopping.set()
        logger.info("stopping on %s", signal.Signals(number).name)
        # Whatever started already is stopped by the lifecycle, in order.
        starting.cancel()

    _listen(told)
    try:
        await starting
    except asyncio.CancelledError:
        return 0
    announce()
    await stopping.wait()
    await app.stop()
    return 0


def run_interruptible(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on an event loop of its own, and return what it returns.

    SIGINT and SIGTERM cancel it, so that whatever was begun is undone; then the process exits
    with 130 or 143. A second signal ends it at once.
    """
    received: list[int] = []

    async def interruptible() -> Result:
        task = asyncio.ensure_future(work)

        def told(number: int) -> None:
            if received:
                at_once(number)
            received.append(number)
            task.cancel()

        _listen(told)
        return await task

    with asyncio.Runner() as runner:
        try:
            return runner.get_loop().run_until_complete(interruptible())
        except asyncio.CancelledError:
            sys.exit(128 + received[0] if received else 1)


def at_once(number: int) -> None:
    """End the process now, with the exit code that shells give for the signal."""
    logger.warning("second %s: ending at once", signal.Signals(number).name)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(128 + number)


def _listen(told: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        try:
            loop.add_signal_handler(number, told, number)
        except NotImplementedError:
            # Windows: the loop has no such thing, the interpreter has.
            def handler(number: int, frame: Any) -> None:
                loop.call_soon_threadsafe(told, number)

            signal.signal(number, handler)
