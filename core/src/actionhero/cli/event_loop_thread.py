"""`EventLoopThread`: the event loop of `actionhero shell`."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class EventLoopThread:
    """An event loop in a thread of its own, so that Ctrl+C reaches the prompt in the main thread.

    It is a context manager, at whose end the remaining tasks are cancelled.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._serve, name="event loop", daemon=True)
        self._started = threading.Event()

    def __enter__(self) -> EventLoopThread:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine, and return its result.

        Ctrl+C cancels it, and waits until it has ended, for example has rolled back a transaction.
        """
        tasks: list[asyncio.Task[Any]] = []
        done: Future[asyncio.Task[Any]] = Future()

        def start() -> None:
            task = self._loop.create_task(coroutine)
            tasks.append(task)
            task.add_done_callback(done.set_result)

        self._loop.call_soon_threadsafe(start)
        try:
            return done.result().result()
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            done.result()
            raise

    def _serve(self) -> None:
        with self._runner:
            self._loop = self._runner.get_loop()
            asyncio.set_event_loop(self._loop)
            self._started.set()
            self._loop.run_forever()
