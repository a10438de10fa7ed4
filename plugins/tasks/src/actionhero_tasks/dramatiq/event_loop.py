"""`ApplicationLoop`: the event loop of the application, for asynchronous actors of dramatiq."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread

from actionhero_tasks.dramatiq.messages import current_message

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from actionhero_tasks.dramatiq.messages import JobMessage

Result = TypeVar("Result")

logger = logging.getLogger("actionhero.tasks")


class ApplicationLoop(EventLoopThread):
    """Runs coroutines on the event loop of the application, for threads that wait for them.

    Created on the event loop, and installed as dramatiq's until `remove`. The middleware `AsyncIO`
    is not needed; if it is added, asynchronous actors run on its event loop.

    Args:
        loop: The running event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logger)
        # The base class has created one of its own.
        self.loop.close()
        self.loop = loop
        self._thread_id = threading.get_ident()
        self._previous = get_event_loop_thread()
        set_event_loop_thread(self)

    def remove(self) -> None:
        """Restore the event loop of dramatiq."""
        if get_event_loop_thread() is self:
            set_event_loop_thread(self._previous)

    def start(self, *, timeout: float | None = None) -> None:
        """Do nothing: the loop runs."""

    def stop(self) -> None:
        """Do nothing: the application stops its loop."""

    def join(self, timeout: float | None = None) -> None:
        """Do nothing: the thread is not this one."""

    def run_coroutine(self, coro: Awaitable[Result]) -> Result:
        """Run a coroutine on the event loop, and wait for it in another thread.

        A middleware that interrupts the thread, such as that of time limits, cancels it.

        Raises:
            RuntimeError: It is called on the event loop, which would wait for itself.
        """
        if threading.get_ident() == self._thread_id:
            closeable: Any = coro
            closeable.close()
            raise RuntimeError(
                "an actor of an action or an asynchronous one cannot be called on the event loop; "
                "use actor.send, or await the function itself"
            )
        message = current_message.get()
        if message is not None:
            coro = self._cancellable(coro, message)
        result: Result = super().run_coroutine(coro)
        return result

    async def _cancellable(self, coro: Awaitable[Result], message: JobMessage) -> Result:
        """Await a coroutine of a job, until the cancellation of the job is requested."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it is a coroutine of the event loop

        def cancel() -> None:
            # Once only: the coroutine may still await its end.
            if not task.cancelling():
                task.cancel()

        message.on_cancel = lambda: self.loop.call_soon_threadsafe(cancel)
        try:
            if message.is_cancelled:
                cancel()
            return await coro
        finally:
            message.on_cancel = lambda: None
