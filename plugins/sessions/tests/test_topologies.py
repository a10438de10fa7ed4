"""Sessions behind sentinels, and in a cluster whose servers each have some of the keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actionhero_redis.testing import (
    redis_cluster,  # noqa: F401 - a fixture
    throw_away_sentinel,
)
from actionhero_sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from plugins.sessions.tests.conftest import Serve, Site

    from actionhero_redis.testing import ThrowAwayCluster, ThrowAwayRedis


@pytest.fixture(params=["sentinel", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of more than one server."""
    if request.param == "cluster":
        cluster: ThrowAwayCluster = request.getfixturevalue("redis_cluster")
        yield cluster.url
        return
    server: ThrowAwayRedis = request.getfixturevalue("redis_server")
    with throw_away_sentinel(server) as sentinel:
        yield sentinel.url


@pytest.fixture
async def site(serve: Serve, url: str) -> AsyncIterator[Site]:
    """Give the application as it is served with that Redis."""
    async with serve(REDIS_URL=url) as site:
        yield site


async def test_who_signs_in_is_known_until_they_sign_out(site: Site) -> None:
    """The identifier changes, whichever server has the old one and the new one."""
    async with site.browser() as browser:
        await browser.post("/remember", json={"key": "basket", "value": ["tea"]})
        for user in range(10):
            before = browser.cookies["__session"]
            await browser.put("/session", json={"user": user})
            assert browser.cookies["__session"] != before

        assert (await browser.get("/recall")).json() == {"basket": ["tea"], "userId": 9}
        await browser.delete("/session")
        assert (await browser.get("/whoami")).status_code == 401


async def test_fifty_calls_at_once_lose_no_key(site: Site) -> None:
    """As with one server."""
    async with site.browser(timeout=30) as browser:
        await browser.put("/session", json={"user": 7})

        answers = await asyncio.gather(
            *(browser.post("/remember", json={"key": f"k{n}", "value": n}) for n in range(50))
        )

        assert {answer.status_code for answer in answers} == {200}
        kept = (await browser.get("/recall")).json()
        assert kept == {"userId": 7, **{f"k{n}": n for n in range(50)}}


async def test_signing_out_everywhere_ends_every_session_and_is_heard_of(site: Site) -> None:
    """On every server, and by whoever keeps sockets open."""
    ended = site.app.get(Sessions).ended()
    hearing = asyncio.ensure_future(anext(ended))
    browsers = [site.browser() for _ in range(6)]
    try:
        for browser in browsers:
            # Nobody whom another test on this cluster has signed in.
            await browser.put("/session", json={"user": 700})
        # Told again and again until it is heard: when somebody listens is not told to us.
        while not hearing.done():
            async with site.browser() as other:
                await other.put("/session", json={"user": 8})
                await other.delete("/session")
        assert (await browsers[0].delete("/sessions")).json() == 6

        answers = [await browser.get("/whoami") for browser in browsers]
        assert {answer.status_code for answer in answers} == {401}
    finally:
        hearing.cancel()
        await asyncio.gather(*(browser.aclose() for browser in browsers))
        await ended.aclose()
