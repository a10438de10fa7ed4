"""Two processes of one application: sessions are shared, and no write is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import redis

if TYPE_CHECKING:
    from tests.conftest import Place

    from actionhero_redis.testing import ThrowAwayRedis

from tests.faults.conftest import LedgerServer


async def test_concurrent_writes_through_two_processes_are_not_lost(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """Fifty requests with one session, to two processes, set all their keys."""
    one, two = (
        LedgerServer(running)
        for running in [visits.start("start", REDIS_URL=redis_server.url) for _ in range(2)]
    )
    async with one.browser() as first, two.browser() as second:
        await first.put("/session", json={"user": 7})
        second.cookies = first.cookies

        responses = await asyncio.gather(
            *(
                (first if number % 2 else second).post(
                    "/session", json={"key": f"k{number}", "value": number}
                )
                for number in range(50)
            )
        )
        sessions = [(await browser.get("/session")).json() for browser in (first, second)]

    assert {response.status_code for response in responses} == {200}
    expected = {"userId": 7, **{f"k{number}": number for number in range(50)}}
    assert sessions == [expected, expected]


async def test_requests_without_a_session_store_nothing_in_redis(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """Neither without a cookie nor with a forged one."""
    server = LedgerServer(visits.start("start", REDIS_URL=redis_server.url))
    async with server.browser() as browser:
        forged = {"Cookie": f"__session={'a' * 43}"}
        responses = [await browser.get("/session") for _ in range(20)]
        responses += [await browser.get("/session", headers=forged) for _ in range(20)]
    with redis.Redis.from_url(redis_server.url) as client:
        keys = client.keys("*sessions*")

    assert {(response.status_code, response.text) for response in responses} == {(200, "{}")}
    assert not any("set-cookie" in response.headers for response in responses)
    assert keys == []
