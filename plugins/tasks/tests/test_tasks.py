"""Running actions as jobs with `Tasks`."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

import actionhero_web.plugin
from actionhero import (
    Action,
    ActionNotFound,
    Call,
    ConfigurationError,
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
from actionhero_tasks import JobState, Task, Tasks, TasksSettings
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
    """Take a secret."""

    name = "sign-up"

    async def run(self, inputs: SignUpInputs) -> int:
        return len(inputs.password)


class WhoAmI(Action):
    """Return the transport, the request id and the user."""

    name = "who-am-i"

    async def run(self, call: Call) -> dict[str, Any]:
        return {
            "transport": call.connection.transport,
            "request": call.request_id,
            "user": call.session.get("userId"),
        }


class EnqueueWhoAmI(Action):
    """Enqueue `who-am-i`."""

    name = "enqueue-who-am-i"

    async def run(self, call: Call) -> dict[str, str]:
        call.session["userId"] = 7
        return {"job": await call.get(Tasks).enqueue(WhoAmI), "request": call.request_id}


class Flaky(Action):
    """Fail twice, then succeed."""

    name = "flaky"
    task = Task(retries=2, backoff=timedelta(milliseconds=1))
    runs = 0

    async def run(self) -> int:
        type(self).runs += 1
        if self.runs < 3:
            raise RuntimeError("not yet")
        return self.runs


class Permanent(Action):
    """Fail permanently."""

    name = "permanent"

    async def run(self) -> None:
        raise Conflict("it exists already")


class Slow(Action):
    """Exceed the time limit."""

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
    """Exceed the timeout of the action, and report progress."""

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


async def test_an_action_runs_as_a_job_and_its_result_is_stored(
    tasks_app: Callable[..., Any],
) -> None:
    """By class or by name; with a mapping or an instance; with defaults, and with datetimes."""
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
async def test_inputs_are_validated_when_they_are_enqueued(
    tasks_app: Callable[..., Any], inputs: dict[str, Any], message: str
) -> None:
    """`enqueue` raises the error, and no job is added."""
    async with tasks_app(Sum) as app:
        with pytest.raises(InvalidInput, match=message):
            await app.get(Tasks).enqueue(Sum, inputs)

        assert app.get(Tasks).store.counts() == []


async def test_inputs_that_cannot_be_encoded_are_rejected(tasks_app: Callable[..., Any]) -> None:
    """Such as a file, which is open in this process only."""
    async with tasks_app(Upload) as app:
        with pytest.raises(InvalidInput, match=r"'upload' cannot be enqueued: .*File"):
            await app.get(Tasks).enqueue(
                Upload, {"file": File("a.txt", "text/plain", 1, BytesIO(b"a"))}
            )


async def test_an_unknown_action_cannot_be_enqueued(tasks_app: Callable[..., Any]) -> None:
    """The error suggests the nearest name."""
    async with tasks_app(Sum) as app:
        with pytest.raises(ActionNotFound, match="did you mean 'sum'"):
            await app.get(Tasks).enqueue("summ")


async def test_secret_inputs_are_encrypted_in_the_queue(
    tasks_app: Callable[..., Any], tmp_path: Path
) -> None:
    """The action gets them; the file and the status of the job do not contain them."""
    async with tasks_app(SignUp, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(SignUp, {"name": "Ada", "password": "hunter2-hunter2"})
        job = await tasks.job(id)
    stored = _stored_bytes(tmp_path)
    async with tasks_app(SignUp) as app:
        done = await app.get(Tasks).wait(id)

    assert job.inputs == {"name": "Ada", "password": "[redacted]"}
    assert b"Ada" in stored
    assert b"hunter2" not in stored
    assert done.result == len("hunter2-hunter2")


def _stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(".actionhero/tasks/jobs*"))


async def test_a_job_whose_secrets_cannot_be_decrypted_is_dead_lettered(
    tasks_app: Callable[..., Any], tmp_path: Path
) -> None:
    """After a change of the key; the error has the reason."""
    async with tasks_app(SignUp, mode=RunMode.CLI) as app:
        id = await app.get(Tasks).enqueue(SignUp, {"name": "Ada", "password": "hunter2"})
    (tmp_path / ".actionhero" / "secret_key").write_text("another")
    async with tasks_app(SignUp) as app:
        job = await app.get(Tasks).wait(id)

    assert job.state is JobState.DEAD
    assert job.error is not None
    assert "encrypted with another app.secret_key" in job.error["message"]


async def test_a_job_has_the_request_id_and_the_user_of_its_call(
    tasks_app: Callable[..., Any],
) -> None:
    """The user is in the session."""
    async with tasks_app(EnqueueWhoAmI, WhoAmI) as app:
        call = await app.call("enqueue-who-am-i")
        job = await app.get(Tasks).wait(call["job"])

    assert job.result == {"transport": "task", "request": call["request"], "user": 7}


async def test_a_failed_job_is_retried(tasks_app: Callable[..., Any]) -> None:
    """As often as its task declares, until it is done."""
    Flaky.runs = 0
    async with tasks_app(Flaky) as app:
        job = await app.get(Tasks).wait(await app.get(Tasks).enqueue(Flaky))

    assert (job.state, job.result, job.attempts) == (JobState.DONE, 3, 2)
    assert job.error is None


async def test_a_job_with_a_permanent_error_is_dead_lettered_without_retries(
    tasks_app: Callable[..., Any],
) -> None:
    """Depending on the type of the error. It can be retried or discarded by an operator."""
    async with tasks_app(Permanent) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Permanent)
        job = await tasks.wait(id)
        again = await tasks.retry(id)
        job_again = await tasks.wait(id)
        discarded = await tasks.discard(id)

    assert (job.state, job.attempts) == (JobState.DEAD, 1)
    assert job.error is not None
    assert job.error["message"] == "it exists already"
    assert (again, job_again.attempts, discarded) == (True, 1, True)


class Page(Action):
    """Return a response of HTTP."""

    name = "page"

    async def run(self) -> web.StreamResponse:
        return web.json_response({"a": 1})


class OpenPage(Action):
    """Return a response of HTTP without an annotation."""

    name = "open-page"

    async def run(self) -> Any:
        return web.json_response({"a": 1})


class Redirect(Action):
    """Raise a response of HTTP."""

    name = "redirect"

    async def run(self) -> None:
        raise web.HTTPFound("/elsewhere")


@pytest.mark.parametrize("action", [Page, OpenPage, Redirect])
async def test_a_job_with_a_response_of_http_is_dead_lettered_without_retries(
    tasks_app: Callable[..., Any], action: type[Action]
) -> None:
    """It would fail again."""
    plugins = (actionhero_web.plugin,)
    async with tasks_app(action, plugins=plugins, environ={"ACTIONHERO_WEB__PORT": "0"}) as app:
        tasks = app.get(Tasks)
        job = await tasks.wait(await tasks.enqueue(action))

    assert (job.state, job.attempts, job.result) == (JobState.DEAD, 1, None)
    assert job.error is not None
    assert job.error["type"] == "CONNECTION_TYPE_NOT_FOUND"


async def test_a_job_past_its_time_limit_is_cancelled_and_retried(
    tasks_app: Callable[..., Any],
) -> None:
    """The limit of the task overrides the timeout of the action, shorter or longer."""
    async with tasks_app(Slow, Long) as app:
        tasks = app.get(Tasks)
        slow = await tasks.wait(await tasks.enqueue(Slow))
        long = await tasks.wait(await tasks.enqueue(Long))

    assert (slow.state, slow.attempts) == (JobState.DEAD, 2)
    assert slow.error is not None
    assert slow.error["message"] == "Action 'slow' timed out after 20ms"
    assert long.result == "done"


async def test_the_progress_of_a_job_is_stored(tasks_app: Callable[..., Any]) -> None:
    """It is available after the end of the job too."""
    async with tasks_app(Long) as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Long)
        await tasks.wait(id)
        while (job := await tasks.job(id)).progress != 2:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)

    assert (job.progress, job.progress_total) == (2, 2)


async def test_an_unknown_job_is_not_found(tasks_app: Callable[..., Any]) -> None:
    """The error contains the id."""
    async with tasks_app(mode=RunMode.CLI) as app:
        with pytest.raises(NotFound, match="Job not found: unknown"):
            await app.get(Tasks).job("unknown")


class FakeTransactions(Transactions):
    """Records the callbacks that wait for a commit."""

    def __init__(self) -> None:
        self.open = False
        self.callbacks: list[Any] = []

    async def after_commit(self, callback: Callable[..., Any], *args: Any) -> None:
        self.callbacks.append((callback, args))

    def before_commit(self, callback: Callable[..., Any], item: Any) -> bool:
        return False

    @property
    def is_open(self) -> bool:
        return self.open


class FakeTransactionsInitializer(Initializer):
    name = "transactions"

    async def initialize(self, app: Application) -> None:
        app.provide(Transactions, FakeTransactions())


async def test_in_a_transaction_a_job_is_enqueued_after_the_commit(
    tasks_app: Callable[..., Any],
) -> None:
    """Its inputs are validated at once. Outside a transaction it is enqueued at once."""
    async with tasks_app(Sum, FakeTransactionsInitializer) as app:
        tasks, transactions = app.get(Tasks), app.get(Transactions)
        transactions.open = True
        id = await tasks.enqueue(Sum, {"a": 1})
        with pytest.raises(InvalidInput):
            await tasks.enqueue(Sum, {})
        with pytest.raises(NotFound):
            await tasks.job(id)

        [(callback, args)] = transactions.callbacks
        await callback(*args)
        committed = await tasks.wait(id)
        transactions.open = False
        outside = await tasks.wait(await tasks.enqueue(Sum, {"a": 1}))

    assert committed.state is outside.state is JobState.DONE


async def test_an_unavailable_store_raises_service_unavailable(
    tasks_app: Callable[..., Any], tmp_path: Path
) -> None:
    """Without internals in the message."""
    async with tasks_app(Sum, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        await tasks.enqueue(Sum, {"a": 1})
        with sqlite3.connect(tmp_path / ".actionhero" / "tasks" / "jobs.sqlite3") as other:
            other.execute("DROP TABLE jobs")
        other.close()

        with pytest.raises(ServiceUnavailable, match="The queue of jobs is not available"):
            await tasks.enqueue(Sum, {"a": 1})


async def test_a_waiting_worker_survives_an_outage_of_the_store(
    tasks_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs the next job when the store is available again."""
    failed = asyncio.Event()
    async with tasks_app(Sum) as app:
        loop, store = asyncio.get_running_loop(), app.get(Tasks).store

        def fail(*_: Any) -> None:
            loop.call_soon_threadsafe(failed.set)
            raise StoreUnavailable("unavailable")

        with monkeypatch.context() as patch:
            patch.setattr(store, "wait", fail)
            await app.get(Tasks).enqueue(Sum, {"a": 1})
            await failed.wait()
        job = await app.get(Tasks).wait(await app.get(Tasks).enqueue(Sum, {"a": 1}))

    assert job.state is JobState.DONE


async def test_secret_inputs_of_tasks_require_a_secret_key_in_production(
    tasks_app: Callable[..., Any],
) -> None:
    """The start fails, not the first job."""

    class Mail(Action):
        name = "mail"
        task = Task()

        async def run(self, password: Secret[str]) -> None:
            """Do nothing."""

    environ = {"ACTIONHERO_ENV": "production"}
    with pytest.raises(ConfigurationError, match=r"app\.secret_key is required in production"):
        async with tasks_app(Mail, environ=environ, store="embedded"):
            pass

    async with tasks_app(Sum, environ=environ, store="embedded"):
        pass


def test_a_queue_that_is_set_twice_is_one_queue() -> None:
    """In the order in which they were set first."""
    assert TasksSettings(queues=["mail", "default", "mail"]).queues == ["mail", "default"]
