"""`SingleThreadExecutor`: results, exceptions, cancellation and shutdown."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from actionhero_tasks.single_thread_executor import SingleThreadExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def executor() -> Iterator[SingleThreadExecutor]:
    executor = SingleThreadExecutor("executor")
    yield executor
    executor.shutdown()


async def test_results_and_exceptions_are_returned_to_the_caller(
    executor: SingleThreadExecutor,
) -> None:
    """All from one other thread."""
    names = await asyncio.gather(
        *(executor.run(lambda n=n: (n, threading.current_thread().name)) for n in range(50))  # type: ignore[misc]
    )
    with pytest.raises(ZeroDivisionError):
        await executor.run(lambda: 1 // 0)

    assert names == [(n, "executor") for n in range(50)]
    assert await executor.run(lambda: "still running") == "still running"


async def test_the_result_of_a_cancelled_call_is_discarded(executor: SingleThreadExecutor) -> None:
    """Its function runs to the end, and the next call is run."""
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(30)
        done.set()

    task = asyncio.create_task(executor.run(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()

    assert await executor.run(lambda: "next") == "next"
    assert done.is_set()


async def test_shutdown_runs_the_submitted_functions(executor: SingleThreadExecutor) -> None:
    """So a job that is enqueued while the process stops is stored."""
    done: list[int] = []
    tasks = [asyncio.create_task(executor.run(lambda n=n: done.append(n))) for n in range(5)]  # type: ignore[misc]
    await asyncio.sleep(0)

    await asyncio.to_thread(executor.shutdown)
    await asyncio.gather(*tasks)

    assert done == list(range(5))


def test_a_closed_event_loop_does_not_end_the_thread(executor: SingleThreadExecutor) -> None:
    """The next event loop can use it."""
    go = threading.Event()

    async def abandon() -> None:
        task = asyncio.create_task(executor.run(lambda: go.wait(30)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(abandon())
    go.set()

    async def call() -> str:
        return await executor.run(lambda: "result")

    assert asyncio.run(call()) == "result"
