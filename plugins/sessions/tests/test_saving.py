"""When what an action changed is kept, and what becomes of calls that cross."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp.web import Response
from multidict import CIMultiDict

from actionhero import Action, Call, Connection, Inputs, ServiceUnavailable
from actionhero.errors import BootError
from actionhero.testing import running_app
from actionhero_sessions import Sessions
from actionhero_sessions import plugin as sessions_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from plugins.sessions.tests.conftest import Serve, Site

    from actionhero_redis.testing import ThrowAwayRedis


class HeldInputs(Inputs):
    writes: bool


class Request:
    """What a session needs of the request that opened a socket."""

    scheme = "http"
    remote = "127.0.0.1"

    def __init__(self, cookie: str = "") -> None:
        self.headers = CIMultiDict({"Cookie": f"__session={cookie}"} if cookie else {})


async def test_changes_are_kept_only_if_there_is_a_value(site: Site) -> None:
    """An action that fails has changed nothing."""
    async with site.browser() as browser:
        failed = await browser.post("/remember/fail", json={"key": "a", "value": 1})
        assert (failed.status_code, "Set-Cookie" in failed.headers) == (409, False)
        assert site.keys == []

        await browser.put("/session", json={"user": 7})
        await browser.post("/remember/fail", json={"key": "a", "value": 1})

        assert (await browser.get("/recall")).json() == {"userId": 7}


async def test_a_new_identifier_counts_also_if_the_action_then_fails(site: Site) -> None:
    """The old one is gone by then, so the browser must learn the new one."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        before = browser.cookies["__session"]

        assert (await browser.post("/renew/fail")).status_code == 409

        assert browser.cookies["__session"] != before
        assert (await browser.get("/whoami")).json() == 7


