"""Somebody signs in with a browser, and is known again."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.sessions.tests.conftest import Serve, Site

LASTING = "; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict"


async def test_who_signs_in_is_known_until_they_sign_out(site: Site) -> None:
    """Sign in, be known, sign out, be nobody."""
    async with site.browser() as browser:
        assert (await browser.get("/whoami")).status_code == 401
        await browser.put("/session", json={"user": 7})

        assert (await browser.get("/whoami")).json() == 7

        answer = await browser.delete("/session")
        assert answer.headers["Set-Cookie"] == (
            "__session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"
        )
        refused = await browser.get("/whoami")
        assert refused.status_code == 401
        assert refused.json()["error"]["message"] == "Session not found"
        assert refused.json()["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
        assert [key for key in site.keys if ":of:" not in key] == []


async def test_two_browsers_are_two_people(site: Site) -> None:
    """What one is remembered for is nothing of the other's."""
    async with site.browser() as one, site.browser() as two:
        await one.put("/session", json={"user": 1})
        await two.put("/session", json={"user": 2})

        assert (await one.get("/whoami")).json() == 1
        assert (await two.get("/whoami")).json() == 2

        await one.delete("/session")
        assert (await one.get("/whoami")).status_code == 401
        assert (await two.get("/whoami")).json() == 2


async def test_of_a_visitor_nothing_is_written(site: Site) -> None:
    """Who only looks around leaves no trace, and gets no cookie."""
    async with site.browser() as browser:
        answers = [
            await browser.get("/plain"),
            await browser.get("/recall"),
            await browser.get("/whoami"),
            await browser.post("/renew/fail"),
            await browser.delete("/session"),
            await browser.get("/nowhere"),
        ]

    assert ["Set-Cookie" in answer.headers for answer in answers] == [False] * 6
    assert site.keys == []


async def test_the_cookie_has_every_attribute(site: Site) -> None:
    """It goes to no script and to no other site, and ends when the session does."""
    async with site.browser() as browser:
        first = await browser.post("/remember", json={"key": "a", "value": 1})
        again = await browser.get("/plain")

    cookie, _, rest = first.headers["Set-Cookie"].partition(";")
    assert re.fullmatch(r"__session=[A-Za-z0-9_-]{43}", cookie)
    assert f";{rest}" == LASTING
    assert again.headers["Set-Cookie"] == first.headers["Set-Cookie"]


async def test_the_cookie_is_secure_over_https(serve: Serve) -> None:
    """Also if a proxy speaks TLS for us; then no other domain can set it."""
    async with (
        serve(ACTIONHERO_WEB__TRUSTED_PROXIES="127.0.0.1") as site,
        site.browser() as browser,
    ):
        plain = await browser.put("/session", json={"user": 1})
        secure = await browser.put(
            "/session", json={"user": 1}, headers={"X-Forwarded-Proto": "https"}
        )

    assert plain.headers["Set-Cookie"].startswith("__session=")
    assert secure.headers["Set-Cookie"].startswith("__Host-__session=")
    assert secure.headers["Set-Cookie"].endswith(f"{LASTING}; Secure")


async def test_nobody_but_a_trusted_proxy_says_how_they_came(site: Site) -> None:
    """A client that claims HTTPS gets a cookie for the way it really came."""
    async with site.browser() as browser:
        answer = await browser.put(
            "/session", json={"user": 1}, headers={"X-Forwarded-Proto": "https"}
        )

    assert answer.headers["Set-Cookie"].startswith("__session=")


async def test_the_cookie_is_as_the_settings_say(serve: Serve) -> None:
    """Name, time, and who may send it."""
    async with (
        serve(
            ACTIONHERO_SESSIONS__COOKIE_NAME="sid",
            ACTIONHERO_SESSIONS__TTL="10m",
            ACTIONHERO_SESSIONS__SAME_SITE="Lax",
            ACTIONHERO_SESSIONS__SECURE="true",
        ) as site,
        site.browser() as browser,
    ):
        answer = await browser.put("/session", json={"user": 1})
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        known = await browser.get("/whoami", headers={"Cookie": f"x=1; {cookie}; y=2"})

    assert answer.headers["Set-Cookie"] == (
        f"__Host-sid={answer.json()}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"
    )
    assert known.json() == 1


async def test_clients_of_the_original_get_a_cookie_with_every_answer(serve: Serve) -> None:
    """In the profile `actionhero` also where there is no session, and no action."""
    async with serve(ACTIONHERO_WEB__ERROR_FORMAT="actionhero") as site, site.browser() as browser:
        answers = [
            await browser.get("/plain"),
            await browser.get("/nowhere"),
            await browser.options("/plain"),
            await browser.get("/whoami"),
            await browser.delete("/session"),
        ]
        assert site.keys == []

        signed_in = await browser.put("/session", json={"user": 1})
        cookie = f"__session={signed_in.json()}"
        known = [await browser.get("/nowhere"), await browser.options("/plain")]

    for answer in answers:
        assert re.fullmatch(
            rf"__session=[A-Za-z0-9_-]{{43}}{LASTING}", answer.headers["Set-Cookie"]
        )
    assert [item.headers["Set-Cookie"] for item in known] == [cookie + LASTING] * 2


async def test_fifty_calls_at_once_lose_no_key(site: Site) -> None:
    """Each changes a key of its own, in one session."""
    async with site.browser(timeout=30) as browser:
        await browser.put("/session", json={"user": 7})
        await browser.post("/remember", json={"key": "old", "value": 0})

        answers = await asyncio.gather(
            *(browser.post("/remember", json={"key": f"k{n}", "value": n}) for n in range(50)),
            browser.post("/forget", json={"key": "old"}),
        )

        assert {answer.status_code for answer in answers} == {200}
        assert (await browser.get("/recall")).json() == {
            "userId": 7,
            **{f"k{n}": n for n in range(50)},
        }
