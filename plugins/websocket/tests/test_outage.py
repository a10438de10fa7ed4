"""Broadcasts of two servers during crashes of Redis."""

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
#: The number of concurrent broadcasts: over a thousand per second with a fast Redis.
CONCURRENCY = 64


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1500, pytest.param(30_000, marks=pytest.mark.soak)])
async def test_no_broadcast_is_lost_when_redis_crashes(
    start_server: StartServer, tmp_path: Path, count: int
) -> None:
    """Each broadcast whose call succeeded is received in order and once, on both servers."""
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
                clients += [
                    await stack.enter_async_context(connect(url, messages_per_second=0))
                    for _ in range(3)
                ]
            senders = [clients.pop(0), clients.pop(2)]
            subscriptions = [
                await stack.enter_async_context(each.subscribe(CHANNEL)) for each in clients
            ]

            started = time.perf_counter()
            acknowledged = await _broadcast(senders, redis, count)
            rate = len(acknowledged) / (time.perf_counter() - started)
            last_id = await _broadcast_last(senders[0])
            received = [await _receive_until(each, last_id) for each in subscriptions]

    print(f"{rate:.0f} broadcasts per second, outages included")
    for subscription, messages in zip(subscriptions, received, strict=True):
        ids = [message.id for message in messages]
        assert acknowledged <= set(ids)
        assert len(ids) == len(set(ids))
        assert ids == sorted(ids, key=_parse)
        numbers = [message.message for message in messages]
        assert len(numbers) == len(set(numbers))
        assert subscription.gaps == 0


async def _broadcast(senders: list[Client], redis: ThrowAwayRedis, count: int) -> set[str]:
    """Broadcast `count` messages, and restart Redis twice; return the acknowledged ids."""
    acknowledged: set[str] = set()
    numbers = itertools.count()
    thirds = [asyncio.Event(), asyncio.Event()]

    async def send(client: Client) -> None:
        while len(acknowledged) < count:
            try:
                response = await client.call("broadcast", channel=CHANNEL, message=next(numbers))
            except CallFailed:
                # It may have been sent or not.
                await asyncio.sleep(0.01)
                continue
            acknowledged.add(response["id"])
            for part, event in enumerate(thirds, 1):
                if len(acknowledged) >= part * count // 3:
                    event.set()

    async def restart() -> None:
        for event in thirds:
            await event.wait()
            await asyncio.to_thread(redis.kill)
            await asyncio.to_thread(redis.start)

    await asyncio.gather(restart(), *(send(senders[n % 2]) for n in range(CONCURRENCY)))
    return acknowledged


async def _broadcast_last(client: Client) -> str:
    """Broadcast the last message, and return its id."""
    while True:
        with contextlib.suppress(CallFailed):
            return str((await client.call("broadcast", channel=CHANNEL, message="last"))["id"])
        await asyncio.sleep(0.01)


async def _receive_until(subscription: Subscription, last_id: str) -> list[Message]:
    messages = [await anext(subscription)]
    while messages[-1].id != last_id:
        messages.append(await anext(subscription))
    return messages


def _parse(id: str | None) -> tuple[int, ...]:
    return tuple(map(int, (id or "").split("-")))
