"""Lists of the sessions of users, without their identifiers and values."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from actionhero_sessions import SessionCount, Sessions

if TYPE_CHECKING:
    from plugins.sessions.tests.conftest import Site


async def test_sessions_of_a_user_are_listed_and_ended(site: Site) -> None:
    """One of two browsers is signed out by its handle."""
    sessions = site.app.get(Sessions)
    async with site.browser() as laptop, site.browser() as phone, site.browser() as other:
        for browser, user in ((laptop, 7), (phone, 7), (other, 8)):
            await browser.put("/session", json={"user": user})
        await laptop.post("/value/set", json={"key": "color", "value": "red"})

        first, second = await sessions.of(7)

        assert first.keys == ("color", "userId")
        assert second.keys == ("userId",)
        now_ms = time.time() * 1000
        assert now_ms - 60_000 < first.began_ms <= first.used_ms <= now_ms + 1_000
        assert now_ms < first.expires_ms
        ids = [browser.cookies["__session"] for browser in (laptop, phone, other)]
        assert not any(id in repr([first, second]) for id in ids)

        assert await sessions.end(7, second.handle)
        assert not await sessions.end(7, second.handle)
        # The handle belongs to another user.
        assert not await sessions.end(8, first.handle)
        # Inputs of clients, perhaps.
        for handle in ("", "ungültig", "\ud800", first.handle + "0"):
            assert not await sessions.end(7, handle)
        assert (await phone.get("/whoami")).status_code == 401
        assert (await laptop.get("/whoami")).status_code == 200
        assert [summary.handle for summary in await sessions.of(7)] == [first.handle]


async def test_sessions_are_counted_up_to_a_limit(site: Site) -> None:
    """The lists of the sessions of users do not count."""
    sessions = site.app.get(Sessions)
    before = await sessions.count()
    for user in range(3):
        async with site.browser() as browser:
            await browser.put("/session", json={"user": user})

    assert await sessions.count() == SessionCount(before.count + 3, is_complete=True)
    assert await sessions.count(2) == SessionCount(2, is_complete=False)


async def test_listing_does_not_renew_sessions(site: Site) -> None:
    """Otherwise an operator who looks at them would keep them."""
    sessions = site.app.get(Sessions)
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 99})

    key = site.key(browser.cookies["__session"])
    site.redis.expire(key, 100)

    [summary] = await sessions.of(99)

    assert summary.expires_ms < (time.time() + 101) * 1000
    assert 0 < int(site.redis.ttl(key)) <= 100


async def test_ended_sessions_are_no_longer_listed(site: Site) -> None:
    """Else those of a thousand sign-ins would hide the ones that are in use."""
    index = site.app.get(Sessions)._records.index_key(7)
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        await browser.put("/session", json={"user": 7})

        assert site.redis.zrange(index, 0, -1) == [browser.cookies["__session"].encode()]

        await browser.delete("/session")

    assert site.keys == []
