"""Saving changes, and concurrent calls of one session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.web import Response
from multidict import CIMultiDict

from actionhero import Action, Call, Connection, Inputs, ServiceUnavailable, Session
from actionhero.errors import BootError
from actionhero.testing import running_app
from actionhero_redis import RedisClients
from actionhero_sessions import Sessions
from actionhero_sessions import plugin as sessions_plugin
from actionhero_sessions.records import _LOAD, _POP, _WRITE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from plugins.sessions.tests.conftest import Serve, Site

    from actionhero_redis.testing import ThrowAwayRedis


class BlockedInputs(Inputs):
    writes: bool


class Request:
    """The parts of a request that sessions use."""

    scheme = "http"
    remote = "127.0.0.1"

    def __init__(self, cookie: str = "") -> None:
        self.headers = CIMultiDict({"Cookie": f"__session={cookie}"} if cookie else {})


async def test_changes_of_failed_calls_are_discarded(site: Site) -> None:
    """No record and no cookie is created."""
    async with site.browser() as browser:
        failed = await browser.post("/value/set/fail", json={"key": "a", "value": 1})
        assert (failed.status_code, "Set-Cookie" in failed.headers) == (409, False)
        assert site.keys == []

        await browser.put("/session", json={"user": 7})
        await browser.post("/value/set/fail", json={"key": "a", "value": 1})

        assert (await browser.get("/values")).json() == {"userId": 7}


async def test_a_regenerated_identifier_is_sent_also_by_failed_calls(site: Site) -> None:
    """The old record is already deleted."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        before = browser.cookies["__session"]

        assert (await browser.post("/regenerate/fail")).status_code == 409

        assert browser.cookies["__session"] != before
        assert (await browser.get("/whoami")).json() == 7


