"""Two processes serve one application: sessions are shared, and no write is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import redis

if TYPE_CHECKING:
    from tests.conftest import Place

    from actionhero_redis.testing import ThrowAwayRedis

from tests.faults.conftest import Served


async def test_fifty_writes_at_once_through_two_processes_lose_none(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """Two tabs of one browser are served by two processes, and each key that was set is there."""
    one, two = (
        Served(running)
        for running in [visits.start("start", REDIS_URL=redis_server.url) for _ in range(2)]
    )
    async with one.browser() as first, two.browser() as second:
        await first.put("/session", json={"user": 7})
        second.cookies = first.cookies

        answers = await asyncio.gather(
            *(
                (first if number % 2 else second).post(
                    "/session", json={"key": f"k{number}", "value": number}
                )
                for number in range(50)
            )
        )
        sessions = [(await browser.get("/session")).json() for browser in (first, second)]

    assert {answer.status_code for answer in answers} == {200}
    wanted = {"userId": 7, **{f"k{number}": number for number in range(50)}}
    assert sessions == [wanted, wanted]


async def test_visitors_and_made_up_cookies_leave_nothing_in_redis(
    visits: Place,
    redis_server: ThrowAwayRedis,
) -> None:
    """Hundreds who look around, with a cookie of their own making or none, cost no memory."""
    served = Served(visits.start("start", REDIS_URL=redis_server.url))
    async with served.browser() as browser:
        made_up = {"Cookie": f"__session={'a' * 43}"}
        answers = [await browser.get("/session") for _ in range(20)]
        answers += [await browser.get("/session", headers=made_up) for _ in range(20)]
    with redis.Redis.from_url(redis_server.url) as kept:
        keys = kept.keys("*sessions*")

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "{}")}
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert keys == []
