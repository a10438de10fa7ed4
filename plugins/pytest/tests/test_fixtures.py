"""Each fixture, used as an application's own tests use it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Inputs, hookimpl
from actionhero_channels import Channel, Channels
from actionhero_channels import plugin as channels_plugin
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_tasks import Tasks
from actionhero_tasks import plugin as tasks_plugin
from actionhero_web import plugin as web_plugin
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    import aiohttp
    import time_machine

    from actionhero.testing import Caller, RunningApp
    from actionhero_channels.testing import Said
    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_websocket.client import Client
    from pytest_actionhero import JobQueue


class Visit(Action):
    """Count the visits of one session."""

    name = "visit"
    web = "GET /visit"

    async def run(self, call: Call) -> dict[str, int]:
        call.session["visits"] = call.session.get("visits", 0) + 1
        return {"visits": call.session["visits"]}


class NoteInputs(Inputs):
    text: str


class Note(Action):
    """Tell everybody."""

    name = "note"

    async def run(self, inputs: NoteInputs, call: Call) -> None:
        await call.get(Channels).broadcast("notes", {"text": inputs.text})


class Later(Action):
    """Tell everybody later, or fail."""

    name = "later"

    async def run(self, inputs: NoteInputs, call: Call) -> None:
        await call.get(Tasks).enqueue(Count, {"text": inputs.text})


class Count(Action):
    """Count letters."""

    name = "count"

    async def run(self, inputs: NoteInputs) -> int:
        if not inputs.text:
            raise ValueError("nothing to count")
        return len(inputs.text)


class Notes(Channel):
    """What was noted."""

    name = "notes"


class NotesPlugin:
    """Brings the channel, which is found in an application only."""

    @hookimpl
    def actionhero_channels(self) -> list[Any]:
        return [Notes]


SOCKETS = (web_plugin, redis_plugin, channels_plugin, websocket_plugin)


@pytest.mark.actionhero(plugins=[Visit])
async def test_an_action_is_called_without_a_socket(caller: Caller) -> None:
    """A caller keeps a session from one call to the next."""
    await caller.call("visit")

    assert await caller.call("visit") == {"visits": 2}


@pytest.mark.actionhero(plugins=[Visit])
async def test_two_who_connect_are_two(app: RunningApp, caller: Caller) -> None:
    """Who is new has a session of their own."""
    await caller.call("visit")

    assert await app.connect().call("visit") == {"visits": 1}


@pytest.mark.actionhero(plugins=[Visit, web_plugin, redis_plugin, sessions_plugin])
async def test_a_client_of_http_keeps_its_cookies(
    http: aiohttp.ClientSession, redis_server: ThrowAwayRedis
) -> None:
    """A second request comes from the same visitor."""
    for visits in (1, 2):
        async with http.get("/api/visit") as answer:
            assert await answer.json() == {"visits": visits}


@pytest.mark.actionhero(plugins=[*SOCKETS, Visit])
async def test_a_socket_is_open(websocket: Client, redis_server: ThrowAwayRedis) -> None:
    """A client calls over WebSocket; its connection keeps the session."""
    await websocket.call("visit")

    assert await websocket.call("visit") == {"visits": 2}


@pytest.mark.actionhero(plugins=[Note, NotesPlugin(), redis_plugin, channels_plugin])
async def test_a_broadcast_is_captured(
    caller: Caller, broadcasts: list[Said], redis_server: ThrowAwayRedis
) -> None:
    """What was said is there when the call has ended."""
    await caller.call("note", text="Hello")

    assert [(said.channel, said.message) for said in broadcasts] == [("notes", {"text": "Hello"})]


@pytest.mark.actionhero(plugins=[Later, Count, tasks_plugin])
async def test_jobs_run_when_the_queue_is_drained(caller: Caller, job_queue: JobQueue) -> None:
    """Each runs once, and its result is known."""
    await caller.call("later", text="four")
    await caller.call("later", text="three")

    assert [settled.result for settled in await job_queue.drain()] == [b"4", b"5"]
    assert await job_queue.drain() == []


@pytest.mark.actionhero(plugins=[Later, Count, tasks_plugin])
async def test_a_job_that_fails_is_told(caller: Caller, job_queue: JobQueue) -> None:
    """A test does not pass while its jobs fail unseen."""
    await caller.call("later", text="")

    with pytest.raises(AssertionError, match="of 1 jobs 1 failed"):
        await job_queue.drain()


@pytest.mark.actionhero(plugins=[db_plugin])
def test_each_test_has_a_database_of_its_own(app: RunningApp, database_url: str) -> None:
    """It is the one that the test can look into."""
    from actionhero_db import DbSettings

    assert app.get(DbSettings).url is not None
    assert database_url.startswith(("sqlite://", "postgres://"))


@pytest.mark.actionhero(plugins=[Visit])
async def test_the_clock_stands_still_until_it_is_moved(
    clock: time_machine.Traveller, caller: Caller
) -> None:
    """Calls go on as ever, and an hour passes when the test says so."""
    await caller.call("visit")
    assert datetime.now(UTC) == datetime(2026, 1, 1, 12, tzinfo=UTC)

    before = time.time()
    clock.shift(3600)

    assert time.time() - before == 3600
    assert await caller.call("visit") == {"visits": 2}
