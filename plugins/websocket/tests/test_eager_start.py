"""`start_eagerly`: a coroutine runs as in its own task."""

from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from actionhero_websocket.eager_start import start_eagerly

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

color: ContextVar[str] = ContextVar("color", default="none")


async def in_callback(start: Callable[[asyncio.AbstractEventLoop], Result]) -> Result:
    """Call `start` in a callback of the event loop, without a current task."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Result] = loop.create_future()

    def callback() -> None:
        result.set_result(start(loop))

    loop.call_soon(callback)
    return await result


async def no_other_task_is_left() -> bool:
    """Return whether the current task is the only one, after three iterations of the loop."""
    for _ in range(3):
        await asyncio.sleep(0)
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_coroutine_without_suspension_returns_its_result() -> None:
    """No task is left."""
    trace: list[str] = []

    async def work() -> str:
        trace.append("done")
        return "value"

    result = await in_callback(lambda loop: start_eagerly(work(), loop))

    assert result == "value"
    assert trace == ["done"]
    assert await no_other_task_is_left()


async def test_a_coroutine_without_suspension_can_use_its_task() -> None:
    """The task completes with the coroutine."""
    tasks: list[asyncio.Task[Any] | None] = []

    async def work() -> str:
        task = asyncio.current_task()
        tasks.append(task)
        return task.get_name() if task is not None else "none"

    result = await in_callback(lambda loop: start_eagerly(work(), loop))

    (task,) = tasks
    assert task is not None
    assert result == task.get_name() == await task
    assert await no_other_task_is_left()


async def test_a_suspended_coroutine_continues_in_its_task() -> None:
    """The current task is the same from the start."""
    event = asyncio.Event()
    trace: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        trace.append(asyncio.current_task())
        await event.wait()
        trace.append(asyncio.current_task())
        await asyncio.sleep(0)
        trace.append(asyncio.current_task())

    task = await in_callback(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    event.set()
    await task

    assert trace == [task, task, task]
    assert await no_other_task_is_left()


async def test_sleep_zero_is_a_suspension() -> None:
    """Other callbacks run first."""
    trace: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        trace.append("work")

    def start_and_continue(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        task = start_eagerly(work(), loop)
        trace.append("caller")
        return task

    task = await in_callback(start_and_continue)
    assert task is not None
    await task

    assert trace == ["caller", "work"]


async def test_each_coroutine_has_its_own_task() -> None:
    """Libraries store state by task, such as a database connection."""
    trace: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        trace.append(asyncio.current_task())

    def start_two(loop: asyncio.AbstractEventLoop) -> None:
        start_eagerly(work(), loop)
        start_eagerly(work(), loop)

    await in_callback(start_two)

    one, other = trace
    assert isinstance(one, asyncio.Task)
    assert one is not other


async def test_each_coroutine_has_its_own_context() -> None:
    """Context variables persist across suspensions, and do not leak."""
    event = asyncio.Event()
    trace: list[str] = []

    async def work(name: str) -> None:
        trace.append(color.get())
        color.set(name)
        await event.wait()
        trace.append(color.get())

    def start_two(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[None] | None]:
        tasks = [start_eagerly(work("red"), loop), start_eagerly(work("blue"), loop)]
        trace.append(color.get())
        return tasks

    tasks = await in_callback(start_two)
    event.set()
    await asyncio.gather(*(task for task in tasks if task is not None))

    assert trace == ["none", "none", "none", "red", "blue"]


async def test_timeouts_work_inside() -> None:
    """`asyncio.timeout` uses the current task."""
    trace: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            trace.append("timed out")

    task = await in_callback(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    await task

    assert trace == ["timed out"]


async def test_task_groups_work_inside() -> None:
    """`asyncio.TaskGroup` uses the current task."""
    trace: list[int] = []

    async def member(number: int) -> None:
        await asyncio.sleep(0)
        trace.append(number)

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(member(number))

    task = await in_callback(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    await task

    assert trace == [0, 1, 2]


async def test_an_immediate_cancellation_reaches_the_awaited_future() -> None:
    """Before the next iteration of the event loop, as when a client disconnects."""
    trace: list[Any] = []

    async def inner() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            trace.append("inner")
            raise

    inner_task = asyncio.create_task(inner())
    await asyncio.sleep(0)

    async def work() -> None:
        try:
            await inner_task
        except asyncio.CancelledError as error:
            trace.append(error.args)
            raise

    def start_and_cancel(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        task = start_eagerly(work(), loop)
        assert task is not None
        task.cancel("disconnected")
        return task

    task = await in_callback(start_and_cancel)
    assert task is not None
    with pytest.raises(asyncio.CancelledError):
        await task

    assert trace == ["inner", ("disconnected",)]
    assert inner_task.cancelled()
    assert await no_other_task_is_left()


async def test_a_cancellation_can_be_caught() -> None:
    """And undone by `uncancel`."""
    trace: list[int] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            trace.append(task.cancelling())
            trace.append(task.uncancel())

    task = await in_callback(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    task.cancel()
    await task

    assert trace == [1, 0]


async def test_a_self_cancellation_is_raised_at_the_next_suspension() -> None:
    """Not earlier."""
    trace: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        trace.append("running")
        try:
            await asyncio.Event().wait()
        finally:
            trace.append("cancelled")

    task = await in_callback(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    with pytest.raises(asyncio.CancelledError):
        await task

    assert trace == ["running", "cancelled"]


async def test_a_self_cancellation_without_suspension_leaves_no_task() -> None:
    """The coroutine has ended already."""

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    await in_callback(lambda loop: start_eagerly(work(), loop))

    assert await no_other_task_is_left()


@pytest.mark.parametrize("suspends", [False, True])
async def test_an_exception_is_set_on_the_task(suspends: bool) -> None:
    """The event loop reports it if it is never retrieved."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))

    async def work() -> None:
        if suspends:
            await asyncio.sleep(0)
        raise ValueError("expected")

    await in_callback(lambda loop: start_eagerly(work(), loop))
    for _ in range(4):
        await asyncio.sleep(0)
    # It is reported when the task is deleted.
    gc.collect()

    assert [str(each["exception"]) for each in contexts] == ["expected"]
    assert contexts[0]["message"] == "Task exception was never retrieved"


async def test_within_a_task_the_coroutine_has_its_own_task() -> None:
    """The current task of the caller does not change."""
    trace: list[asyncio.Task[Any] | None] = []
    outer_task = asyncio.current_task()

    async def work() -> None:
        trace.append(asyncio.current_task())

    task = start_eagerly(work(), asyncio.get_running_loop())
    assert asyncio.current_task() is outer_task
    if task is not None:
        await task

    assert len(trace) == 1
    assert trace[0] is not outer_task


async def test_a_task_can_be_inspected() -> None:
    """From inside and from outside."""
    trace: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("worker")
        trace.append(task.get_name())
        await asyncio.Event().wait()

    task = await in_callback(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    await asyncio.sleep(0)
    text = repr(task)
    task.cancel()

    assert trace == ["worker"]
    assert "worker" in text
    assert "work()" in text
