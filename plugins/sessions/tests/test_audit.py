"""The audit events of sign-ins and sign-outs with stored sessions."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp_session import get_session

from actionhero import Application, hookimpl
from actionhero_sessions import with_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.sessions.tests.conftest import Serve, Site


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns the events so far."""
    caplog.set_level(logging.INFO, "actionhero.audit")

    def read() -> list[dict[str, Any]]:
        records = [record for record in caplog.records if record.name == "actionhero.audit"]
        return [json.loads(record.getMessage()) for record in records]

    return read


def summary(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the facts that the tests compare."""
    return [
        (item["event"], item["user"], item["method"], item["action"], item["remote"])
        for item in events
    ]


async def test_sign_ins_and_sign_outs_are_recorded(
    site: Site, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """With the identifier of the request, and without that of the session."""
    async with site.browser() as browser:
        response = await browser.put("/session", json={"user": 7})
        await browser.get("/whoami")
        await browser.post("/value/set", json={"key": "color", "value": "red"})
        id = browser.cookies["__session"]
        await browser.delete("/session")
        await browser.delete("/session")

    recorded = events()
    assert summary(recorded) == [
        ("sign_in", 7, "session", "sign:in", "127.0.0.1"),
        ("sign_out", 7, "session", "sign:out", "127.0.0.1"),
    ]
    assert recorded[0]["request_id"] == response.headers["X-Request-Id"]
    assert id not in json.dumps(recorded)


async def test_a_removed_user_key_is_a_sign_out(
    site: Site, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """As is the deletion of the session; a sign-in of a call that fails is none."""
    async with site.browser() as browser:
        await browser.post("/value/set/fail", json={"key": "userId", "value": 7})
        await browser.put("/session", json={"user": 7})
        await browser.post("/value/remove", json={"key": "userId"})

    assert [item["event"] for item in events()] == ["sign_in", "sign_out"]


async def test_a_sign_out_everywhere_is_recorded(
    site: Site, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """With the number of sessions."""
    async with site.browser() as browser, site.browser() as other:
        await other.put("/session", json={"user": 7})
        await browser.put("/session", json={"user": 7})
        await browser.delete("/sessions")

    event = events()[-1]
    assert (event["event"], event["user"]) == ("session_revocation", 7)
    assert event["details"] == {"owner": 7, "count": 2}


async def sign_in(request: web.Request) -> web.Response:
    """Sign in, in a handler of aiohttp."""
    (await get_session(request))["userId"] = 8
    return web.Response()


async def sign_out(request: web.Request) -> web.Response:
    """Sign out, in a handler of aiohttp."""
    (await get_session(request)).invalidate()
    return web.Response()


class Handlers:
    """Routes of aiohttp."""

    @hookimpl
    def actionhero_web_routes(self, app: Application) -> list[Any]:
        return [
            web.get("/in", with_session(app, sign_in)),
            web.get("/out", with_session(app, sign_out)),
        ]


async def test_sign_ins_of_aiohttp_handlers_are_recorded(
    serve: Serve, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """They share their sessions with actions."""
    async with serve(Handlers()) as site, site.browser() as browser:
        for path in ("in", "out"):
            (await browser.get(f"{site.url}/{path}")).raise_for_status()

    assert summary(events()) == [
        ("sign_in", 8, "session", "", "127.0.0.1"),
        ("sign_out", 8, "session", "", "127.0.0.1"),
    ]


async def test_events_of_aiohttp_handlers_have_the_address_behind_a_proxy(
    serve: Serve, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """As those of actions."""
    async with (
        serve(Handlers(), ACTIONHERO_WEB__TRUSTED_PROXIES="127.0.0.1") as site,
        site.browser() as browser,
    ):
        headers = {"X-Forwarded-For": "192.0.2.7"}
        (await browser.get(f"{site.url}/in", headers=headers)).raise_for_status()

    assert summary(events()) == [("sign_in", 8, "session", "", "192.0.2.7")]
