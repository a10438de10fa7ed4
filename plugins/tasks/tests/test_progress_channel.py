"""The progress of jobs on their channels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_channels.plugin
import actionhero_redis.plugin
from actionhero import Action, Call, ChannelRefused, Inputs
from actionhero_channels import Channels, RecordingSubscriber, captured_broadcasts
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks import Task, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from actionhero.testing import RunningApp

pytestmark = pytest.mark.usefixtures("limit")


class ExportInputs(Inputs):
    fails: bool = False


class Export(Action):
    """Report progress, from the event loop and from a thread, and wait in between."""

    name = "export"
    task = Task(retries=0)
    go_on = asyncio.Event()

    async def run(self, inputs: ExportInputs, call: Call) -> None:
        call.progress(0, 3)
        await self.go_on.wait()
        await asyncio.to_thread(call.progress, 2, 3)
        if inputs.fails:
            raise RuntimeError("the disk is full")


class Quiet(Action):
    """Report no progress."""

    name = "quiet"

    async def run(self) -> None:
        """Do nothing."""


class StartExport(Action):
    """Enqueue for the user of the session."""

    name = "export:start"

    async def run(self, inputs: ExportInputs, call: Call) -> str:
        call.session["userId"] = 7
        return await call.get(Tasks).enqueue(Export, inputs)


@pytest.fixture
async def app(tasks_app: Callable[..., Any]) -> AsyncIterator[RunningApp]:
    """An application with channels that runs jobs."""
    Export.go_on = asyncio.Event()
    with throw_away_redis() as server:
        async with tasks_app(
            *(Export, Quiet, StartExport),
            plugins=(actionhero_redis.plugin, actionhero_channels.plugin),
            environ={"REDIS_URL": server.url},
            run_in_server=True,
        ) as app:
            yield app
            # Otherwise the stop waits for jobs that wait for it.
            Export.go_on.set()


async def subscribe(app: RunningApp, id: str, user: Any) -> RecordingSubscriber:
    """Subscribe to the channel of a job as a user."""
    from actionhero import Session

    subscriber = RecordingSubscriber()
    session = Session(values={} if user is None else {"userId": user})
    await app.get(Channels).subscribe(subscriber, f"job:{id}", session=session)
    return subscriber


@pytest.mark.parametrize(("fails", "state"), [(False, "done"), (True, "dead")])
async def test_the_user_receives_the_progress_and_the_end(
    app: RunningApp, fails: bool, state: str
) -> None:
    """In this order."""
    id = await app.call("export:start", fails=fails)
    subscriber = await subscribe(app, id, 7)

    Export.go_on.set()
    await app.get(Tasks).wait(id)
    while not any(m.message["state"] == state for m in subscriber.deliveries):  # noqa: ASYNC110
        await asyncio.sleep(0.01)

    messages = [delivery.message for delivery in subscriber.deliveries]
    assert messages[-1] == {"state": state, "done": 2, "total": 3}
    assert messages[:-1] in (
        [],
        [{"state": "running", "done": 0, "total": 3}],
        [{"state": "running", "done": 2, "total": 3}],
        [{"state": "running", "done": n, "total": 3} for n in (0, 2)],
    )


@pytest.mark.parametrize("user", [8, None, ""])
async def test_others_are_refused(app: RunningApp, user: Any) -> None:
    """As for an unknown job, so that the ids of jobs are not disclosed."""
    id = await app.call("export:start")
    without_user = await app.get(Tasks).enqueue(Quiet)

    for job_id in (id, without_user, "unknown"):
        with pytest.raises(ChannelRefused, match="Only the user who enqueued the job"):
            await subscribe(app, job_id, user)


async def test_jobs_without_progress_publish_nothing(app: RunningApp) -> None:
    """So they cost nothing."""
    with captured_broadcasts(app) as broadcasts:
        await app.get(Tasks).wait(await app.get(Tasks).enqueue(Quiet))
        id = await app.call("export:start")
        Export.go_on.set()
        await app.get(Tasks).wait(id)
        while not any(each.message["state"] == "done" for each in broadcasts):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert {each.channel for each in broadcasts} == {f"job:{id}"}


async def test_without_channels_progress_is_stored_only(tasks_app: Callable[..., Any]) -> None:
    """Jobs do not require actionhero-channels."""
    Export.go_on = asyncio.Event()
    Export.go_on.set()
    async with tasks_app(Export) as app:
        tasks = app.get(Tasks)
        job = await tasks.wait(await tasks.enqueue(Export))

    assert job.state == "done"


async def test_the_channel_can_be_disabled(tasks_app: Callable[..., Any]) -> None:
    """By a setting."""
    Export.go_on = asyncio.Event()
    with throw_away_redis() as server:
        async with tasks_app(
            Export,
            plugins=(actionhero_redis.plugin, actionhero_channels.plugin),
            environ={"REDIS_URL": server.url},
            publish_progress=False,
        ) as app:
            with pytest.raises(ValueError, match="unknown channel 'job:1'"):
                await app.get(Channels).broadcast("job:1", {})
