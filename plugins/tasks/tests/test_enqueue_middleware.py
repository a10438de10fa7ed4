"""Middleware of plugins around enqueueing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Inputs, PluginError, RateLimited, RunMode, hookimpl
from actionhero_tasks import EnqueueMiddleware, NewJob, Task, Tasks
from actionhero_tasks.testing import drain

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")


class NumberInputs(Inputs):
    number: int = 0


class Work(Action):
    """Return a number."""

    name = "work"
    task = Task(queue="cheap")

    async def run(self, inputs: NumberInputs) -> int:
        return inputs.number


class Recorder(EnqueueMiddleware):
    """Records its calls, and changes jobs.

    Args:
        calls: The calls of all middleware.
        name: Its name.
        changes: The changed fields of jobs.
    """

    def __init__(self, calls: list[str], name: str, **changes: Any) -> None:
        self.calls = calls
        self.name = name
        self.changes = changes

    async def before(self, job: NewJob) -> NewJob | None:
        self.calls.append(f"{self.name} before {job.queue}")
        return dataclasses.replace(job, **self.changes) if self.changes else None

    async def after(self, job: NewJob, id: str) -> None:
        self.calls.append(f"{self.name} after {job.queue} {id == job.id}")


class Quota(EnqueueMiddleware):
    """Refuses the third job."""

    count = 0

    async def before(self, job: NewJob) -> NewJob | None:
        self.count += 1
        if self.count > 2:
            raise RateLimited("Too many jobs")
        return None


class Plugin:
    """A plugin with middleware."""

    def __init__(self, *middleware: Any) -> None:
        self.middleware = middleware

    @hookimpl
    def actionhero_tasks_enqueue_middleware(self) -> list[Any]:
        return list(self.middleware)


async def test_middleware_changes_jobs_and_sees_their_ids(tasks_app: Callable[..., Any]) -> None:
    """The first is the outermost; a duplicate has the id of the earlier job."""
    calls: list[str] = []
    plugin = Plugin(Recorder(calls, "outer"), Recorder(calls, "inner", queue="other"))
    async with tasks_app(Work, plugin, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Work, {"number": 1}, key="one")
        again = await tasks.enqueue(Work, {"number": 1}, key="one")
        job = await tasks.job(id)

    assert id == again
    assert job.queue == "other"
    assert calls == [
        *("outer before cheap", "inner before cheap"),
        *("inner after other True", "outer after other True"),
        *("outer before cheap", "inner before cheap"),
        *("inner after other False", "outer after other False"),
    ]


async def test_a_refused_job_is_not_enqueued_nor_its_batch(tasks_app: Callable[..., Any]) -> None:
    """The error is that of the middleware."""
    async with tasks_app(Work, Plugin(Quota()), mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        first = await tasks.enqueue(Work, {"number": 1})
        with pytest.raises(RateLimited, match="Too many jobs"):
            await tasks.enqueue_many(Work, [{"number": 2}, {"number": 3}])
        jobs = await drain(app)

    assert [job.id for job in jobs] == [first]


async def test_jobs_of_fan_outs_and_schedules_are_seen_too(tasks_app: Callable[..., Any]) -> None:
    """As those of `enqueue`."""
    calls: list[str] = []
    async with tasks_app(Work, Plugin(Recorder(calls, "a")), mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        await tasks.fan_out(Work, [{"number": 1}, {"number": 2}])
        await tasks.use(lambda store: store.last_fire_time("work", 0))
        action = app.app.actions.find("work")
        enqueued = [
            await tasks.enqueue_scheduled(action, fire_ms, overlap=False) for fire_ms in (1, 1)
        ]

    assert enqueued == [True, False]
    assert [call for call in calls if "after" in call] == ["a after cheap True"] * 3


async def test_something_else_than_middleware_is_refused(tasks_app: Callable[..., Any]) -> None:
    """The error names the hook."""
    with pytest.raises(PluginError, match="actionhero_tasks_enqueue_middleware"):
        async with tasks_app(Work, Plugin("middleware")):
            pass
