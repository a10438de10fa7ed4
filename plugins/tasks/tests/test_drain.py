"""`drain` runs the jobs that an action has enqueued, without a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actionhero import Action, Call, Inputs, NotFound, RunMode
from actionhero_tasks import JobState, Tasks
from actionhero_tasks.testing import drain

if TYPE_CHECKING:
    from collections.abc import Callable


class Countdown(Inputs):
    n: int


class Count(Action):
    """Enqueue itself until the number is zero."""

    name = "count"

    async def run(self, inputs: Countdown, call: Call) -> int:
        if inputs.n < 0:
            raise NotFound("below zero")
        if inputs.n:
            await call.get(Tasks).enqueue(Count, {"n": inputs.n - 1})
        return inputs.n


async def test_drain_runs_ready_jobs_and_the_jobs_that_they_enqueue(
    tasks_app: Callable[..., Any],
) -> None:
    """It returns their status. Delayed jobs are not run."""
    async with tasks_app(Count, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        await tasks.enqueue(Count, {"n": 2})
        await tasks.enqueue(Count, {"n": -1}, priority=1)
        later = await tasks.enqueue(Count, {"n": 0}, delay=timedelta(hours=1))
        jobs = await drain(app)
        again = await drain(app.app)
        waiting = await tasks.job(later)

    assert sorted(job.result for job in jobs if job.state is JobState.DONE) == [0, 1, 2]
    [failed] = [job for job in jobs if job.state is JobState.DEAD]
    assert failed.error is not None
    assert failed.error["message"] == "below zero"
    assert again == []
    assert waiting.state is JobState.DELAYED
