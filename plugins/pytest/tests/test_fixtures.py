"""Each fixture, used as an application's own tests use it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator  # noqa: TC003 - read when the application loads
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


class BookInputs(Inputs):
    title: str
    pages: int
    tags: list[str] = []
    sold: bool = False


class Book(Action):
    """Keep a book, and tell what was kept; of some there can be only one."""

    name = "book"
    web = "PUT /books/{title}"

    async def run(self, inputs: BookInputs) -> dict[str, Any]:
        if inputs.title == "Emma":
            raise Conflict("There is such a book", key="title", value=inputs.title)
        return inputs.model_dump()


class BookFind(Action):
    """Look for a book."""

    name = "book:find"
    web = "GET /books"

    async def run(self, inputs: BookInputs) -> dict[str, Any]:
        return inputs.model_dump()


class StartInputs(Inputs):
    start: int


class Countdown(Action):
    """Count down, and fail below nothing."""

    name = "countdown"
    web = "GET /countdown"

    async def run(self, inputs: StartInputs) -> AsyncIterator[int]:
        for number in range(inputs.start, -1, -1):
            yield number
        if inputs.start > 1:
            raise Conflict("too far")


DOORS = [*SOCKETS, tasks_plugin, Book, BookFind, Countdown]


@pytest.mark.actionhero(plugins=DOORS)
async def test_each_caller_is_answered_the_same(
    each_caller: Any, redis_server: ThrowAwayRedis
) -> None:
    """Whatever the door is: a value is a value, whether it came as JSON, as text or as it is."""
    book = {"title": "Lady Susan / 2", "pages": 80, "tags": ["a", "b"], "sold": True}

    assert await each_caller.call("book", **book) == book
    assert await each_caller.call("book:find", **book) == book


@pytest.mark.actionhero(plugins=DOORS)
async def test_each_caller_is_refused_the_same(
    each_caller: Any, redis_server: ThrowAwayRedis
) -> None:
    """A failure is raised as the error that the action raised, with all that is told of it."""
    with pytest.raises(Conflict, match="There is such a book") as conflict:
        await each_caller.call("book", title="Emma", pages=80)
    with pytest.raises(InvalidInput, match="Missing required param: pages") as invalid:
        await each_caller.call("book", title="Emma")

    assert (conflict.value.key, conflict.value.value) == ("title", "Emma")
    assert [problem.pointer for problem in invalid.value.problems] == ["/pages"]


@pytest.mark.actionhero(plugins=DOORS)
async def test_each_caller_gets_all_items_of_a_stream(
    each_caller: Any, redis_server: ThrowAwayRedis
) -> None:
    """They are there when it ends; what ends it early is raised."""
    assert await each_caller.call("countdown", start=1) == [1, 0]
    with pytest.raises(Conflict, match="too far"):
        await each_caller.call("countdown", start=2)


@pytest.mark.actionhero(plugins=[Visit, web_plugin, redis_plugin, sessions_plugin])
async def test_a_caller_over_http_keeps_a_session(
    http_caller: HttpCaller, redis_server: ThrowAwayRedis
) -> None:
    """By the cookie of the client, which is that of `http`."""
    await http_caller.call("visit")

    assert await http_caller.call("visit") == {"visits": 2}


@pytest.mark.actionhero(plugins=[Count, web_plugin])
async def test_what_http_does_not_reach_is_told(http_caller: HttpCaller) -> None:
    """A slip in the test is no failure of the action."""
    with pytest.raises(ValueError, match="action 'count' has no web"):
        await http_caller.call("count", text="four")


@pytest.mark.actionhero(plugins=[Visit])
async def test_an_option_that_there_is_not_is_told(cli_caller: CliCaller) -> None:
    """As the shell tells it."""
    with pytest.raises(InvalidInput, match="No such option '--nobody'"):
        await cli_caller.call("visit", nobody="Ada")


@pytest.mark.actionhero(plugins=[Note, NotesPlugin(), redis_plugin, channels_plugin])
async def test_a_broadcast_is_captured(
    caller: Caller, broadcasts: list[CapturedBroadcast], redis_server: ThrowAwayRedis
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
