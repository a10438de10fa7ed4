"""Redis is killed, and started again, while sockets hear what two servers broadcast."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from actionhero_redis.testing import throw_away_redis
from actionhero_websocket.client import CallFailed, connect

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.websocket.tests.conftest import StartServer

    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_websocket.client import Client, Message, Subscription

SETTINGS = "[websocket]\nmessages_per_second = 0\nsend_buffer_bytes = 67108864\n"
CHANNEL = "long:outage"
#: How many are broadcast at the same time: more than a thousand a second, where Redis keeps up.
AT_ONCE = 64


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1500, pytest.param(30_000, marks=pytest.mark.soak)])
async def test_who_listens_hears_all_that_was_broadcast_though_redis_was_killed(
    start_server: StartServer, tmp_path: Path, count: int
) -> None:
    """Every broadcast whose call was answered: in order, once, at either server."""
    with throw_away_redis(options=["--appendfsync", "always"]) as redis:
        async with contextlib.AsyncExitStack() as stack:
            clients = []
            for name in ("one", "two"):
                folder = tmp_path / name
                folder.mkdir()
                server = await asyncio.to_thread(
                    start_server, SETTINGS, {"REDIS_URL": redis.url}, folder=folder
                )
                url = f"ws://127.0.0.1:{server.port}/api"
                clients += [await stack.enter_async_context(connect(url)) for _ in range(3)]
            tellers = [clients.pop(0), clients.pop(2)]
            heard = [await stack.enter_async_context(each.subscribe(CHANNEL)) for each in clients]

            begun = time.perf_counter()
            promised = await _broadcast(tellers, redis, count)
            rate = len(promised) / (time.perf_counter() - begun)
            last = await _last_word(tellers[0])
            messages = [await _until(subscription, last) for subscription in heard]

    print(f"{rate:.0f} broadcasts a second, with the time that Redis was away")
    for subscription, told in zip(heard, messages, strict=True):
        ids = [message.id for message in told]
        assert promised <= set(ids)
        assert len(ids) == len(set(ids))
        assert ids == sorted(ids, key=_place)
        numbers = [message.message for message in told]
        assert len(numbers) == len(set(numbers))
        assert subscription.gaps == 0


async def _broadcast(tellers: list[Client], redis: ThrowAwayRedis, count: int) -> set[str]:
    """Broadcast so much, and kill Redis twice meanwhile; return what was promised."""
    promised: set[str] = set()
    numbers = itertools.count()
    passed = [asyncio.Event(), asyncio.Event()]

    async def tell(client: Client) -> None:
        while len(promised) < count:
            try:
                answer = await client.call("tell", channel=CHANNEL, message=next(numbers))
            except CallFailed:
                # Nothing was promised.
                await asyncio.sleep(0.01)
                continue
            promised.add(answer["id"])
            for part, event in enumerate(passed, 1):
                if len(promised) >= part * count // 3:
                    event.set()

    async def kill() -> None:
        for event in passed:
            await event.wait()
            await asyncio.to_thread(redis.kill)
            await asyncio.to_thread(redis.start)

    await asyncio.gather(kill(), *(tell(tellers[n % 2]) for n in range(AT_ONCE)))
    return promised


async def _last_word(client: Client) -> str:
    """Say one thing more, and return its id."""
    while True:
        with contextlib.suppress(CallFailed):
            return str((await client.call("tell", channel=CHANNEL, message="the end"))["id"])
        await asyncio.sleep(0.01)


async def _until(subscription: Subscription, last: str) -> list[Message]:
    told = [await anext(subscription)]
    while told[-1].id != last:
        told.append(await anext(subscription))
    return told


def _place(id: str | None) -> tuple[int, ...]:
    return tuple(map(int, (id or "").split("-")))
