"""Sign-in, sign-out and the session cookie over HTTP."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.sessions.tests.conftest import Serve, Site

ATTRIBUTES = "; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict"


async def test_a_user_is_signed_in_until_sign_out(site: Site) -> None:
    """Sign-out deletes the cookie and the record."""
    async with site.browser() as browser:
        assert (await browser.get("/whoami")).status_code == 401
        await browser.put("/session", json={"user": 7})

        assert (await browser.get("/whoami")).json() == 7

        response = await browser.delete("/session")
        assert response.headers["Set-Cookie"] == (
            "__session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"
        )
        refused = await browser.get("/whoami")
        assert refused.status_code == 401
        assert refused.json()["error"]["message"] == "Session not found"
        assert refused.json()["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
        assert [key for key in site.keys if ":of:" not in key] == []


async def test_two_browsers_have_two_sessions(site: Site) -> None:
    """Sign-out in one does not affect the other."""
    async with site.browser() as one, site.browser() as two:
        await one.put("/session", json={"user": 1})
        await two.put("/session", json={"user": 2})

        assert (await one.get("/whoami")).json() == 1
        assert (await two.get("/whoami")).json() == 2

        await one.delete("/session")
        assert (await one.get("/whoami")).status_code == 401
        assert (await two.get("/whoami")).json() == 2


async def test_empty_sessions_are_not_stored(site: Site) -> None:
    """Nor is a cookie set."""
    async with site.browser() as browser:
        responses = [
            await browser.get("/plain"),
            await browser.get("/values"),
            await browser.get("/whoami"),
            await browser.post("/regenerate/fail"),
            await browser.delete("/session"),
            await browser.get("/nowhere"),
        ]

    assert ["Set-Cookie" in response.headers for response in responses] == [False] * 6
    assert site.keys == []


async def test_the_cookie_has_every_attribute(site: Site) -> None:
    """And is renewed by every response."""
    async with site.browser() as browser:
        first = await browser.post("/value/set", json={"key": "a", "value": 1})
        again = await browser.get("/plain")

    cookie, _, attributes = first.headers["Set-Cookie"].partition(";")
    assert re.fullmatch(r"__session=[A-Za-z0-9_-]{43}", cookie)
    assert f";{attributes}" == ATTRIBUTES
    assert again.headers["Set-Cookie"] == first.headers["Set-Cookie"]


async def test_the_cookie_is_secure_over_https(serve: Serve) -> None:
    """Also behind a proxy that terminates TLS."""
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
    assert secure.headers["Set-Cookie"].endswith(f"{ATTRIBUTES}; Secure")


async def test_untrusted_clients_cannot_claim_https(site: Site) -> None:
    """Only the header of a trusted proxy counts."""
    async with site.browser() as browser:
        response = await browser.put(
            "/session", json={"user": 1}, headers={"X-Forwarded-Proto": "https"}
        )

    assert response.headers["Set-Cookie"].startswith("__session=")


async def test_the_cookie_follows_the_settings(serve: Serve) -> None:
    """Name, lifetime, `SameSite` and `Secure`."""
    async with (
        serve(
            ACTIONHERO_SESSIONS__COOKIE_NAME="sid",
            ACTIONHERO_SESSIONS__TTL="10m",
            ACTIONHERO_SESSIONS__SAME_SITE="Lax",
            ACTIONHERO_SESSIONS__SECURE="true",
        ) as site,
        site.browser() as browser,
    ):
        response = await browser.put("/session", json={"user": 1})
        cookie = response.headers["Set-Cookie"].partition(";")[0]
        user = await browser.get("/whoami", headers={"Cookie": f"x=1; {cookie}; y=2"})

    assert response.headers["Set-Cookie"] == (
        f"__Host-sid={response.json()}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"
    )
    assert user.json() == 1


async def test_every_response_of_the_actionhero_format_has_a_cookie(serve: Serve) -> None:
    """Also without a session or an action."""
    async with serve(ACTIONHERO_WEB__ERROR_FORMAT="actionhero") as site, site.browser() as browser:
        responses = [
            await browser.get("/plain"),
            await browser.get("/nowhere"),
            await browser.options("/plain"),
            await browser.get("/whoami"),
            await browser.delete("/session"),
        ]
        assert site.keys == []

        signed_in = await browser.put("/session", json={"user": 1})
        cookie = f"__session={signed_in.json()}"
        renewed = [await browser.get("/nowhere"), await browser.options("/plain")]

    for response in responses:
        assert re.fullmatch(
            rf"__session=[A-Za-z0-9_-]{{43}}{ATTRIBUTES}", response.headers["Set-Cookie"]
        )
    assert [item.headers["Set-Cookie"] for item in renewed] == [cookie + ATTRIBUTES] * 2


async def test_concurrent_changes_of_different_keys_are_all_saved(site: Site) -> None:
    """Fifty calls each set their own key of one session."""
    async with site.browser(timeout=30) as browser:
        await browser.put("/session", json={"user": 7})
        await browser.post("/value/set", json={"key": "old", "value": 0})

        responses = await asyncio.gather(
            *(browser.post("/value/set", json={"key": f"k{n}", "value": n}) for n in range(50)),
            browser.post("/value/remove", json={"key": "old"}),
        )

        assert {response.status_code for response in responses} == {200}
        assert (await browser.get("/values")).json() == {
            "userId": 7,
            **{f"k{n}": n for n in range(50)},
        }


async def test_a_response_to_a_signed_in_client_is_not_stored_by_caches(site: Site) -> None:
    """It would otherwise be sent to the next user of the browser, or with its cookie to others."""
    async with site.browser() as browser:
        anonymous = await browser.get("/plain")
        signed_in = [
            await browser.put("/session", json={"user": 7}),
            await browser.get("/plain"),
        ]
        signed_out = await browser.delete("/session")

    assert "Cache-Control" not in anonymous.headers
    assert "Cookie" not in anonymous.headers.get("Vary", "")
    for response in signed_in:
        assert response.headers["Cache-Control"] == "no-store"
        assert "Cookie" in response.headers["Vary"]
    assert "Set-Cookie" in signed_out.headers
    assert signed_out.headers["Cache-Control"] in {"private", "no-store"}
    assert "Cookie" in signed_out.headers["Vary"]
