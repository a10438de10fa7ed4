"""Handlers of aiohttp see the session that actions see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp_session import get_session, new_session, setup

from actionhero import Application, hookimpl
from actionhero_sessions import Sessions, SessionStorage, with_session

if TYPE_CHECKING:
    from plugins.sessions.tests.conftest import Serve

#: aiohttp-session names what it keeps on a request by a text, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings(
    "ignore:It is recommended to use web.RequestKey:aiohttp.web.NotAppKeyWarning"
)


async def count(request: web.Request) -> web.Response:
    session = await get_session(request)
    session["count"] = session.get("count", 0) + 1
    return web.json_response(dict(session))


async def look(request: web.Request) -> web.Response:
    return web.json_response(dict(await get_session(request)))


async def begin(request: web.Request) -> web.Response:
    session = await new_session(request)
    session["userId"] = 8
    return web.Response()


async def end(request: web.Request) -> web.Response:
    (await get_session(request)).invalidate()
    return web.Response()


async def append(request: web.Request) -> web.Response:
    session = await get_session(request)
    session["list"].append(2)
    session.pop("count", None)
    session.changed()
    return web.Response()


HANDLERS = (count, look, begin, end, append)


class Handlers:
    """Routes with a session each."""

    @hookimpl
    def actionhero_web_routes(self, app: Application) -> list[Any]:
        return [
            web.post(f"/raw/{handler.__name__}", with_session(app, handler)) for handler in HANDLERS
        ]


class Throughout:
    """The whole application with aiohttp-session, as its own documentation tells."""

    @hookimpl
    def actionhero_web_application(self, application: web.Application, app: Application) -> None:
        setup(application, SessionStorage(app.get(Sessions)))
        application.router.add_post("/raw/count", count)


async def test_a_handler_and_an_action_share_one_session(serve: Serve) -> None:
    """What one writes the other reads, by the same cookie."""
    async with serve(Handlers()) as site, site.browser() as browser:
        url = f"{site.url}/raw"
        assert (await browser.post(f"{url}/look")).json() == {}
        assert site.keys == []

        assert (await browser.post(f"{url}/count")).json() == {"count": 1}
        await browser.post("/remember", json={"key": "list", "value": [1]})
        assert (await browser.post(f"{url}/look")).json() == {"count": 1, "list": [1]}

        await browser.post(f"{url}/append")
        assert (await browser.get("/recall")).json() == {"list": [1, 2]}
        assert len(site.keys) == 1


async def test_a_new_session_in_a_handler_removes_the_old_one(serve: Serve) -> None:
    """It is empty, has another identifier, and the user is listed."""
    async with serve(Handlers()) as site, site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        before = browser.cookies["__session"]

        answer = await browser.post(f"{site.url}/raw/begin")

        assert len(answer.headers.get_list("Set-Cookie")) == 1
        assert browser.cookies["__session"] != before
        assert site.key(before) not in site.keys
        assert (await browser.get("/recall")).json() == {"userId": 8}
        assert (await browser.delete("/sessions")).json() == 1


async def test_a_handler_ends_a_session(serve: Serve) -> None:
    """`invalidate` is sign-out."""
    async with serve(Handlers()) as site, site.browser() as browser:
        await browser.post("/remember", json={"key": "a", "value": 1})

        answer = await browser.post(f"{site.url}/raw/end")

        assert answer.headers["Set-Cookie"].startswith("__session=; Max-Age=0")
        assert site.keys == []


async def test_aiohttp_session_may_be_set_up_for_everything(serve: Serve) -> None:
    """Actions then go through its middleware, and set one cookie all the same."""
    async with serve(Throughout()) as site, site.browser() as browser:
        answer = await browser.put("/session", json={"user": 7})

        assert len(answer.headers.get_list("Set-Cookie")) == 1
        assert (await browser.post(f"{site.url}/raw/count")).json() == {"count": 1, "userId": 7}
        assert (await browser.get("/recall")).json() == {"count": 1, "userId": 7}
