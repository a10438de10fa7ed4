"""What an event loop asks of a thread comes back, in order, whatever it is."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from actionhero_tasks.courier import Courier

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def courier() -> Iterator[Courier]:
    courier = Courier("courier")
    yield courier
    courier.close()


async def test_answers_come_back_and_so_do_failures(courier: Courier) -> None:
    """Each to whoever asked, from one thread that is not ours."""
    names = await asyncio.gather(
        *(courier.run(lambda n=n: (n, threading.current_thread().name)) for n in range(50))  # type: ignore[misc]
    )
    with pytest.raises(ZeroDivisionError):
        await courier.run(lambda: 1 // 0)

    assert names == [(n, "courier") for n in range(50)]
    assert await courier.run(lambda: "still there") == "still there"


async def test_who_is_cancelled_is_not_told(courier: Courier) -> None:
    """What was asked for is done all the same, and the next one is served."""
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(30)
        done.set()

    waiting = asyncio.create_task(courier.run(work))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()

    assert await courier.run(lambda: "next") == "next"
    assert done.is_set()


async def test_what_was_asked_for_is_done_before_it_closes(courier: Courier) -> None:
    """A job that was enqueued as the process ends is kept."""
    done: list[int] = []
    asked = [asyncio.create_task(courier.run(lambda n=n: done.append(n))) for n in range(5)]  # type: ignore[misc]
    await asyncio.sleep(0)

    await asyncio.to_thread(courier.close)
    await asyncio.gather(*asked)

    assert done == list(range(5))


def test_a_loop_that_is_closed_does_not_end_the_thread(courier: Courier) -> None:
    """The next loop is served."""
    go = threading.Event()

    async def leave() -> None:
        task = asyncio.create_task(courier.run(lambda: go.wait(30)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    go.set()

    async def ask() -> str:
        return await courier.run(lambda: "here")

    assert asyncio.run(ask()) == "here"
