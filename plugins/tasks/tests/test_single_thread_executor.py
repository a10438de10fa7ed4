"""`SingleThreadExecutor`: results, exceptions, cancellation and shutdown."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from actionhero_tasks import single_thread_executor
from actionhero_tasks.single_thread_executor import SingleThreadExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def executor() -> Iterator[SingleThreadExecutor]:
    executor = SingleThreadExecutor("executor", ConnectionError)
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
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(30)
        done.set()

    task = asyncio.create_task(executor.run(work))
    await asyncio.to_thread(begun.wait, 30)
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


async def test_functions_of_cancelled_callers_are_not_called(
    executor: SingleThreadExecutor,
) -> None:
    """If they have not begun."""
    go = threading.Event()
    called: list[str] = []
    blocker = asyncio.create_task(executor.run(lambda: go.wait(30)))
    left = asyncio.create_task(executor.run(lambda: called.append("left")))
    waiting = asyncio.create_task(executor.run(lambda: called.append("waiting")))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    go.set()

    await asyncio.gather(blocker, waiting)

    assert called == ["waiting"]


async def test_calls_that_waited_fail_with_the_one_that_finds_the_service_unavailable(
    executor: SingleThreadExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of one timeout after the other. Calls that have just begun to wait try themselves."""
    go = threading.Event()
    called: list[str] = []

    def hang() -> None:
        called.append("hang")
        go.wait(30)
        raise ConnectionError("no reply")

    hanging = asyncio.create_task(executor.run(hang))
    early = [asyncio.create_task(executor.run(hang)) for _ in range(50)]
    await asyncio.sleep(0)
    # So that these have waited longer than the next one.
    monkeypatch.setattr(single_thread_executor, "WAIT_SECONDS", 0.0)
    while not called:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)
    go.set()

    errors = await asyncio.gather(hanging, *early, return_exceptions=True)

    assert [str(error) for error in errors] == ["no reply"] * 51
    assert len({id(error) for error in errors}) == 51
    assert called == ["hang"]
    assert await executor.run(lambda: "available again") == "available again"


async def test_other_exceptions_do_not_affect_waiting_calls(
    executor: SingleThreadExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invalid call is no outage."""
    monkeypatch.setattr(single_thread_executor, "WAIT_SECONDS", 0.0)
    failing = asyncio.create_task(executor.run(lambda: 1 // 0))
    waiting = asyncio.create_task(executor.run(lambda: "result"))

    with pytest.raises(ZeroDivisionError):
        await failing
    assert await waiting == "result"
