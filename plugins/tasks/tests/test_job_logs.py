"""The log lines of a job, found by its id."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pytest

from actionhero import Action, Call, ServiceUnavailable, logs
from actionhero_tasks import JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("limit")

logger = logging.getLogger("shop")


class Note(Action):
    """Log a line."""

    name = "note"

    async def run(self) -> None:
        logger.info("noted in a nested call")


class Report(Action):
    """Log lines in a task, a thread and a nested call."""

    name = "report"
    task = Task(retries=0)

    async def run(self, call: Call) -> None:
        logger.info("reporting")
        await asyncio.create_task(self.collect())
        await asyncio.to_thread(logger.info, "compressed in a thread")
        await call.run(Note)
        raise RuntimeError("the disk is full")

    async def collect(self) -> None:
        logger.info("collected in a task")


class Index(Action):
    """Fail at the first attempt."""

    name = "index"
    task = Task(retries=3, backoff=timedelta(milliseconds=10))
    attempts: ClassVar[list[str]] = []

    async def run(self, call: Call) -> None:
        self.attempts.append(call.connection.id)
        if self.attempts.count(call.connection.id) == 1:
            raise ServiceUnavailable("the index is not available")


@pytest.fixture
def log_to() -> Iterator[Callable[[Literal["json", "console"]], io.StringIO]]:
    """Return a function that configures the log, and returns its stream."""

    def configure(format_: Literal["json", "console"]) -> io.StringIO:
        stream = io.StringIO()
        logs.configure("info", format_, colors=False, stream=stream)
        return stream

    yield configure
    logs.shutdown()


async def run_jobs(tasks_app: Callable[..., Any]) -> list[str]:
    """Run two jobs concurrently to their end, and return their ids."""
    async with tasks_app(Report, Note) as app:
        app.app.pipeline.call_log = logs.call_log
        tasks = app.app.get(Tasks)
        ids: list[str] = await tasks.enqueue_many(Report, [None, None])
        states = [(await tasks.wait(id)).state for id in ids]
    logs.call_log.flush()
    assert states == [JobState.DEAD, JobState.DEAD]
    return ids


async def test_every_line_of_a_job_has_its_id_in_json(
    tasks_app: Callable[..., Any], log_to: Callable[..., io.StringIO]
) -> None:
    """Lines of the action, of its tasks and threads, of its nested calls, and of the worker."""
    stream = log_to("json")

    ids = await run_jobs(tasks_app)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for id in ids:
        messages = [line["message"] for line in lines if line.get("job") == id]
        assert messages[:4] == [
            "reporting",
            "collected in a task",
            "compressed in a thread",
            "noted in a nested call",
        ]
        calls = [line for line in lines if line.get("job") == id and line["message"] == "call"]
        assert [line["action"] for line in calls] == ["note", "report"]
        assert f"job {id} of 'report' has failed permanently: Internal error" in messages
        failures = [line for line in lines if line.get("job") == id and "exception" in line]
        assert [line["exception"]["message"] for line in failures] == ["the disk is full"]
    assert all(line.get("job") in ids for line in lines if line["logger"] == "shop")


async def test_every_line_of_a_job_has_its_id_as_text(
    tasks_app: Callable[..., Any], log_to: Callable[..., io.StringIO]
) -> None:
    """The lines of a job are those with `job=ID`."""
    stream = log_to("console")

    ids = await run_jobs(tasks_app)

    for id in ids:
        lines = [line for line in stream.getvalue().splitlines() if f"job={id}" in line]
        words = [
            "reporting",
            "collected",
            "compressed",
            "noted",
            "note ok",
            "report CONNECTION_ACTION_RUN",
        ]
        for word in words:
            assert any(word in line for line in lines), word


async def test_a_line_outside_of_jobs_has_no_id(
    tasks_app: Callable[..., Any], log_to: Callable[..., io.StringIO]
) -> None:
    """A call of another transport has none, although a job runs in the same process."""
    stream = log_to("json")

    async with tasks_app(Report, Note) as app:
        app.app.pipeline.call_log = logs.call_log
        await app.app.get(Tasks).enqueue(Report)
        await app.call("note")
    logs.call_log.flush()

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    calls = [line for line in lines if line["message"] == "call" and line["transport"] == "test"]
    assert len(calls) == 1
    assert "job" not in calls[0]


async def test_a_retry_is_logged_with_its_reason_and_its_delay(
    tasks_app: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The line of the call has the type of the error only."""
    async with tasks_app(Index) as app:
        tasks = app.app.get(Tasks)
        id = await tasks.enqueue(Index)
        job = await tasks.wait(id)

    assert job.state is JobState.DONE
    messages = [item.getMessage() for item in caplog.records if item.name == "actionhero.tasks"]
    assert [message.rpartition(" in ")[0] for message in messages if id in message] == [
        f"job {id} of 'index' has failed, attempt 1 of 4: the index is not available; it is retried"
    ]
