"""How an author may enqueue: once, later, many at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Inputs, InvalidInput, RunMode
from actionhero_tasks import JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")


class SumInputs(Inputs):
    a: int
    b: int = 1


class Sum(Action):
    """Add two numbers."""

    name = "sum"

    async def run(self, inputs: SumInputs) -> dict[str, int]:
        return {"sum": inputs.a + inputs.b}


class Who(Action):
    """Be another."""

    name = "who"

    async def run(self) -> None:
        pass


async def test_of_jobs_with_one_key_one_runs(tasks_app: Callable[..., Any]) -> None:
    """The id is that of the first. Another action may have the same key."""
    async with tasks_app(Sum, Who) as app:
        tasks = app.get(Tasks)
        first, second = [await tasks.enqueue(Sum, {"a": n}, key="order 7") for n in (1, 2)]
        other = await tasks.enqueue(Who, key="order 7")

    assert first == second != other


class Once(Action):
    """Be enqueued once for the same inputs."""

    name = "once"
    task = Task(unique_for=timedelta(hours=1))

    async def run(self, inputs: SumInputs) -> int:
        return inputs.a


async def test_the_same_inputs_are_enqueued_once_if_the_task_says_so(
    tasks_app: Callable[..., Any],
) -> None:
    """However they are given."""
    async with tasks_app(Once, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        ids = [
            await tasks.enqueue(Once, {"a": 1, "b": 2}),
            await tasks.enqueue(Once, {"b": 2, "a": 1}),
            await tasks.enqueue(Once, {"a": 1, "b": 3}),
        ]

    assert ids[0] == ids[1] != ids[2]


async def test_a_job_can_wait(tasks_app: Callable[..., Any]) -> None:
    """For a while, or until a time; and be cancelled meanwhile."""
    async with tasks_app(Sum) as app:
        tasks = app.get(Tasks)
        soon = await tasks.enqueue(Sum, {"a": 1}, delay=timedelta(milliseconds=50))
        late = await tasks.enqueue(Sum, {"a": 2}, at=datetime.now(UTC) + timedelta(hours=1))
        done = await tasks.wait(soon)
        waiting = await tasks.job(late)
        cancelled = await tasks.cancel(late)
        ended = await tasks.wait(late)
        with pytest.raises(TypeError, match="without a time zone"):
            await tasks.enqueue(Sum, {"a": 1}, at=datetime(2030, 1, 1))  # noqa: DTZ001 - the fault

    assert done.started is not None
    assert done.started - done.created >= timedelta(milliseconds=50)
    assert (waiting.state, cancelled, ended.state) == (JobState.DELAYED, True, JobState.CANCELLED)


async def test_many_are_enqueued_in_one_step(tasks_app: Callable[..., Any]) -> None:
    """All of them, or, if one of them does not fit, none."""
    async with tasks_app(Sum) as app:
        tasks = app.get(Tasks)
        ids = await tasks.enqueue_many(Sum, ({"a": n} for n in range(300)))
        results = [(await tasks.wait(id)).result["sum"] for id in ids]
        with pytest.raises(InvalidInput):
            await tasks.enqueue_many(Sum, [{"a": 1}, {"a": "x"}])

        assert tasks.store.counts() == []

    assert results == [n + 1 for n in range(300)]
