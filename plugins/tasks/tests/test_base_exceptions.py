"""Jobs that raise an exception outside of `Exception`: they fail like any other."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from dramatiq import Middleware

from actionhero import Action, Inputs, hookimpl
from actionhero_tasks import JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")

ONCE_AGAIN = Task(retries=1, backoff=timedelta(0))


class Strange(BaseException):
    pass


ERRORS: dict[str, BaseException] = {
    "exit": SystemExit(3),
    "generator": GeneratorExit(),
    "cancelled": asyncio.CancelledError(),
    "strange": Strange("strange"),
    "group": BaseExceptionGroup("group", [Strange()]),
}


class RaiseInputs(Inputs):
    error: str


class Raise(Action):
    """Raise an error."""

    name = "raise"
    task = ONCE_AGAIN

    async def run(self, inputs: RaiseInputs) -> None:
        raise ERRORS[inputs.error]


class Unencodable:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise self.error

    def __str__(self) -> str:
        raise self.error


class ReturnUnencodable(Action):
    """Return a value whose encoder raises an error."""

    name = "unencodable"
    task = ONCE_AGAIN

    async def run(self, inputs: RaiseInputs) -> Any:
        return Unencodable(ERRORS[inputs.error])


class Echo(Action):
    """Do nothing."""

    name = "echo"
    task = ONCE_AGAIN

    async def run(self) -> int:
        return 1


class Failing(Middleware):
    """A middleware that raises an exception outside of `Exception`."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        raise Strange("of a middleware")


class FailingPlugin:
    @hookimpl
    def actionhero_tasks_middleware(self) -> list[Middleware]:
        return [Failing()]


async def ended(tasks: Tasks, action: type[Action], **inputs: Any) -> tuple[JobState, int, Any]:
    """Run a job to its end; return its state, its number of failures, and its error."""
    job = await tasks.wait(await tasks.enqueue(action, inputs), timedelta(seconds=30))
    return job.state, job.attempts, job.error


@pytest.mark.parametrize(("action", "failures"), [(Raise, 2), (ReturnUnencodable, 1)])
@pytest.mark.parametrize("name", ERRORS)
async def test_they_are_retried_as_often_as_others(
    tasks_app: Callable[..., Any], action: type[Action], failures: int, name: str
) -> None:
    """The error is kept, and the worker runs further jobs.

    A job whose result cannot be encoded is not retried, because its work is done.
    """
    async with tasks_app(Raise, ReturnUnencodable, Echo) as app:
        tasks = app.get(Tasks)
        state, attempts, error = await ended(tasks, action, error=name)
        after = await ended(tasks, Echo)

    assert (state, attempts) == (JobState.DEAD, failures)
    assert error["message"]
    assert after == (JobState.DONE, 0, None)


class CancelItself(Action):
    """Cancel the task of the call, as code that cancels all tasks does."""

    name = "cancel:itself"
    task = ONCE_AGAIN

    async def run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.Event().wait()


class Threads(Middleware):
    """A middleware whose jobs run in threads."""

    runs_on_event_loop = False

    def before_process_message(self, broker: Any, message: Any) -> None:
        pass


class ThreadsPlugin:
    @hookimpl
    def actionhero_tasks_middleware(self) -> list[Middleware]:
        return [Threads()]


@pytest.mark.parametrize(
    ("plugins", "failures"), [((), 2), ((ThreadsPlugin(),), 1)], ids=["loop", "threads"]
)
async def test_a_job_that_cancels_itself_has_failed(
    tasks_app: Callable[..., Any], plugins: tuple[Any, ...], failures: int
) -> None:
    """It is not released as one that a stopping worker cancels, which would run again at once.

    dramatiq does not retry it.
    """
    async with tasks_app(CancelItself, Echo, plugins=plugins) as app:
        tasks = app.get(Tasks)
        state, attempts, error = await ended(tasks, CancelItself)
        after = await ended(tasks, Echo)

    assert (state, attempts) == (JobState.DEAD, failures)
    assert error["message"]
    assert after == (JobState.DONE, 0, None)


async def test_a_failing_middleware_fails_the_job(tasks_app: Callable[..., Any]) -> None:
    """Of dramatiq."""
    async with tasks_app(Echo, plugins=(FailingPlugin(),)) as app:
        state, attempts, error = await ended(app.get(Tasks), Echo)

    assert (state, attempts) == (JobState.DEAD, 2)
    assert error["message"]
