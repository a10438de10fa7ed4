"""What an author does with `Tasks`, and what becomes of it."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    ActionNotFound,
    Call,
    Conflict,
    File,
    Initializer,
    Inputs,
    InvalidInput,
    NotFound,
    RunMode,
    Secret,
    ServiceUnavailable,
    Transactions,
)
from actionhero_tasks import JobState, Task, Tasks
from actionhero_tasks.job import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actionhero import Application

pytestmark = pytest.mark.usefixtures("limit")


class SumInputs(Inputs):
    a: int
    b: int = 1
    on: datetime | None = None


class Sum(Action):
    """Add two numbers."""

    name = "sum"

    async def run(self, inputs: SumInputs, call: Call) -> dict[str, Any]:
        return {"sum": inputs.a + inputs.b, "on": inputs.on}


class SignUpInputs(Inputs):
    name: str
    password: Secret[str]


class SignUp(Action):
    """Keep a secret."""

    name = "sign-up"

    async def run(self, inputs: SignUpInputs) -> int:
        return len(inputs.password)


class Who(Action):
    """Tell who asks."""

    name = "who"

    async def run(self, call: Call) -> dict[str, Any]:
        return {
            "transport": call.connection.transport,
            "request": call.request_id,
            "user": call.session.get("userId"),
        }


class Ask(Action):
    """Enqueue `who`."""

    name = "ask"

    async def run(self, call: Call) -> dict[str, str]:
        call.session["userId"] = 7
        return {"job": await call.get(Tasks).enqueue(Who), "request": call.request_id}


class Flaky(Action):
    """Fail twice, then do."""

    name = "flaky"
    task = Task(retries=2, backoff=timedelta(milliseconds=1))
    runs = 0

    async def run(self) -> int:
        type(self).runs += 1
        if self.runs < 3:
            raise RuntimeError("not yet")
        return self.runs


class Refuses(Action):
    """Fail for a reason that stays."""

    name = "refuses"

    async def run(self) -> None:
        raise Conflict("there is one already")


class Slow(Action):
    """Take too long."""

    name = "slow"
    timeout = timedelta(seconds=30)
    task = {
        "time_limit": timedelta(milliseconds=20),
        "retries": 1,
        "backoff": timedelta(milliseconds=1),
    }

    async def run(self) -> None:
        await asyncio.sleep(30)


class Long(Action):
    """Take longer than actions may elsewhere, and tell how far it is."""

    name = "long"
    timeout = timedelta(milliseconds=10)
    task = Task(time_limit=timedelta(0))

    async def run(self, call: Call) -> str:
        call.progress(1, 2)
        await asyncio.sleep(0.05)
        call.progress(2, 2)
        return "done"


class Upload(Action):
    """Take a file."""

    name = "upload"

    async def run(self, inputs: dict[str, Any]) -> None:
        pass


async def test_an_action_runs_as_a_job_and_its_value_is_kept(tasks_app: Callable[..., Any]) -> None:
    """By class or by name; with inputs by name or made; with defaults, and with times."""
    on = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    async with tasks_app(Sum) as app:
        tasks = app.get(Tasks)
        by_class = await tasks.wait(await tasks.enqueue(Sum, {"a": 1, "on": on}))
        by_name = await tasks.wait(await tasks.enqueue("sum", SumInputs(a=2, b=3)))

    assert by_class.state is JobState.DONE
    assert by_class.result == {"sum": 2, "on": "2026-05-01T08:00:00Z"}
    assert by_name.result == {"sum": 5, "on": None}
    assert by_name.inputs == {"a": 2, "b": 3, "on": None}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": "x"}, "Input should be a valid integer"),
        ({}, "Missing required param: a"),
        ({"a": 1, "c": 2}, r"Unknown param: c"),
    ],
)
async def test_inputs_are_looked_at_when_they_are_enqueued(
    tasks_app: Callable[..., Any], inputs: dict[str, Any], message: str
) -> None:
    """Whoever enqueues is told, and not the log of a worker."""
    async with tasks_app(Sum) as app:
        with pytest.raises(InvalidInput, match=message):
            await app.get(Tasks).enqueue(Sum, inputs)

        assert app.get(Tasks).store.counts() == []


async def test_what_cannot_wait_in_a_queue_is_refused(tasks_app: Callable[..., Any]) -> None:
    """A file is open in this process alone."""
    async with tasks_app(Upload) as app:
        with pytest.raises(InvalidInput, match=r"'upload' cannot wait in a queue: .*File"):
            await app.get(Tasks).enqueue(
                Upload, {"file": File("a.txt", "text/plain", 1, BytesIO(b"a"))}
            )


async def test_an_unknown_action_cannot_be_enqueued(tasks_app: Callable[..., Any]) -> None:
    """The nearest is told."""
    async with tasks_app(Sum) as app:
        with pytest.raises(ActionNotFound, match="did you mean 'sum'"):
            await app.get(Tasks).enqueue("summ")


async def test_what_is_secret_is_sealed_in_the_queue(
    tasks_app: Callable[..., Any], tmp_path: Path
) -> None:
    """The action has it; whoever reads the file, or asks for the job, has not."""
    async with tasks_app(SignUp, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(SignUp, {"name": "Ada", "password": "hunter2-hunter2"})
        job = await tasks.job(id)
    written = _written_in(tmp_path)
    async with tasks_app(SignUp) as app:
        done = await app.get(Tasks).wait(id)

    assert job.inputs == {"name": "Ada", "password": "[redacted]"}
    assert b"Ada" in written
    assert b"hunter2" not in written
    assert done.result == len("hunter2-hunter2")


def _written_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(".actionhero/tasks/jobs*"))


async def test_a_job_whose_secrets_cannot_be_opened_is_a_dead_letter(
    tasks_app: Callable[..., Any], tmp_path: Path
) -> None:
    """Another key than the one they were sealed with: it says so."""
    async with tasks_app(SignUp, mode=RunMode.CLI) as app:
        id = await app.get(Tasks).enqueue(SignUp, {"name": "Ada", "password": "hunter2"})
    (tmp_path / ".actionhero" / "secret_key").write_text("another")
    async with tasks_app(SignUp) as app:
        job = await app.get(Tasks).wait(id)

    assert job.state is JobState.DEAD
    assert job.error is not None
    assert "sealed with another app.secret_key" in job.error["message"]


async def test_request_and_user_travel_along(tasks_app: Callable[..., Any]) -> None:
    """The job has the request id of the call that enqueued it, and a session with its user."""
    async with tasks_app(Ask, Who) as app:
        asked = await app.call("ask")
        job = await app.get(Tasks).wait(asked["job"])

    assert job.result == {"transport": "task", "request": asked["request"], "user": 7}


async def test_a_job_that_fails_is_tried_again(tasks_app: Callable[..., Any]) -> None:
    """As often as its task says; then it is done."""
    Flaky.runs = 0
    async with tasks_app(Flaky) as app:
        job = await app.get(Tasks).wait(await app.get(Tasks).enqueue(Flaky))

    assert (job.state, job.result, job.attempts) == (JobState.DONE, 3, 2)
    assert job.error is None


async def test_a_job_that_would_fail_again_is_a_dead_letter_at_once(
    tasks_app: Callable[..., Any],
) -> None:
    """By the type of its error; it waits there until somebody says what to do with it."""
    async with tasks_app(Refuses) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Refuses)
        job = await tasks.wait(id)
        again = await tasks.retry(id)
        job_again = await tasks.wait(id)
        discarded = await tasks.discard(id)

    assert (job.state, job.attempts) == (JobState.DEAD, 1)
    assert job.error is not None
    assert job.error["message"] == "there is one already"
    assert (again, job_again.attempts, discarded) == (True, 1, True)


async def test_a_job_past_its_time_limit_is_stopped_and_tried_again(
    tasks_app: Callable[..., Any],
) -> None:
    """The limit of the task wins over that of the action, whichever is longer."""
    async with tasks_app(Slow, Long) as app:
        tasks = app.get(Tasks)
        slow = await tasks.wait(await tasks.enqueue(Slow))
        long = await tasks.wait(await tasks.enqueue(Long))

    assert (slow.state, slow.attempts) == (JobState.DEAD, 2)
    assert slow.error is not None
    assert slow.error["message"] == "Action 'slow' timed out after 20ms"
    assert long.result == "done"


async def test_how_far_a_job_is_can_be_asked(tasks_app: Callable[..., Any]) -> None:
    """Also when it has ended."""
    async with tasks_app(Long) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Long)
        await tasks.wait(id)
        while (job := await tasks.job(id)).progress != 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)

    assert (job.progress, job.progress_total) == (2, 2)


async def test_a_job_that_nobody_knows_is_not_found(tasks_app: Callable[..., Any]) -> None:
    """Its id is told."""
    async with tasks_app(mode=RunMode.CLI) as app:
        with pytest.raises(NotFound, match="Job not found: nobody"):
            await app.get(Tasks).job("nobody")


class Ledger(Transactions):
    """Stands for a database: what waits for its commit can be let go, or dropped."""

    def __init__(self) -> None:
        self.open = False
        self.waiting: list[Any] = []

    async def after_commit(self, callback: Callable[..., Any], *args: Any) -> None:
        self.waiting.append((callback, args))

    @property
    def is_open(self) -> bool:
        return self.open


class LedgerInitializer(Initializer):
    name = "ledger"

    async def initialize(self, app: Application) -> None:
        app.provide(Transactions, Ledger())


async def test_inside_a_transaction_a_job_is_sent_after_the_commit(
    tasks_app: Callable[..., Any],
) -> None:
    """Its id is known before, its inputs are looked at before; outside, it is sent at once."""
    async with tasks_app(Sum, LedgerInitializer) as app:
        tasks, ledger = app.get(Tasks), app.get(Transactions)
        ledger.open = True
        id = await tasks.enqueue(Sum, {"a": 1})
        with pytest.raises(InvalidInput):
            await tasks.enqueue(Sum, {})
        with pytest.raises(NotFound):
            await tasks.job(id)

        [(callback, args)] = ledger.waiting
        await callback(*args)
        done = await tasks.wait(id)
        ledger.open = False
        at_once = await tasks.wait(await tasks.enqueue(Sum, {"a": 1}))

    assert done.state is at_once.state is JobState.DONE


async def test_a_store_that_is_away_is_told_as_a_service_that_is(
    tasks_app: Callable[..., Any], tmp_path: Path
) -> None:
    """503 at the door of whoever enqueues, and nothing of our insides."""
    async with tasks_app(Sum, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        await tasks.enqueue(Sum, {"a": 1})
        with sqlite3.connect(tmp_path / ".actionhero" / "tasks" / "jobs.sqlite3") as other:
            other.execute("DROP TABLE jobs")
        other.close()

        with pytest.raises(ServiceUnavailable, match="The queue of jobs is not available"):
            await tasks.enqueue(Sum, {"a": 1})


async def test_a_worker_that_waits_bears_that_its_store_is_away(
    tasks_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the next job when the store is back."""
    failed = asyncio.Event()
    async with tasks_app(Sum) as app:
        loop, store = asyncio.get_running_loop(), app.get(Tasks).store

        def away(*_: Any) -> None:
            loop.call_soon_threadsafe(failed.set)
            raise StoreUnavailable("gone")

        with monkeypatch.context() as patch:
            patch.setattr(store, "wait", away)
            await app.get(Tasks).enqueue(Sum, {"a": 1})
            await failed.wait()
        job = await app.get(Tasks).wait(await app.get(Tasks).enqueue(Sum, {"a": 1}))

    assert job.state is JobState.DONE
