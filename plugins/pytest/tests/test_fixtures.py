"""The fixtures, used like in the tests of an application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator  # noqa: TC003 - resolved when the application loads
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Conflict, Inputs, InvalidInput, hookimpl
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
    from actionhero_channels.testing import CapturedBroadcast
    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_websocket.client import Client
    from pytest_actionhero import CliCaller, HttpCaller, JobQueue


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
    """Broadcast a note."""

    name = "note"

    async def run(self, inputs: NoteInputs, call: Call) -> None:
        await call.get(Channels).broadcast("notes", {"text": inputs.text})


class Later(Action):
    """Enqueue a job."""

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
    """The channel of notes."""

    name = "notes"


class NotesPlugin:
    """A plugin with the channel."""

    @hookimpl
    def actionhero_channels(self) -> list[Any]:
        return [Notes]


SOCKETS = (web_plugin, redis_plugin, channels_plugin, websocket_plugin)


@pytest.mark.actionhero(plugins=[Visit])
async def test_an_action_is_called_without_a_socket(caller: Caller) -> None:
    """A caller has one session for all its calls."""
    await caller.call("visit")

    assert await caller.call("visit") == {"visits": 2}


@pytest.mark.actionhero(plugins=[Visit])
async def test_two_callers_have_two_sessions(app: RunningApp, caller: Caller) -> None:
    """Each new caller has its own session."""
    await caller.call("visit")

    assert await app.connect().call("visit") == {"visits": 1}


@pytest.mark.actionhero(plugins=[Visit, web_plugin, redis_plugin, sessions_plugin])
async def test_the_http_client_has_cookies(
    http: aiohttp.ClientSession, redis_server: ThrowAwayRedis
) -> None:
    """Two requests belong to the same session."""
    for visits in (1, 2):
        async with http.get("/api/visit") as response:
            assert await response.json() == {"visits": visits}


@pytest.mark.actionhero(plugins=[*SOCKETS, Visit])
async def test_the_websocket_client_is_connected(
    websocket: Client, redis_server: ThrowAwayRedis
) -> None:
    """The session lives as long as the connection."""
    await websocket.call("visit")

    assert await websocket.call("visit") == {"visits": 2}


class BookInputs(Inputs):
    title: str
    pages: int
    tags: list[str] = []
    sold: bool = False


class Book(Action):
    """Return a book; one title is a conflict."""

    name = "book"
    web = "PUT /books/{title}"

    async def run(self, inputs: BookInputs) -> dict[str, Any]:
        if inputs.title == "Emma":
            raise Conflict("This book exists", key="title", value=inputs.title)
        return inputs.model_dump()


class BookFind(Action):
    """Return a book."""

    name = "book:find"
    web = "GET /books"

    async def run(self, inputs: BookInputs) -> dict[str, Any]:
        return inputs.model_dump()


class StartInputs(Inputs):
    start: int


class Countdown(Action):
    """Count down to zero, and fail for long countdowns."""

    name = "countdown"
    web = "GET /countdown"

    async def run(self, inputs: StartInputs) -> AsyncIterator[int]:
        for number in range(inputs.start, -1, -1):
            yield number
        if inputs.start > 1:
            raise Conflict("too far")


TRANSPORTS = [*SOCKETS, tasks_plugin, Book, BookFind, Countdown]


@pytest.mark.actionhero(plugins=TRANSPORTS)
async def test_all_callers_return_the_same_result(
    each_caller: Any, redis_server: ThrowAwayRedis
) -> None:
    """Over any transport, whether the inputs are JSON, text or Python values."""
    book = {"title": "Lady Susan / 2", "pages": 80, "tags": ["a", "b"], "sold": True}

    assert await each_caller.call("book", **book) == book
    assert await each_caller.call("book:find", **book) == book


@pytest.mark.actionhero(plugins=TRANSPORTS)
async def test_all_callers_raise_the_same_error(
    each_caller: Any, redis_server: ThrowAwayRedis
) -> None:
    """The class, key, value and problems are those of the action's error."""
    with pytest.raises(Conflict, match="This book exists") as conflict:
        await each_caller.call("book", title="Emma", pages=80)
    with pytest.raises(InvalidInput, match="Missing required param: pages") as invalid:
        await each_caller.call("book", title="Emma")

    assert (conflict.value.key, conflict.value.value) == ("title", "Emma")
    assert [problem.pointer for problem in invalid.value.problems] == ["/pages"]


