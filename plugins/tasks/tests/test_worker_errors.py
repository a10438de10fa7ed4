"""Unexpected errors in the thread of a worker, which must not end it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Inputs
from actionhero_tasks import JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")

AMOUNTS: dict[str, Any] = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "text": "half",
    "nothing": None,
    "too large": 10**400,
    "large": 2**70,
}


class AmountInputs(Inputs):
    name: str


class ReportProgress(Action):
    """Report progress."""

    name = "progress"
    task = Task(retries=0)

    async def run(self, inputs: AmountInputs, call: Call) -> None:
        call.progress(AMOUNTS[inputs.name])


class Echo(Action):
    """Do nothing."""

    name = "echo"

    async def run(self) -> int:
        return 1


async def ended(tasks: Tasks, action: type[Action], **inputs: Any) -> Any:
    """Run a job to its end."""
    return await tasks.wait(await tasks.enqueue(action, inputs), timedelta(seconds=30))


async def test_jobs_run_after_an_error_of_the_store(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Each step of the thread is tried again."""
    async with tasks_app(Echo) as app:
        tasks = app.get(Tasks)
        store: Any = tasks.store
        for name in ("settle_and_claim", "sweep"):
            method, faults = getattr(store, name), [f"fault of {name}"]

            def faulty(
                *args: Any,
                method: Callable[..., Any] = method,
                faults: list[str] = faults,
                **options: Any,
            ) -> Any:
                if faults:
                    raise ValueError(faults.pop())
                return method(*args, **options)

            setattr(store, name, faulty)
            job = await ended(tasks, Echo)
            while faults:
                job = await ended(tasks, Echo)
            assert job.state is JobState.DONE

    texts = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert texts == ["fault of settle_and_claim", "fault of sweep"]


@pytest.mark.parametrize(
    ("name", "state"), [(name, "done" if name == "large" else "dead") for name in AMOUNTS]
)
async def test_progress_that_is_no_finite_number_fails_the_job_only(
    tasks_app: Callable[..., Any], name: str, state: str
) -> None:
    """The worker runs further jobs."""
    async with tasks_app(ReportProgress, Echo) as app:
        tasks = app.get(Tasks)
        job = await ended(tasks, ReportProgress, name=name)
        after = await ended(tasks, Echo)

    assert (job.state, after.state) == (state, JobState.DONE)


async def test_a_result_that_the_store_cannot_write_fails_its_job_only(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It is dead-lettered, and the jobs that end at the same time are not affected."""
    async with tasks_app(Echo) as app:
        tasks = app.get(Tasks)
        store: Any = tasks.store
        settle_and_claim = store.settle_and_claim

        def faulty(worker_id: str, queues: Any, limit: int, settlements: Any = ()) -> Any:
            if any(item.id == bad and item.kind == "done" for item in settlements):
                raise OverflowError("too large")
            return settle_and_claim(worker_id, queues, limit, settlements)

        store.settle_and_claim = faulty
        ids = await tasks.enqueue_many(Echo, [{}] * 20)
        bad = ids[7]
        jobs = [await tasks.wait(id, timedelta(seconds=30)) for id in ids]

    assert [job.state for job in jobs] == [
        JobState.DEAD if job.id == bad else JobState.DONE for job in jobs
    ]
    assert jobs[7].error["message"] == "its result could not be stored"
    assert f"the result of job {bad} cannot be stored" in caplog.messages
