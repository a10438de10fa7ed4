"""An action that runs once for each of many inputs, counted as one."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Conflict, Inputs, InvalidInput, NotFound, RunMode
from actionhero_tasks import JobState, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.usefixtures("limit")


class Number(Inputs):
    n: int


class Square(Action):
    """Square a number; thirteen is refused."""

    name = "square"

    async def run(self, inputs: Number) -> int:
        if inputs.n == 13:
            raise Conflict("no thirteen")
        return inputs.n**2


class FanOutId(Inputs):
    fan_out_id: str


class Report(Action):
    """Tell what came of a fan-out."""

    name = "report"
    reported: list[str] = []

    async def run(self, inputs: FanOutId) -> None:
        self.reported.append(inputs.fan_out_id)


class Plain(Action):
    """Take nothing."""

    name = "plain"

    async def run(self) -> None:
        pass


async def ended(tasks: Tasks, id: str) -> Any:
    while not (status := await tasks.fan_out_status(id)).ended:
        pass
    return status


async def test_a_fan_out_is_counted_and_followed(tasks_app: Callable[..., Any]) -> None:
    """Results and errors can be asked; the action that follows runs once, with its id."""
    Report.reported.clear()
    async with tasks_app(Square, Report) as app:
        tasks = app.get(Tasks)
        id = await tasks.fan_out(Square, ({"n": n} for n in range(15)), batch=4, then=Report)
        status = await ended(tasks, id)
        states = [job.state async for job in tasks.fan_out_jobs(id)]
        [dead] = [job async for job in tasks.fan_out_jobs(id, JobState.DEAD)]
        while not Report.reported:
            await tasks.fan_out_status(id)

    assert (status.total, status.completed, status.failed) == (15, 14, 1)
    assert status.results == [n * n for n in range(15) if n != 13]
    assert [error["message"] for error in status.errors] == ["no thirteen"]
    assert states.count(JobState.DONE) == 14
    assert dead.inputs == {"n": 13}
    assert Report.reported == [id]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("most", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
async def test_inputs_may_come_one_after_the_other_and_are_not_kept(
    tasks_app: Callable[..., Any], most: int
) -> None:
    """Ten or a hundred thousand take no more memory than one thousand."""

    def numbers(count: int) -> Iterator[dict[str, int]]:
        for n in range(count):
            yield {"n": n}

    async def peak_of(count: int) -> int:
        tracemalloc.start()
        id = await tasks.fan_out(Square, numbers(count))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        status = await tasks.fan_out_status(id, limit=1)
        assert (status.total, status.ended) == (count, False)
        return peak

    async with tasks_app(Square, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        await tasks.fan_out(Square, numbers(1_000))
        few, many = await peak_of(1_000), await peak_of(most)

    assert many < 2 * few


async def test_inputs_that_do_not_fit_end_it_and_those_before_run(
    tasks_app: Callable[..., Any],
) -> None:
    """Whoever fans out is told; what was enqueued is counted, and comes to an end."""
    seen: list[str] = []

    async def numbers() -> AsyncIterator[dict[str, Any]]:
        for n in (1, 2, "x"):
            yield {"n": n}

    async with tasks_app(Square) as app:
        tasks = app.get(Tasks)
        opened = tasks.store.open_batch

        def open_batch(id: str, then: Any) -> None:
            seen.append(id)
            opened(id, then)

        tasks.store.open_batch = open_batch
        with pytest.raises(InvalidInput, match="valid integer"):
            await tasks.fan_out(Square, numbers(), batch=2)
        status = await ended(tasks, seen[0])

    assert (status.total, status.completed) == (2, 2)


async def test_what_follows_has_to_take_the_id(tasks_app: Callable[..., Any]) -> None:
    """It is said before anything is enqueued."""
    async with tasks_app(Square, Plain, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        with pytest.raises(InvalidInput, match="fan_out_id"):
            await tasks.fan_out(Square, [{"n": 1}], then=Plain)
        with pytest.raises(NotFound, match="Fan-out not found: nobody"):
            await tasks.fan_out_status("nobody")

        assert tasks.store.counts() == []