async def test_unserializable_values_are_logged_and_hidden_from_clients(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The log message names the key."""
    async with site.browser() as browser:
        response = await browser.post("/value/set/unserializable")

    assert response.status_code == 500
    assert "session key 'object' has a value that cannot be stored: " in caplog.text
    assert caplog.text.count("; assign a JSON value") >= 1
    assert site.keys == []


async def test_a_removed_key_is_deleted(site: Site) -> None:
    """Other keys remain, with any name and any JSON value."""
    values = {"created": "x", "indexed": None, ":": {"ü": [1, 2.5, True]}, "": "empty"}
    async with site.browser() as browser:
        for key, value in {**values, "b": 1}.items():
            await browser.post("/value/set", json={"key": key, "value": value})
        await browser.post("/value/remove", json={"key": "b"})

        assert (await browser.get("/values")).json() == values


async def test_a_nested_call_shares_the_session(serve: Serve) -> None:
    """One record is written."""

    class Inner(Action):
        name = "inner"

        async def run(self, call: Call) -> None:
            call.session["inner"] = call.session["outer"]

    class Outer(Action):
        name = "outer"
        web = "POST /outer"

        async def run(self, call: Call) -> None:
            call.session["outer"] = 1
            await call.run(Inner)

    async with serve(Inner, Outer) as site, site.browser() as browser:
        await browser.post("/outer")

        assert (await browser.get("/values")).json() == {"outer": 1, "inner": 1}
        assert len(site.keys) == 1


async def test_every_kind_of_response_has_the_cookie(serve: Serve) -> None:
    """Empty, compressed, a response of aiohttp, an error."""

    class Empty(Action):
        name = "empty"
        web = {"method": "POST", "path": "/empty", "status": 204}

        async def run(self, call: Call) -> None:
            call.session["a"] = 1

    class Long(Action):
        name = "long"
        web = "POST /long"

        async def run(self, call: Call) -> str:
            call.session["a"] = 1
            return "long" * 1000

    class Native(Action):
        name = "native"
        web = "POST /native"

        async def run(self, call: Call) -> Response:
            call.session["a"] = 1
            return Response(text="native")

    async with serve(Empty, Long, Native) as site:
        for path in ("/empty", "/long", "/native"):
            async with site.browser() as browser:
                response = await browser.post(path)
                assert (path, response.is_success) == (path, True)
                assert (await browser.get("/values")).json() == {"a": 1}
                refused = await browser.post("/value/set", json={})
                assert refused.status_code == 422
                assert refused.headers["Set-Cookie"] == response.headers["Set-Cookie"]


async def test_changes_before_the_first_item_of_a_stream_set_the_cookie(serve: Serve) -> None:
    """They are saved before the headers are sent, and later changes at the end of the stream."""

    class Streaming(Action):
        name = "streaming"
        web = "POST /streaming"

        async def run(self, call: Call) -> AsyncIterator[int]:
            call.session["before"] = 1
            yield 1
            call.session["after"] = 2

    async with serve(Streaming) as site, site.browser() as browser:
        response = await browser.post("/streaming")

        assert response.text == "data: 1\n\n"
        assert browser.cookies["__session"]
        assert (await browser.get("/values")).json() == {"before": 1, "after": 2}


class Blocked(Action):
    """Wait for an event, and write to the session if the inputs say so."""

    name = "blocked"
    web = "POST /blocked"
    entered: asyncio.Event
    released: asyncio.Event

    async def run(self, inputs: BlockedInputs, call: Call) -> None:
        self.entered.set()
        await self.released.wait()
        if inputs.writes:
            call.session["late"] = 1


@pytest.fixture
def blocked() -> type[Blocked]:
    """An action that blocks, with its own events."""

    class Own(Blocked):
        entered, released = asyncio.Event(), asyncio.Event()

    return Own


BOTH_FORMATS = pytest.mark.parametrize("error_format", ["standard", "actionhero"])
WRITES = pytest.mark.parametrize("writes", [True, False], ids=["writes", "reads"])


@BOTH_FORMATS
@WRITES
async def test_a_running_call_does_not_restore_an_ended_session(
    serve: Serve, blocked: type[Blocked], error_format: str, *, writes: bool
) -> None:
    """After sign-out in another tab."""
    async with (
        serve(blocked, ACTIONHERO_WEB__ERROR_FORMAT=error_format) as site,
        site.browser() as browser,
    ):
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
        slow = asyncio.create_task(browser.post("/blocked", json={"writes": writes}))
        await blocked.entered.wait()
        await browser.delete("/session")
        blocked.released.set()
        response = await slow

        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
        assert site.key(cookie) not in site.keys
        assert browser.cookies.get("__session") != cookie


@BOTH_FORMATS
@WRITES
async def test_a_running_call_does_not_overwrite_the_cookie_of_a_sign_in(
    serve: Serve, blocked: type[Blocked], error_format: str, *, writes: bool
) -> None:
    """Its response arrives after the new cookie."""
    async with (
        serve(blocked, ACTIONHERO_WEB__ERROR_FORMAT=error_format) as site,
        site.browser() as browser,
    ):
        await browser.post("/value/set", json={"key": "basket", "value": ["tea"]})
        slow = asyncio.create_task(browser.post("/blocked", json={"writes": writes}))
        await blocked.entered.wait()
        await browser.put("/session", json={"user": 7})
        blocked.released.set()
        response = await slow

        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
        assert (await browser.get("/values")).json() == {"basket": ["tea"], "userId": 7}


async def test_regenerating_an_ended_session_starts_an_empty_one(site: Site) -> None:
    """After `destroy_all`, the old values are not copied."""
    sessions = site.app.get(Sessions)
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
    connection = Connection("web", raw=Request(browser.cookies["__session"]))
    session = await sessions.open(connection)
    session["new"] = 1
    await sessions.destroy_all(7)

    await session.regenerate()
    await sessions.save(connection, session)

    again = await sessions.open(Connection("web", raw=Request(session.id or "")))
    assert dict(again) == dict(session) == {"new": 1}


@pytest.mark.parametrize(
    ("transport", "script"),
    [
        pytest.param("web", _LOAD, id="web-load"),
        pytest.param("web", _WRITE, id="web-write"),
        pytest.param("web", _POP, id="web-pop"),
        pytest.param("websocket", _LOAD, id="websocket-load"),
        pytest.param("websocket", _WRITE, id="websocket-write"),
    ],
)
async def test_destroy_all_ends_sessions_that_are_regenerated_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch, transport: str, script: Any
) -> None:
    """The values of a session that has ended are not those of the new one."""
    sessions = site.app.get(Sessions)
    run_script = RedisClients.run_script
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
    connection = Connection(transport, raw=Request(cookie))
    session = await sessions.open(connection)

    async def destroy_and_run(clients: RedisClients, each: Any, *arguments: Any) -> Any:
        if each is script:
            monkeypatch.undo()
            await sessions.destroy_all(7)
        return await run_script(clients, each, *arguments)

    monkeypatch.setattr(RedisClients, "run_script", destroy_and_run)
    await session.regenerate()
    session["new"] = 1
    await sessions.save(connection, session)

    again = await sessions.open(Connection("web", raw=Request(session.id or "")))
    assert "userId" not in session
    assert dict(again) == {"new": 1}
    assert [key for key in site.keys if ":of:" not in key] == [site.key(session.id or "")]


async def test_destroy_all_ends_a_copy_that_would_be_written_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Because another call has changed the session, which is then regenerated."""
    sessions = site.app.get(Sessions)
    run_script = RedisClients.run_script
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
    connection, other = (Connection("web", raw=Request(cookie)) for _ in range(2))
    session, changed = await sessions.open(connection), await sessions.open(other)

    async def change_and_run(clients: RedisClients, each: Any, *arguments: Any) -> Any:
        if each is not _POP:
            return await run_script(clients, each, *arguments)
        monkeypatch.undo()
        changed["added"] = 2
        await sessions.save(other, changed)
        fields = await run_script(clients, each, *arguments)
        await sessions.destroy_all(7)
        return fields

    monkeypatch.setattr(RedisClients, "run_script", change_and_run)
    await session.regenerate()
    session["new"] = 1
    await sessions.save(connection, session)

    assert "userId" not in session
    again = await sessions.open(Connection("web", raw=Request(session.id or "")))
    assert dict(again) == {"new": 1}
    assert site.keys == [site.key(session.id or "")]


async def test_regenerate_keeps_the_changes_of_other_calls(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those between the copy of the values and the end of the old session."""
    sessions = site.app.get(Sessions)
    run_script = RedisClients.run_script
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        await browser.post("/value/set", json={"key": "removed", "value": 1})
        cookie = browser.cookies["__session"]
        connection, other = (Connection("web", raw=Request(cookie)) for _ in range(2))
        session, changed = await sessions.open(connection), await sessions.open(other)

        async def change_and_run(clients: RedisClients, each: Any, *arguments: Any) -> Any:
            if each is _POP:
                monkeypatch.undo()
                changed["added"] = 2
                del changed["removed"]
                await sessions.save(other, changed)
            return await run_script(clients, each, *arguments)

        monkeypatch.setattr(RedisClients, "run_script", change_and_run)
        await session.regenerate()

    again = await sessions.open(Connection("web", raw=Request(session.id or "")))
    assert dict(again) == dict(session) == {"userId": 7, "added": 2}
    assert site.key(cookie) not in site.keys


async def test_regenerate_over_websocket_keeps_the_session_of_the_cookie(site: Site) -> None:
    """No cookie can be set there, so the connection gets its own session."""
    sessions = site.app.get(Sessions)
    async with site.browser() as browser:
        await browser.post("/value/set", json={"key": "a", "value": 1})
        socket = Connection("websocket", raw=Request(browser.cookies["__session"]))
        session = await sessions.open(socket)

        await session.regenerate()
        session["userId"] = 7
        await sessions.save(socket, session)

        assert dict(await sessions.open(socket)) == {"a": 1, "userId": 7}
        assert socket.session_id == session.id != browser.cookies["__session"]
        assert socket.response_headers is None
        assert (await browser.get("/values")).json() == {"a": 1}

        first = session.id
        await session.regenerate()
        assert first is not None
        assert site.key(first) not in site.keys
        await session.destroy()
        assert dict(await sessions.open(socket)) == {}
        assert (await browser.get("/values")).json() == {"a": 1}


async def test_concurrent_calls_of_a_websocket_create_one_session(site: Site) -> None:
    """The changes of both are saved."""
    sessions = site.app.get(Sessions)
    socket = Connection("websocket", raw=Request())
    one, two = await sessions.open(socket), await sessions.open(socket)
    one["a"], two["b"] = 1, 2

    await asyncio.gather(sessions.save(socket, one), sessions.save(socket, two))

    assert dict(await sessions.open(socket)) == {"a": 1, "b": 2}
    assert len(site.keys) == 1


async def test_a_call_of_a_websocket_does_not_restore_an_ended_session(site: Site) -> None:
    """One that another call has created after it began, and `destroy_all` has ended."""
    sessions = site.app.get(Sessions)
    socket = Connection("websocket", raw=Request())
    running = await sessions.open(socket)
    ended = await _sign_in(sessions, socket, 7)
    await sessions.destroy_all(7)

    running["late"] = 1
    await sessions.save(socket, running)

    assert running.id != ended.id
    assert site.keys == [site.key(running.id or "")]
    assert dict(await sessions.open(socket)) == {"late": 1}


@pytest.mark.parametrize("of_cookie", [True, False], ids=["cookie", "socket"])
async def test_a_running_call_of_a_websocket_does_not_undo_a_sign_in(
    site: Site, *, of_cookie: bool
) -> None:
    """It saves its changes in the session that it has opened."""
    sessions = site.app.get(Sessions)
    socket = await _socket(site)
    if not of_cookie:
        await _sign_in(sessions, socket, 6)
    running = await sessions.open(socket)

    signed_in = await _sign_in(sessions, socket, 7)
    running["late"] = 1
    await sessions.save(socket, running)

    assert socket.session_id == signed_in.id
    assert dict(await sessions.open(socket)) == {"a": 1, "userId": 7}


async def test_a_session_that_is_replaced_while_it_is_loaded_is_loaded_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a sign-in over the same WebSocket connection."""
    sessions = site.app.get(Sessions)
    socket = await _socket(site)
    session = await sessions.open(socket)
    load = sessions._records.load

    async def load_and_sign_in(id: str, *, watch: bool) -> Any:
        monkeypatch.undo()
        record = await load(id, watch=watch)
        await session.regenerate()
        session["userId"] = 7
        await sessions.save(socket, session)
        return record

    monkeypatch.setattr(sessions._records, "load", load_and_sign_in)

    assert dict(await sessions.open(socket)) == {"a": 1, "userId": 7}
    assert dict(await sessions.open(socket)) == {"a": 1, "userId": 7}


async def _socket(site: Site) -> Connection:
    """Return a WebSocket connection whose cookie has a session."""
    async with site.browser() as browser:
        await browser.post("/value/set", json={"key": "a", "value": 1})
        return Connection("websocket", raw=Request(browser.cookies["__session"]))


async def _sign_in(sessions: Sessions, socket: Connection, user: int) -> Session:
    session = await sessions.open(socket)
    await session.regenerate()
    session["userId"] = user
    await sessions.save(socket, session)
    return session


async def test_other_transports_have_sessions_in_memory(site: Site) -> None:
    """On the command line, in tasks and in tests a session ends with its connection."""
    caller = site.app.connect()

    await caller.call("sign:in", user=7)

    assert await caller.call("whoami") == 7
    assert site.keys == []
    await caller.call("sign:out")
    assert await caller.call("values") == {}


async def test_an_outage_of_redis_affects_only_clients_with_a_session(
    serve: Serve, redis_server: ThrowAwayRedis
) -> None:
    """They get 503 until Redis is available again."""
    short_delays = {"ACTIONHERO_REDIS__RETRY_BACKOFF": "1ms", "ACTIONHERO_REDIS__RETRIES": "1"}
    async with (
        serve(**short_delays) as site,
        site.browser() as browser,
        site.browser() as anonymous,
    ):
        await browser.put("/session", json={"user": 7})
        # Not killed, because a killed server may lose the writes of the last second.
        redis_server.stop()

        failed = await browser.get("/whoami")
        assert failed.status_code == 503
        assert failed.json()["error"]["type"] == ServiceUnavailable("").type
        assert (await anonymous.get("/plain")).json() == "plain"

        redis_server.start()
        assert (await browser.get("/whoami")).json() == 7


async def test_sessions_require_the_redis_plugin() -> None:
    """The message names both plugins."""
    with pytest.raises(BootError, match=r"sessions.*redis"):
        async with running_app(sessions_plugin):
            pass
