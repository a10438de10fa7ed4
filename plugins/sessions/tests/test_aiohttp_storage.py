"""Handlers of aiohttp and actions share their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp_session import get_session, new_session, setup

from actionhero import Application, hookimpl
from actionhero_sessions import Sessions, SessionStorage, with_session

if TYPE_CHECKING:
    from plugins.sessions.tests.conftest import Serve


async def count(request: web.Request) -> web.Response:
    session = await get_session(request)
    session["count"] = session.get("count", 0) + 1
    return web.json_response(dict(session))


async def show(request: web.Request) -> web.Response:
    return web.json_response(dict(await get_session(request)))


async def start(request: web.Request) -> web.Response:
    session = await new_session(request)
    session["userId"] = 8
    return web.Response()


async def invalidate(request: web.Request) -> web.Response:
    (await get_session(request)).invalidate()
    return web.Response()


async def append(request: web.Request) -> web.Response:
    session = await get_session(request)
    session["list"].append(2)
    session.pop("count", None)
    session.changed()
    return web.Response()


HANDLERS = (count, show, start, invalidate, append)


class Handlers:
    """A plugin with a route for each handler."""

    @hookimpl
    def actionhero_web_routes(self, app: Application) -> list[Any]:
        return [
            web.post(f"/handlers/{handler.__name__}", with_session(app, handler))
            for handler in HANDLERS
        ]


class SessionSetup:
    """A plugin that sets up aiohttp-session for the whole application."""

    @hookimpl
    def actionhero_web_application(self, application: web.Application, app: Application) -> None:
        setup(application, SessionStorage(app.get(Sessions)))
        application.router.add_post("/handlers/count", count)


async def test_a_handler_and_an_action_share_one_session(serve: Serve) -> None:
    """By the same cookie."""
    async with serve(Handlers()) as site, site.browser() as browser:
        url = f"{site.url}/handlers"
        assert (await browser.post(f"{url}/show")).json() == {}
        assert site.keys == []

        assert (await browser.post(f"{url}/count")).json() == {"count": 1}
        await browser.post("/value/set", json={"key": "list", "value": [1]})
        assert (await browser.post(f"{url}/show")).json() == {"count": 1, "list": [1]}

        await browser.post(f"{url}/append")
        assert (await browser.get("/values")).json() == {"list": [1, 2]}
        assert len(site.keys) == 1


async def test_a_new_session_in_a_handler_deletes_the_old_one(serve: Serve) -> None:
    """It has a new identifier, and its user is indexed."""
    async with serve(Handlers()) as site, site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        before = browser.cookies["__session"]

        response = await browser.post(f"{site.url}/handlers/start")

        assert len(response.headers.get_list("Set-Cookie")) == 1
        assert browser.cookies["__session"] != before
        assert site.key(before) not in site.keys
        assert (await browser.get("/values")).json() == {"userId": 8}
        assert (await browser.delete("/sessions")).json() == 1


async def test_a_handler_invalidates_a_session(serve: Serve) -> None:
    """The record and the cookie are deleted."""
    async with serve(Handlers()) as site, site.browser() as browser:
        await browser.post("/value/set", json={"key": "a", "value": 1})

        response = await browser.post(f"{site.url}/handlers/invalidate")

        assert response.headers["Set-Cookie"].startswith("__session=; Max-Age=0")
        assert site.keys == []


async def test_aiohttp_session_can_be_set_up_for_all_routes(serve: Serve) -> None:
    """Actions then pass through its middleware, and still set one cookie."""
    async with serve(SessionSetup()) as site, site.browser() as browser:
        response = await browser.put("/session", json={"user": 7})

        assert len(response.headers.get_list("Set-Cookie")) == 1
        assert (await browser.post(f"{site.url}/handlers/count")).json() == {
            "count": 1,
            "userId": 7,
        }
        assert (await browser.get("/values")).json() == {"count": 1, "userId": 7}


@pytest.mark.parametrize("plugin", [Handlers(), SessionSetup()])
async def test_a_response_with_a_session_is_not_stored_by_caches(
    serve: Serve, plugin: object
) -> None:
    """Even if the handler changes nothing, and sets no cookie."""
    async with serve(plugin) as site, site.browser() as browser:
        await browser.put("/session", json={"user": 7})

        for _ in range(2):
            response = await browser.post(f"{site.url}/handlers/count")

            assert response.headers["Cache-Control"] == "no-store"
            assert "Cookie" in response.headers["Vary"]
        if isinstance(plugin, Handlers):
            unchanged = await browser.post(f"{site.url}/handlers/show")
            assert "Set-Cookie" not in unchanged.headers
            assert unchanged.headers["Cache-Control"] == "no-store"
            async with site.browser() as other:
                anonymous = await other.post(f"{site.url}/handlers/show")
            assert "Cache-Control" not in anonymous.headers
