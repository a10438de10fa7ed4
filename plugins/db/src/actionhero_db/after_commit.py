"""`AfterCommitRunner`: sends the messages of a committed transaction, and runs its callbacks."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from typing import TYPE_CHECKING, Any, Final

from actionhero import Call
from actionhero.transport import ends_task, report_exception, request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero import OutboxMessage

    #: Sends messages of the outbox, with their topics.
    Deliver = Callable[[Sequence[tuple[str, OutboxMessage]]], Awaitable[None]]

logger = logging.getLogger("actionhero.db")

#: How long callbacks may continue after their call was cancelled.
CANCELLED_SECONDS: Final = 30.0
#: How long they may continue after that, until the cancellation reaches them.
END_SECONDS: Final = 1.0


class AfterCommitRunner:
    """Runs what follows a commit to its end, although the call is cancelled.

    The call waits for it, so it is one of the open calls that a shutdown waits for.
    """

    def __init__(self) -> None:
        #: Sends messages of the outbox; `None`: there is no outbox.
        self.deliver: Deliver | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(
        self,
        messages: Sequence[tuple[str, OutboxMessage]],
        callbacks: Sequence[Callable[[], Any]],
        cancelled: asyncio.CancelledError | None = None,
    ) -> None:
        """Send messages, then run callbacks one after the other. Their errors are logged only.

        Args:
            messages: The messages, with their topics.
            callbacks: The callbacks.
            cancelled: A cancellation of the current task that was received before.

        Raises:
            asyncio.CancelledError: The current task was cancelled. It is raised once the callbacks
                have ended; after `CANCELLED_SECONDS` they are cancelled too.
        """
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._run(messages, callbacks))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        deadline = None if cancelled is None else loop.time() + CANCELLED_SECONDS
        while not task.done():
            remaining_seconds = None if deadline is None else deadline - loop.time()
            if remaining_seconds is not None and remaining_seconds <= 0:
                logger.error(
                    "after_commit callbacks still ran %g s after their call was cancelled; "
                    "cancelling them",
                    CANCELLED_SECONDS,
                )
                task.cancel()
                remaining_seconds = END_SECONDS
            try:
                await asyncio.wait({task}, timeout=remaining_seconds)
            except asyncio.CancelledError as error:
                cancelled = error
                if deadline is None:
                    deadline = loop.time() + CANCELLED_SECONDS
            else:
                if task.cancelling():
                    break
        if cancelled is not None:
            raise cancelled

    def close(self) -> None:
        """Cancel what still runs, at the end of a shutdown."""
        for task in tuple(self._tasks):
            logger.error("an after_commit callback still runs at the end of the shutdown")
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def _run(
        self,
        messages: Sequence[tuple[str, OutboxMessage]],
        callbacks: Sequence[Callable[[], Any]],
    ) -> None:
        if messages and self.deliver is not None:
            await self.deliver(messages)
        for callback in callbacks:
            await run_callback(callback)


async def run_callback(callback: Callable[[], Any]) -> None:
    """Run a callback after a commit. A failure is logged only: the data is committed."""
    try:
        result = callback()
        if inspect.isawaitable(result):
            await result
    except BaseException as error:
        if ends_task(error):
            raise
        # One that is not an `Exception` would drop the other callbacks, too.
        logger.exception(
            "the after_commit callback %s failed: %s: %s",
            _description(callback),
            type(error).__name__,
            error,
        )
        report_exception(error, "a callback after a commit")


def _description(callback: Callable[[], Any]) -> str:
    """Return the name, the place and the action of a callback, for a log line."""
    function: Any = callback
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", type(function).__qualname__)
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    call = request_id.source()
    action = f" of action {call.action.name!r}" if isinstance(call, Call) else ""
    return f"{name!r}{place}{action}"