@pytest.mark.actionhero(plugins=TRANSPORTS)
async def test_inputs_that_the_client_refuses_are_invalid(
    websocket_caller: Any, redis_server: ThrowAwayRedis
) -> None:
    """As if the server had refused them."""
    with pytest.raises(InvalidInput, match="a NUL character") as invalid:
        await websocket_caller.call("book", title="a\0", pages=80)

    assert invalid.value.key == "title"
    assert [problem.pointer for problem in invalid.value.problems] == ["/title"]


@pytest.mark.actionhero(plugins=TRANSPORTS)
async def test_all_callers_return_all_items_of_a_stream(
    each_caller: Any, redis_server: ThrowAwayRedis
) -> None:
    """An error during the stream is raised."""
    assert await each_caller.call("countdown", start=1) == [1, 0]
    with pytest.raises(Conflict, match="too far"):
        await each_caller.call("countdown", start=2)


@pytest.mark.actionhero(plugins=[Visit, web_plugin, redis_plugin, sessions_plugin])
async def test_the_http_caller_has_a_session(
    http_caller: HttpCaller, redis_server: ThrowAwayRedis
) -> None:
    """It uses the cookies of `http`."""
    await http_caller.call("visit")

    assert await http_caller.call("visit") == {"visits": 2}


@pytest.mark.actionhero(plugins=[Count, web_plugin])
async def test_the_http_caller_refuses_an_action_without_a_route(http_caller: HttpCaller) -> None:
    """A mistake in the test is not an error of the action."""
    with pytest.raises(ValueError, match="action 'count' has no route"):
        await http_caller.call("count", text="four")


@pytest.mark.actionhero(plugins=[Visit])
async def test_the_cli_caller_refuses_an_unknown_option(cli_caller: CliCaller) -> None:
    """The message is that of the command line."""
    with pytest.raises(InvalidInput, match="No such option '--missing'"):
        await cli_caller.call("visit", missing="Ada")


@pytest.mark.actionhero(plugins=[Note, NotesPlugin(), redis_plugin, channels_plugin])
async def test_a_broadcast_is_captured(
    caller: Caller, broadcasts: list[CapturedBroadcast], redis_server: ThrowAwayRedis
) -> None:
    """Broadcasts of a call are available after the call."""
    await caller.call("note", text="Hello")

    assert [(item.channel, item.message) for item in broadcasts] == [("notes", {"text": "Hello"})]


@pytest.mark.actionhero(plugins=[Later, Count, tasks_plugin])
async def test_jobs_run_when_the_queue_is_drained(caller: Caller, job_queue: JobQueue) -> None:
    """Each job runs once, and its result is available."""
    await caller.call("later", text="four")
    await caller.call("later", text="three")

    assert [settlement.result for settlement in await job_queue.drain()] == [b"4", b"5"]
    assert await job_queue.drain() == []


@pytest.mark.actionhero(plugins=[Later, Count, tasks_plugin])
async def test_a_failed_job_fails_the_test(caller: Caller, job_queue: JobQueue) -> None:
    """The error has the numbers of jobs."""
    await caller.call("later", text="")

    with pytest.raises(AssertionError, match="1 of 1 jobs failed"):
        await job_queue.drain()


@pytest.mark.actionhero(plugins=[db_plugin])
def test_each_test_has_its_own_database(app: RunningApp, database_url: str) -> None:
    """The test can connect to it."""
    from actionhero_db import DbSettings

    assert app.get(DbSettings).url is not None
    assert database_url.startswith(("sqlite://", "postgres://"))


@pytest.mark.actionhero(plugins=[Visit])
async def test_the_clock_is_frozen_until_it_is_moved(
    clock: time_machine.Traveller, caller: Caller
) -> None:
    """Calls work as usual, and the test moves the time by an hour."""
    await caller.call("visit")
    assert datetime.now(UTC) == datetime(2026, 1, 1, 12, tzinfo=UTC)

    before = time.time()
    clock.shift(3600)

    assert time.time() - before == 3600
    assert await caller.call("visit") == {"visits": 2}
