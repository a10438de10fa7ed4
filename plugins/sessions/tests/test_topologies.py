"""Sessions in Redis behind sentinels, and in a cluster."""

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
    """The URL of a sentinel or a cluster."""
    if request.param == "cluster":
        cluster: ThrowAwayCluster = request.getfixturevalue("redis_cluster")
        yield cluster.url
        return
    server: ThrowAwayRedis = request.getfixturevalue("redis_server")
    with throw_away_sentinel(server) as sentinel:
        yield sentinel.url


@pytest.fixture
async def site(serve: Serve, url: str) -> AsyncIterator[Site]:
    """The application with that Redis."""
    async with serve(REDIS_URL=url) as site:
        yield site


async def test_a_user_is_signed_in_until_sign_out(site: Site) -> None:
    """The old and the new identifier may be on different servers."""
    async with site.browser() as browser:
        await browser.post("/value/set", json={"key": "basket", "value": ["tea"]})
        for user in range(10):
            before = browser.cookies["__session"]
            await browser.put("/session", json={"user": user})
            assert browser.cookies["__session"] != before

        assert (await browser.get("/values")).json() == {"basket": ["tea"], "userId": 9}
        await browser.delete("/session")
        assert (await browser.get("/whoami")).status_code == 401


async def test_concurrent_changes_of_different_keys_are_all_saved(site: Site) -> None:
    """As with one server."""
    async with site.browser(timeout=30) as browser:
        await browser.put("/session", json={"user": 7})

        responses = await asyncio.gather(
            *(browser.post("/value/set", json={"key": f"k{n}", "value": n}) for n in range(50))
        )

        assert {response.status_code for response in responses} == {200}
        values = (await browser.get("/values")).json()
        assert values == {"userId": 7, **{f"k{n}": n for n in range(50)}}


async def test_destroy_all_ends_and_reports_the_sessions_on_every_server(site: Site) -> None:
    """Revocations are received from every server."""
    revocations = site.app.get(Sessions).revocations()
    browsers = [site.browser() for _ in range(6)]
    try:
        for browser in browsers:
            # Other tests on this cluster use other users.
            await browser.put("/session", json={"user": 700})
        # The subscription has begun.
        assert await anext(revocations) is None
        ids = {browser.cookies["__session"] for browser in browsers}
        assert (await browsers[0].delete("/sessions")).json() == 6

        responses = [await browser.get("/whoami") for browser in browsers]
        assert {response.status_code for response in responses} == {401}
        assert {await anext(revocations) for _ in ids} == ids
    finally:
        await asyncio.gather(*(browser.aclose() for browser in browsers))
        await revocations.aclose()
