"""Coroutines that begin at once: inside, all is as in a task of their own."""

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


async def from_outside(start: Callable[[asyncio.AbstractEventLoop], Result]) -> Result:
    """Call `start` as the event loop calls what reads a socket: in no task."""
    loop = asyncio.get_running_loop()
    started: asyncio.Future[Result] = loop.create_future()

    def call() -> None:
        started.set_result(start(loop))

    loop.call_soon(call)
    return await started


async def nobody_else_is_left() -> bool:
    """Return whether the task that asks is the only one, once the others had their turn."""
    for _ in range(3):
        await asyncio.sleep(0)
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_need_not_wait_has_ended_when_begin_returns() -> None:
    """No task is made of it, and nothing is left."""
    seen: list[str] = []

    async def work() -> str:
        seen.append("done")
        return "value"

    begun = await from_outside(lambda loop: start_eagerly(work(), loop))

    assert begun == "value"
    assert seen == ["done"]
    assert await nobody_else_is_left()


async def test_what_need_not_wait_may_ask_its_task_for_something() -> None:
    """It ends like any other then, and the task with it."""
    tasks: list[asyncio.Task[Any] | None] = []

    async def work() -> str:
        task = asyncio.current_task()
        tasks.append(task)
        return task.get_name() if task is not None else "none"

    begun = await from_outside(lambda loop: start_eagerly(work(), loop))

    (task,) = tasks
    assert task is not None
    assert begun == task.get_name() == await task
    assert await nobody_else_is_left()


async def test_what_waits_goes_on_in_a_task() -> None:
    """It is the one that it was in from its beginning."""
    event = asyncio.Event()
    seen: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        await event.wait()
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    task = await from_outside(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    event.set()
    await task

    assert seen == [task, task, task]
    assert await nobody_else_is_left()


async def test_a_bare_pause_is_a_wait_like_any_other() -> None:
    """`asyncio.sleep(0)` lets others go first."""
    seen: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        seen.append("work")

    def begin_and_go_on(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        task = start_eagerly(work(), loop)
        seen.append("others")
        return task

    task = await from_outside(begin_and_go_on)
    assert task is not None
    await task

    assert seen == ["others", "work"]


async def test_no_two_are_in_the_same_task() -> None:
    """What somebody keeps by task, such as a connection of a database, is kept for one alone."""
    seen: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        seen.append(asyncio.current_task())

    def begin_two(loop: asyncio.AbstractEventLoop) -> None:
        start_eagerly(work(), loop)
        start_eagerly(work(), loop)

    await from_outside(begin_two)

    one, other = seen
    assert isinstance(one, asyncio.Task)
    assert one is not other


async def test_each_has_a_context_of_its_own() -> None:
    """What it sets stays, while it waits too, and is gone with it."""
    event = asyncio.Event()
    seen: list[str] = []

    async def work(name: str) -> None:
        seen.append(color.get())
        color.set(name)
        await event.wait()
        seen.append(color.get())

    def begin_two(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[None] | None]:
        tasks = [start_eagerly(work("red"), loop), start_eagerly(work("blue"), loop)]
        seen.append(color.get())
        return tasks

    tasks = await from_outside(begin_two)
    event.set()
    await asyncio.gather(*(task for task in tasks if task is not None))

    assert seen == ["none", "none", "none", "red", "blue"]


async def test_a_time_limit_inside_holds() -> None:
    """Libraries set their own, and ask for the task."""
    seen: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append("too late")

    task = await from_outside(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    await task

    assert seen == ["too late"]


async def test_a_group_of_tasks_inside_works() -> None:
    """It asks for the task that it is in."""
    seen: list[int] = []

    async def member(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(member(number))

    task = await from_outside(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    await task

    assert seen == [0, 1, 2]


async def test_a_cancellation_at_once_reaches_what_is_awaited() -> None:
    """Even before the event loop had another turn: a client may be gone that soon."""
    seen: list[Any] = []

    async def inner() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("inner")
            raise

    inner_task = asyncio.create_task(inner())
    await asyncio.sleep(0)

    async def work() -> None:
        try:
            await inner_task
        except asyncio.CancelledError as error:
            seen.append(error.args)
            raise

    def begin_and_cancel(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        task = start_eagerly(work(), loop)
        assert task is not None
        task.cancel("gone")
        return task

    task = await from_outside(begin_and_cancel)
    assert task is not None
    with pytest.raises(asyncio.CancelledError):
        await task

    assert seen == ["inner", ("gone",)]
    assert inner_task.cancelled()
    assert await nobody_else_is_left()


async def test_a_cancellation_while_it_waits_can_be_caught() -> None:
    """And taken back, as in any task."""
    seen: list[int] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(task.cancelling())
            seen.append(task.uncancel())

    task = await from_outside(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    task.cancel()
    await task

    assert seen == [1, 0]


async def test_who_cancels_itself_hears_of_it_at_its_next_wait() -> None:
    """Not before, and not never."""
    seen: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        seen.append("still here")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    task = await from_outside(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    with pytest.raises(asyncio.CancelledError):
        await task

    assert seen == ["still here", "cancelled"]


async def test_who_cancels_itself_and_ends_leaves_nothing() -> None:
    """There is nothing left to cancel."""

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    await from_outside(lambda loop: start_eagerly(work(), loop))

    assert await nobody_else_is_left()


@pytest.mark.parametrize("waits", [False, True])
async def test_an_error_is_told_like_that_of_any_task(waits: bool) -> None:
    """Whoever begins a coroutine does not meet it; the event loop does."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told_: told.append(told_))

    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise ValueError("expected")

    await from_outside(lambda loop: start_eagerly(work(), loop))
    for _ in range(4):
        await asyncio.sleep(0)
    # It is told when nobody can ask for it any more.
    gc.collect()

    assert [str(each["exception"]) for each in told] == ["expected"]
    assert told[0]["message"] == "Task exception was never retrieved"


async def test_inside_of_a_task_it_is_in_a_task_of_its_own_too() -> None:
    """Whoever begins it stays in theirs."""
    seen: list[asyncio.Task[Any] | None] = []
    mine = asyncio.current_task()

    async def work() -> None:
        seen.append(asyncio.current_task())

    task = start_eagerly(work(), asyncio.get_running_loop())
    assert asyncio.current_task() is mine
    if task is not None:
        await task

    assert len(seen) == 1
    assert seen[0] is not mine


async def test_a_task_can_be_looked_at_from_inside_and_from_outside() -> None:
    """By whoever wants to know where it stands."""
    seen: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("at work")
        seen.append(task.get_name())
        await asyncio.Event().wait()

    task = await from_outside(lambda loop: start_eagerly(work(), loop))
    assert task is not None
    await asyncio.sleep(0)
    shown = repr(task)
    task.cancel()

    assert seen == ["at work"]
    assert "at work" in shown
    assert "work()" in shown
