"""Fan-out: an action that runs once for each of many inputs."""

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
    """Square a number; thirteen is an error."""

    name = "square"

    async def run(self, inputs: Number) -> int:
        if inputs.n == 13:
            raise Conflict("no thirteen")
        return inputs.n**2


class FanOutId(Inputs):
    fan_out_id: str


class Report(Action):
    """Run after a fan-out."""

    name = "report"
    reported: list[str] = []

    async def run(self, inputs: FanOutId) -> None:
        self.reported.append(inputs.fan_out_id)


class Plain(Action):
    """Take no inputs."""

    name = "plain"

    async def run(self) -> None:
        pass


async def ended_status(tasks: Tasks, id: str) -> Any:
    while not (status := await tasks.fan_out_status(id)).ended:
        pass
    return status


async def test_a_fan_out_has_counts_and_results_and_enqueues_the_next_action(
    tasks_app: Callable[..., Any],
) -> None:
    """The next action runs once, with the id of the fan-out."""
    Report.reported.clear()
    async with tasks_app(Square, Report) as app:
        tasks = app.get(Tasks)
        id = await tasks.fan_out(Square, ({"n": n} for n in range(15)), batch=4, then=Report)
        status = await ended_status(tasks, id)
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


async def test_all_dead_jobs_of_a_fan_out_can_be_retried(
    tasks_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next page begins after the last job, although those before have left the state."""
    monkeypatch.setattr("actionhero_tasks.tasks.PAGE", 2)
    async with tasks_app(Square) as app:
        tasks = app.get(Tasks)
        id = await tasks.fan_out(Square, [{"n": 13}] * 5)
        await ended_status(tasks, id)

        retried = [
            job.id
            async for job in tasks.fan_out_jobs(id, JobState.DEAD)
            if await tasks.retry(job.id)
        ]

        assert len(set(retried)) == len(retried) == 5


@pytest.mark.timeout(600)
@pytest.mark.parametrize("large", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
async def test_inputs_are_streamed_with_constant_memory(
    tasks_app: Callable[..., Any], large: int
) -> None:
    """Ten or a hundred thousand inputs need no more memory than one thousand."""

    def numbers(count: int) -> Iterator[dict[str, int]]:
        for n in range(count):
            yield {"n": n}

    async def peak_memory(count: int) -> int:
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
        small_peak, large_peak = await peak_memory(1_000), await peak_memory(large)

    assert large_peak < 2 * small_peak


async def test_an_invalid_input_ends_a_fan_out_and_the_jobs_before_it_run(
    tasks_app: Callable[..., Any],
) -> None:
    """The error is raised; the fan-out is closed with the jobs enqueued so far."""
    ids: list[str] = []

    async def numbers() -> AsyncIterator[dict[str, Any]]:
        for n in (1, 2, "x"):
            yield {"n": n}

    async with tasks_app(Square) as app:
        tasks = app.get(Tasks)
        opened = tasks.store.open_batch

        def open_batch(id: str, then: Any) -> None:
            ids.append(id)
            opened(id, then)

        tasks.store.open_batch = open_batch
        with pytest.raises(InvalidInput, match="valid integer"):
            await tasks.fan_out(Square, numbers(), batch=2)
        status = await ended_status(tasks, ids[0])

    assert (status.total, status.completed) == (2, 2)


async def test_the_next_action_must_take_the_id_of_the_fan_out(
    tasks_app: Callable[..., Any],
) -> None:
    """The error is raised before a job is enqueued."""
    async with tasks_app(Square, Plain, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        with pytest.raises(InvalidInput, match="fan_out_id"):
            await tasks.fan_out(Square, [{"n": 1}], then=Plain)
        with pytest.raises(NotFound, match="Fan-out not found: unknown"):
            await tasks.fan_out_status("unknown")

        assert tasks.store.counts() == []


@pytest.mark.parametrize(("batch", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
async def test_a_batch_has_at_least_one_input(
    tasks_app: Callable[..., Any], batch: Any, error: type[Exception]
) -> None:
    """Otherwise all inputs would be in memory; the error is raised before the first is read."""
    inputs = iter([{"n": 1}])
    async with tasks_app(Square, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        with pytest.raises(error, match=f"batch is {batch}; pass an integer"):
            await tasks.fan_out(Square, inputs, batch=batch)

        assert next(inputs) == {"n": 1}
        assert tasks.store.counts() == []


async def test_a_negative_limit_of_results_is_refused(tasks_app: Callable[..., Any]) -> None:
    """Zero is the count of jobs without results."""
    async with tasks_app(Square) as app:
        tasks = app.get(Tasks)
        id = await tasks.fan_out(Square, [{"n": 1}])
        await ended_status(tasks, id)

        with pytest.raises(ValueError, match="limit is -1; pass an integer, at least 0"):
            await tasks.fan_out_status(id, limit=-1)
        assert (await tasks.fan_out_status(id, limit=0)).results == []