async def test_what_cannot_be_kept_is_told_in_the_log_and_not_to_the_caller(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The message names the key; the caller learns nothing of our insides."""
    async with site.browser() as browser:
        answer = await browser.post("/remember/oddly")

    assert answer.status_code == 500
    assert "session key 'odd' has a value that cannot be kept: " in caplog.text
    assert caplog.text.count("; assign what JSON can hold") >= 1
    assert site.keys == []


async def test_a_key_that_is_removed_is_gone(site: Site) -> None:
    """And the others stay, whatever they are called and hold."""
    kept = {"created": "x", "indexed": None, ":": {"ü": [1, 2.5, True]}, "": "empty"}
    async with site.browser() as browser:
        for key, value in {**kept, "b": 1}.items():
            await browser.post("/remember", json={"key": key, "value": value})
        await browser.post("/forget", json={"key": "b"})

        assert (await browser.get("/recall")).json() == kept


async def test_an_action_inside_of_another_shares_its_session(serve: Serve) -> None:
    """What one writes the other reads, and it is kept once."""

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

        assert (await browser.get("/recall")).json() == {"outer": 1, "inner": 1}
        assert len(site.keys) == 1


async def test_every_kind_of_answer_has_the_cookie(serve: Serve) -> None:
    """No body, a long one that is compressed, one of aiohttp's own, an error."""

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

    class Raw(Action):
        name = "raw"
        web = "POST /raw"

        async def run(self, call: Call) -> Response:
            call.session["a"] = 1
            return Response(text="raw")

    async with serve(Empty, Long, Raw) as site:
        for path in ("/empty", "/long", "/raw"):
            async with site.browser() as browser:
                answer = await browser.post(path)
                assert (path, answer.is_success) == (path, True)
                assert (await browser.get("/recall")).json() == {"a": 1}
                refused = await browser.post("/remember", json={})
                assert refused.status_code == 422
                assert refused.headers["Set-Cookie"] == answer.headers["Set-Cookie"]


async def test_what_a_stream_remembers_before_its_first_item_has_the_cookie(serve: Serve) -> None:
    """It is kept before the head goes out; what comes later is kept when the stream has ended."""

    class Streaming(Action):
        name = "streaming"
        web = "POST /streaming"

        async def run(self, call: Call) -> AsyncIterator[int]:
            call.session["before"] = 1
            yield 1
            call.session["after"] = 2

    async with serve(Streaming) as site, site.browser() as browser:
        answer = await browser.post("/streaming")

        assert answer.text == "data: 1\n\n"
        assert browser.cookies["__session"]
        assert (await browser.get("/recall")).json() == {"before": 1, "after": 2}


class Held(Action):
    """Write to the session, or only look, once somebody says so."""

    name = "held"
    web = "POST /held"
    entered: asyncio.Event
    released: asyncio.Event

    async def run(self, inputs: HeldInputs, call: Call) -> None:
        self.entered.set()
        await self.released.wait()
        if inputs.writes:
            call.session["late"] = 1


@pytest.fixture
def held() -> type[Held]:
    """Give an action that holds on, with events of its own."""

    class Own(Held):
        entered, released = asyncio.Event(), asyncio.Event()

    return Own


BOTH_PROFILES = pytest.mark.parametrize("profile", ["standard", "actionhero"])
WRITES = pytest.mark.parametrize("writes", [True, False], ids=["writes", "looks"])


@BOTH_PROFILES
@WRITES
async def test_a_call_that_still_runs_does_not_bring_back_what_was_ended(
    serve: Serve, held: type[Held], profile: str, *, writes: bool
) -> None:
    """Signed out is signed out, whatever another tab was doing."""
    async with serve(held, ACTIONHERO_WEB__ERROR_FORMAT=profile) as site, site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
        slow = asyncio.create_task(browser.post("/held", json={"writes": writes}))
        await held.entered.wait()
        await browser.delete("/session")
        held.released.set()
        answer = await slow

        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert site.key(cookie) not in site.keys
        assert browser.cookies.get("__session") != cookie


@BOTH_PROFILES
@WRITES
async def test_a_call_that_still_runs_does_not_sign_out_who_signs_in(
    serve: Serve, held: type[Held], profile: str, *, writes: bool
) -> None:
    """Its answer comes after the one with the new cookie, and leaves that alone."""
    async with serve(held, ACTIONHERO_WEB__ERROR_FORMAT=profile) as site, site.browser() as browser:
        await browser.post("/remember", json={"key": "basket", "value": ["tea"]})
        slow = asyncio.create_task(browser.post("/held", json={"writes": writes}))
        await held.entered.wait()
        await browser.put("/session", json={"user": 7})
        held.released.set()
        answer = await slow

        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert (await browser.get("/recall")).json() == {"basket": ["tea"], "userId": 7}


async def test_who_renews_what_was_ended_meanwhile_begins_anew(site: Site) -> None:
    """Signed out everywhere, and signing in: nothing of the old session is carried over."""
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


async def test_over_a_socket_the_connection_gets_a_session_of_its_own(site: Site) -> None:
    """No cookie can be set there, so the one that the browser has goes on to work."""
    sessions = site.app.get(Sessions)
    async with site.browser() as browser:
        await browser.post("/remember", json={"key": "a", "value": 1})
        socket = Connection("websocket", raw=Request(browser.cookies["__session"]))
        session = await sessions.open(socket)

        await session.regenerate()
        session["userId"] = 7
        await sessions.save(socket, session)

        assert dict(await sessions.open(socket)) == {"a": 1, "userId": 7}
        assert socket.session_id == session.id != browser.cookies["__session"]
        assert socket.answer_headers is None
        assert (await browser.get("/recall")).json() == {"a": 1}

        first = session.id
        await session.regenerate()
        assert first is not None
        assert site.key(first) not in site.keys
        await session.destroy()
        assert dict(await sessions.open(socket)) == {}
        assert (await browser.get("/recall")).json() == {"a": 1}


async def test_calls_that_begin_a_session_over_one_socket_share_it(site: Site) -> None:
    """Two at once, before there was one: neither loses what it wrote."""
    sessions = site.app.get(Sessions)
    socket = Connection("websocket", raw=Request())
    one, two = await sessions.open(socket), await sessions.open(socket)
    one["a"], two["b"] = 1, 2

    await asyncio.gather(sessions.save(socket, one), sessions.save(socket, two))

    assert dict(await sessions.open(socket)) == {"a": 1, "b": 2}
    assert len(site.keys) == 1


async def test_elsewhere_a_session_is_memory(site: Site) -> None:
    """Command line, tasks and tests: it lives as long as its connection."""
    caller = site.app.connect()

    await caller.call("sign:in", user=7)

    assert await caller.call("whoami") == 7
    assert site.keys == []
    await caller.call("sign:out")
    assert await caller.call("recall") == {}


async def test_while_redis_is_away_only_who_has_a_session_notices(
    serve: Serve, redis_server: ThrowAwayRedis
) -> None:
    """503 for them, answers for visitors, and then all is as before."""
    quick = {"ACTIONHERO_REDIS__RETRY_BACKOFF": "1ms", "ACTIONHERO_REDIS__RETRIES": "1"}
    async with serve(**quick) as site, site.browser() as browser, site.browser() as visitor:
        await browser.put("/session", json={"user": 7})
        # It may keep its last second to itself when it is killed.
        redis_server.stop()

        away = await browser.get("/whoami")
        assert away.status_code == 503
        assert away.json()["error"]["type"] == ServiceUnavailable("").type
        assert (await visitor.get("/plain")).json() == "plain"

        redis_server.start()
        assert (await browser.get("/whoami")).json() == 7


async def test_without_the_redis_plugin_nothing_starts() -> None:
    """The message names both."""
    with pytest.raises(BootError, match=r"sessions.*redis"):
        async with running_app(sessions_plugin):
            pass
