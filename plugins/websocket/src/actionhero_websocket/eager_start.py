"""`start_eagerly`: coroutines that start immediately, and become a task only if they wait."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

if sys.version_info >= (3, 12):

    def start_eagerly(
        coroutine: Coroutine[Any, Any, Result], loop: asyncio.AbstractEventLoop
    ) -> Result | asyncio.Task[Result]:
        """Run `coroutine` up to its first suspension.

        The coroutine runs as in its own task: with its own context, a current task, and
        cancellation.

        Args:
            coroutine: A coroutine that has not started.
            loop: The running event loop.

        Returns:
            The result; if the coroutine suspends or raises, the task that will have it.
        """
        task = asyncio.Task(coroutine, loop=loop, eager_start=True)
        # Not `exception()`: the event loop must still report an exception that is never retrieved.
        if task.done() and not task.cancelled() and task._exception is None:
            return task.result()
        return task


else:
    from asyncio.tasks import _current_tasks  # type: ignore[attr-defined]

    class _Continuation(Coroutine[Any, Any, Any]):
        """A coroutine whose first step has run, as the task that continues it drives it."""

        __slots__ = ("coroutine", "error", "future")

        def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
            self.coroutine = coroutine
            #: The future that the first step waits for, until the task has received it.
            self.future: asyncio.Future[Any] | None = None
            #: The exception that ended the coroutine in its first step.
            self.error: BaseException | None = None

        def send(self, value: Any) -> Any:
            if self.future is not None:
                future, self.future = self.future, None
                return future
            if self.error is not None:
                raise self.error
            return self.coroutine.send(value)

        def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
            if self.future is not None:
                future, self.future = self.future, None
                # As a task that is cancelled while it waits.
                if future.cancel(*getattr(error, "args", ())[:1]):
                    return future
            if self.error is not None:
                raise error
            return self.coroutine.throw(error)

        def close(self) -> None:
            self.coroutine.close()

        def __await__(self) -> Any:
            return self.coroutine.__await__()

        def __getattr__(self, name: str) -> Any:
            # For debuggers: `cr_frame` and so on.
            return getattr(self.coroutine, name)

    class Task(asyncio.Task[Any]):
        """A task that may be initialized after its coroutine has started."""

        # Not `_state`, which is an attribute of futures.
        __slots__ = ("_lazy_state",)
        #: Its coroutine, event loop and context; once initialized, its `_Continuation`.
        _lazy_state: Any

    class _LazyTask(Task):
        """A task that is not initialized before its first use; until then it costs only memory.

        Most calls end with their first step, and need a task only so that
        `asyncio.current_task()` returns one that no other call has. Any access to an attribute,
        by a timeout for example, turns it into an ordinary task.
        """

        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            _initialize(self)
            return getattr(self, name)

    _new: Final[Callable[[type[Task]], Task]] = Task.__new__
    _enter, _leave = asyncio._enter_task, asyncio._leave_task
    #: Reads the attribute without `__getattribute__`, which would initialize the task.
    _get_state: Final[Any] = Task.__dict__["_lazy_state"].__get__

    def _initialize(task: Task) -> _Continuation:
        """Turn `task` into an ordinary task, and return the continuation of its coroutine."""
        coroutine, loop, context = _get_state(task)
        continuation = _Continuation(coroutine)
        # In place of the three, which the task stores from now on.
        task._lazy_state = continuation
        object.__setattr__(task, "__class__", Task)
        Task.__init__(task, continuation, loop=loop, context=context)
        return continuation

    def start_eagerly(
        coroutine: Coroutine[Any, Any, Result], loop: asyncio.AbstractEventLoop
    ) -> Result | asyncio.Task[Result]:
        """Run `coroutine` up to its first suspension.

        The coroutine runs as in its own task: with its own context, a current task, and
        cancellation.

        Args:
            coroutine: A coroutine that has not started.
            loop: The running event loop.

        Returns:
            The result; if the coroutine suspends or raises, the task that will have it.
        """
        if loop in _current_tasks:
            return loop.create_task(coroutine)
        context = copy_context()
        task: Task = _new(_LazyTask)
        task._lazy_state = coroutine, loop, context
        _enter(loop, task)
        future: asyncio.Future[Any] | None = None
        error: BaseException | None = None
        try:
            future = context.run(coroutine.send, None)
        except StopIteration as stop:
            if type(task) is not _LazyTask:
                # The task is in use, and must complete.
                _get_state(task).error = stop
            result: Result = stop.value
            return result
        except BaseException as raised:  # noqa: BLE001 - the task raises it
            error = raised
        finally:
            _leave(loop, task)
        continuation: _Continuation = (
            _initialize(task) if type(task) is _LazyTask else _get_state(task)
        )
        continuation.future = future
        continuation.error = error
        return task
