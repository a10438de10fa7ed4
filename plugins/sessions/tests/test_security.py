"""Nobody gets into a session that is not theirs, and one that has ended stays so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.sessions.tests.conftest import Site

MADE_UP = "A" * 43


@pytest.mark.parametrize("cookie", [MADE_UP, "x", "", "*", "of:7", "a b", '"', "%00", "A" * 10000])
async def test_a_made_up_cookie_is_never_taken_on(site: Site, cookie: str) -> None:
    """Whoever plants a cookie in a browser does not know the one that it gets."""
    headers = {"Cookie": f"__session={cookie}"}
    async with site.browser() as browser:
        if len(cookie) < 8000:
            assert (await browser.get("/recall", headers=headers)).json() == {}
            answer = await browser.post("/remember", json={"key": "a", "value": 1}, headers=headers)

            given = answer.cookies["__session"]
            assert given != cookie
            assert site.keys == [site.key(given)]
        else:
            assert (await browser.get("/recall", headers=headers)).status_code < 500
            assert site.keys == []


async def test_the_identifier_changes_at_sign_in_and_the_old_one_is_dead(site: Site) -> None:
    """Who knew it before knows nothing after; what was in the basket stays."""
    async with site.browser() as browser, site.browser() as thief:
        await browser.post("/remember", json={"key": "basket", "value": ["tea"]})
        before = browser.cookies["__session"]
        signed_in = await browser.put("/session", json={"user": 7})
        after = browser.cookies["__session"]

        assert after != before
        assert signed_in.json() == after
        assert (await browser.get("/recall")).json() == {"basket": ["tea"], "userId": 7}
        stolen = await thief.get("/recall", headers={"Cookie": f"__session={before}"})
        assert stolen.json() == {}
        assert site.key(before) not in site.keys


async def test_a_cookie_that_was_tampered_with_is_worth_nothing(site: Site) -> None:
    """One letter makes it a stranger's."""
    async with site.browser() as browser, site.browser() as thief:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
        other = ("B" if cookie[0] == "A" else "A") + cookie[1:]

        for tried in (other, cookie[:-1], cookie + "A", cookie.swapcase()):
            answer = await thief.get("/whoami", headers={"Cookie": f"__session={tried}"})
            assert answer.status_code == 401


async def test_a_session_that_expired_is_gone(site: Site) -> None:
    """The browser may still send its cookie: it is nobody's, and not used again."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
        site.kept.pexpireat(site.key(cookie), 1)

        assert (await browser.get("/whoami")).status_code == 401
        await browser.post("/remember", json={"key": "a", "value": 1})
        assert browser.cookies["__session"] != cookie
        assert (await browser.get("/recall")).json() == {"a": 1}


async def test_every_call_starts_the_time_anew_and_every_key_has_one(site: Site) -> None:
    """Who comes back in time stays signed in; nothing is kept for ever."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        key = site.key(browser.cookies["__session"])
        site.kept.pexpire(key, 60_000)

        await browser.get("/plain")

        assert site.kept.pttl(key) > 86_000_000
        assert len(site.keys) == 2
        for name in site.keys:
            assert 0 < site.kept.pttl(name) <= 2 * 86_400_000


async def test_signing_out_everywhere_ends_every_session_of_the_user(site: Site) -> None:
    """The phone that was lost, too; nobody else's."""
    async with site.browser() as laptop, site.browser() as phone, site.browser() as other:
        await laptop.put("/session", json={"user": 7})
        await phone.put("/session", json={"user": 7})
        await phone.put("/session", json={"user": 7})
        await other.put("/session", json={"user": 8})

        assert (await laptop.delete("/sessions")).json() == 2

        assert (await laptop.get("/whoami")).status_code == 401
        assert (await phone.get("/whoami")).status_code == 401
        assert (await other.get("/whoami")).json() == 8


async def test_a_session_that_became_another_users_is_not_ended(site: Site) -> None:
    """It is listed under both, and belongs to one."""
    async with site.browser() as shared, site.browser() as own:
        await shared.put("/session", json={"user": 7})
        await shared.post("/remember", json={"key": "userId", "value": 8})
        await own.put("/session", json={"user": 7})

        assert (await own.delete("/sessions")).json() == 1

        assert (await shared.get("/whoami")).json() == 8


async def test_a_session_is_listed_again_before_its_entry_is_dropped(site: Site) -> None:
    """Who stays signed in for months is still signed out everywhere."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        index = next(key for key in site.keys if ":of:" in key)
        site.kept.delete(index)
        await browser.get("/plain")
        assert index not in site.keys

        site.kept.hset(site.key(browser.cookies["__session"]), "indexed", "1")
        await browser.get("/plain")

        assert index in site.keys
        assert (await browser.delete("/sessions")).json() == 1


async def test_what_ends_is_published(site: Site) -> None:
    """Open sockets of a session can be told that it is gone."""
    from actionhero_sessions import Sessions

    channel = site.app.get(Sessions).ended_channel
    async with site.browser() as browser:
        with site.kept.pubsub(ignore_subscribe_messages=True) as heard:
            heard.subscribe(channel)
            heard.get_message(timeout=5)
            ended = []
            await browser.put("/session", json={"user": 7})
            for method, path in (("PUT", "/session"), ("DELETE", "/session")):
                ended.append(browser.cookies["__session"])
                await browser.request(method, path, json={"user": 7})
            await browser.put("/session", json={"user": 7})
            ended.append(browser.cookies["__session"])
            await browser.delete("/sessions")

            told = [heard.get_message(timeout=5) for _ in ended]

    assert [item["data"].decode() for item in told if item] == ended


async def test_doors_hear_of_what_ends(site: Site) -> None:
    """As it happens, and without knowing where it is published."""
    from actionhero_sessions import Sessions

    ended = site.app.get(Sessions).ended()
    hearing = asyncio.ensure_future(anext(ended))
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        known = browser.cookies["__session"]
        channel = site.app.get(Sessions).ended_channel
        # There is no event for what Redis has heard.
        while site.kept.pubsub_numsub(channel)[0][1] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await browser.delete("/session")

    assert await hearing == known
    await ended.aclose()
