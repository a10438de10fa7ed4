"""Coroutines that begin at once, and become a task only if they have to wait: `start_eagerly`."""

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
        """Run `coroutine` up to where it first waits.

        Inside, everything is as in a task of its own: the context, `asyncio.current_task()`,
        cancellation.

        Args:
            coroutine: One that was not begun yet.
            loop: The one that runs.

        Returns:
            What it returned; if it has to wait, or raised something, the task of which that
            will come.
        """
        task = asyncio.Task(coroutine, loop=loop, eager_start=True)
        # Not `exception()`: one that nobody asks for is told by the event loop.
        if task.done() and not task.cancelled() and task._exception is None:
            return task.result()
        return task


else:
    from asyncio.tasks import _current_tasks  # type: ignore[attr-defined]

    class _Rest(Coroutine[Any, Any, Any]):
        """A coroutine whose first step is taken, for the task that it goes on in."""

        __slots__ = ("coroutine", "raised", "waits_for")

        def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
            self.coroutine = coroutine
            #: What the first step waits for, until the task knows of it.
            self.waits_for: asyncio.Future[Any] | None = None
            #: How the first step ended, if the coroutine did with it.
            self.raised: BaseException | None = None

        def send(self, value: Any) -> Any:
            if self.waits_for is not None:
                waits_for, self.waits_for = self.waits_for, None
                return waits_for
            if self.raised is not None:
                raise self.raised
            return self.coroutine.send(value)

        def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
            if self.waits_for is not None:
                waits_for, self.waits_for = self.waits_for, None
                # As a task does it that is cancelled while it waits.
                if waits_for.cancel(*getattr(error, "args", ())[:1]):
                    return waits_for
            if self.raised is not None:
                raise error
            return self.coroutine.throw(error)

        def close(self) -> None:
            self.coroutine.close()

        def __await__(self) -> Any:
            return self.coroutine.__await__()

        def __getattr__(self, name: str) -> Any:
            # For whoever shows where a task stands: `cr_frame` and so on.
            return getattr(self.coroutine, name)

    class Task(asyncio.Task[Any]):
        """A task that was made late."""

        __slots__ = ("_late",)
        #: What it is made of: its coroutine, event loop and context; once made, what is left.
        _late: Any

    class _Unmade(Task):
        """A task as long as nobody asked it for anything: all that it costs is its memory.

        Most calls end with their first step, and have no use for a task but that
        `asyncio.current_task()` returns one, which no other call has. Whatever is asked of it,
        by a time limit for one, makes it a task like any other.
        """

        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            _make(self)
            return getattr(self, name)

    _new: Final[Callable[[type[Task]], Task]] = Task.__new__
    _enter, _leave = asyncio._enter_task, asyncio._leave_task
    #: Reads the attribute past `__getattribute__`.
    _late: Final[Any] = Task.__dict__["_late"].__get__

    def _make(task: Task) -> _Rest:
        """Make a task of `task`, and return what is left of its coroutine."""
        coroutine, loop, context = _late(task)
        rest = _Rest(coroutine)
        # In place of the three: the task keeps them from now on.
        task._late = rest
        object.__setattr__(task, "__class__", Task)
        Task.__init__(task, rest, loop=loop, context=context)
        return rest

    def start_eagerly(
        coroutine: Coroutine[Any, Any, Result], loop: asyncio.AbstractEventLoop
    ) -> Result | asyncio.Task[Result]:
        """Run `coroutine` up to where it first waits.

        Inside, everything is as in a task of its own: the context, `asyncio.current_task()`,
        cancellation.

        Args:
            coroutine: One that was not begun yet.
            loop: The one that runs.

        Returns:
            What it returned; if it has to wait, or raised something, the task of which that
            will come.
        """
        if loop in _current_tasks:
            return loop.create_task(coroutine)
        context = copy_context()
        task: Task = _new(_Unmade)
        task._late = coroutine, loop, context
        _enter(loop, task)
        waits_for: asyncio.Future[Any] | None = None
        raised: BaseException | None = None
        try:
            waits_for = context.run(coroutine.send, None)
        except StopIteration as ended:
            if type(task) is not _Unmade:
                # Whoever has asked the task for something may wait for it to end.
                _late(task).raised = ended
            returned: Result = ended.value
            return returned
        except BaseException as error:  # noqa: BLE001 - the task tells of it
            raised = error
        finally:
            _leave(loop, task)
        rest: _Rest = _make(task) if type(task) is _Unmade else _late(task)
        rest.waits_for = waits_for
        rest.raised = raised
        return task
