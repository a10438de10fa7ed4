"""The cancellation of running jobs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import actionhero_redis.plugin
from actionhero import Action, Call, Inputs, Middleware, Outcome
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks import JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.usefixtures("limit")


class Recorder(Middleware):
    """Records the end of calls, as a transaction sees it."""

    outcomes: ClassVar[list[tuple[str, bool, bool]]] = []

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.outcomes.append((call.action.name, outcome.ok, outcome.cancelled))


class NumberInputs(Inputs):
    number: int = 0


class Wait(Action):
    """Wait for the cancellation."""

    name = "wait"
    middleware: ClassVar[list[Any]] = [Recorder()]
    started = asyncio.Event()

    async def run(self, inputs: NumberInputs, call: Call) -> None:
        self.started.set()
        await asyncio.Event().wait()


class Ignore(Action):
    """Catch the cancellation, and return a result."""

    name = "ignore"
    started = asyncio.Event()

    async def run(self) -> str:
        self.started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "in spite of it"


class Fail(Action):
    """Catch the cancellation, and fail."""

    name = "fail"
    task = Task(retries=5)
    started = asyncio.Event()

    async def run(self) -> str:
        self.started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise RuntimeError("the cleanup failed")


@pytest.fixture(autouse=True)
def reset() -> None:
    """Forget the calls of other tests."""
    for action in (Wait, Ignore, Fail):
        action.started = asyncio.Event()
    Recorder.outcomes.clear()


@pytest.fixture(params=["embedded", "redis"])
async def run_app(
    request: pytest.FixtureRequest, tasks_app: Callable[..., Any]
) -> AsyncIterator[Callable[..., Any]]:
    """A function that runs an application with the actions, for each store."""
    actions = (Wait, Ignore, Fail)
    if request.param == "embedded":
        yield lambda **settings: tasks_app(*actions, **settings)
        return
    with throw_away_redis() as server:
        yield lambda **settings: tasks_app(
            *actions,
            plugins=(actionhero_redis.plugin,),
            environ={"REDIS_URL": server.url},
            run_in_server=True,
            **settings,
        )


async def test_a_running_job_is_cancelled_in_its_worker(run_app: Callable[..., Any]) -> None:
    """Its middleware sees the cancellation; it is not retried, and others run on."""
    async with run_app() as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Wait)
        await Wait.started.wait()

        requested = await tasks.cancel(id)
        status = await tasks.job(id)
        job = await tasks.wait(id)
        again = await tasks.cancel(id)

    assert (requested, again) == (True, False)
    assert status.state is JobState.CANCELLED or status.is_cancelling
    assert (job.state, job.attempts, job.is_cancelling) == (JobState.CANCELLED, 0, False)
    assert Recorder.outcomes == [("wait", False, True)]


async def test_a_worker_without_free_capacity_cancels_too(run_app: Callable[..., Any]) -> None:
    """And then runs the next job."""
    async with run_app(concurrency=1) as app:
        tasks = app.get(Tasks)
        first = await tasks.enqueue(Wait)
        await Wait.started.wait()
        second = await tasks.enqueue(Ignore)

        await tasks.cancel(first)
        await Ignore.started.wait()
        await tasks.cancel(second)
        jobs = [await tasks.wait(id) for id in (first, second)]

    assert [job.state for job in jobs] == [JobState.CANCELLED, JobState.DONE]
    assert jobs[1].result == "in spite of it"


async def test_a_job_that_fails_after_the_request_is_not_retried(
    run_app: Callable[..., Any],
) -> None:
    """It is cancelled, and keeps its error."""
    async with run_app() as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Fail)
        await Fail.started.wait()

        await tasks.cancel(id)
        job = await tasks.wait(id)

    assert (job.state, job.attempts) == (JobState.CANCELLED, 1)
    assert job.error is not None


async def test_a_job_of_a_fan_out_is_cancelled(run_app: Callable[..., Any]) -> None:
    """The fan-out ends, and counts it as failed."""
    async with run_app() as app:
        tasks = app.get(Tasks)
        id = await tasks.fan_out(Wait, [{"number": number} for number in range(3)])
        await Wait.started.wait()
        jobs = [job async for job in tasks.fan_out_jobs(id)]

        for job in jobs:
            await tasks.cancel(job.id)
        for job in jobs:
            await tasks.wait(job.id)
        status = await tasks.fan_out_status(id)

    assert (status.total, status.completed, status.failed, status.ended) == (3, 0, 3, True)


async def test_a_stopping_worker_cancels_a_job_instead_of_releasing_it(
    run_app: Callable[..., Any],
) -> None:
    """After a request that the worker has not seen yet."""
    async with run_app() as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Wait)
        await Wait.started.wait()
        await tasks.cancel(id)

    Wait.started.clear()
    async with run_app() as app:
        job = await app.get(Tasks).wait(id)

    assert job.state is JobState.CANCELLED
    assert not Wait.started.is_set()
