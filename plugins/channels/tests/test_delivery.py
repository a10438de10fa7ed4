"""What is broadcast is written down once, and handed over in order, whoever comes and goes."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from actionhero import Session
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.local_channel import TURN
from actionhero_channels.testing import Listener
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from actionhero_channels import Delivery
    from actionhero_redis.testing import ThrowAwayRedis

SESSION = Session()
MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


async def test_a_broadcast_is_written_down_once_for_all_who_listen(application: Any) -> None:
    """It is one object, and so are the bytes that are sent."""
    async with running_app(redis_plugin, plugin, application, environ=MEMORY) as app:
        channels, listeners = app.get(Channels), [Listener() for _ in range(3)]
        for listener in listeners:
            await channels.subscribe(listener, "news", session=SESSION)

        await channels.broadcast("news", 1)
        for listener in listeners:
            await listener.until(heard=1)

        assert len({id(listener.heard[0]) for listener in listeners}) == 1
        assert listeners[0].heard[0].json is listeners[2].heard[0].json


async def test_others_get_their_turn_while_many_are_told(application: Any) -> None:
    """Who leaves meanwhile is no longer told; the rest are, once and in order."""
    turns: list[str] = []

    class First(Listener):
        """Notes when something else gets its turn, which then lets the last one leave."""

        def deliver(self, delivery: Delivery, /) -> None:
            super().deliver(delivery)
            if delivery.message == 1:
                asyncio.get_running_loop().call_soon(self.leave)

        def leave(self) -> None:
            turns.append("somebody else's")
            leaving.append(asyncio.ensure_future(channels.unsubscribe(last, "news")))

    class Late(Listener):
        """Notes when it is told."""

        def deliver(self, delivery: Delivery, /) -> None:
            super().deliver(delivery)
            turns.append("the late one's")

    async with running_app(redis_plugin, plugin, application, environ=MEMORY) as app:
        channels, leaving = app.get(Channels), list[asyncio.Future[None]]()
        late, last = Late(), Listener()
        listeners = [First(), *(Listener() for _ in range(TURN * 3)), late]
        for listener in (*listeners, last):
            await channels.subscribe(listener, "news", session=SESSION)

        await channels.broadcast("news", 1)
        await channels.broadcast("news", 2)
        await late.until(heard=2)
        await asyncio.gather(*leaving)

        assert turns == ["somebody else's", "the late one's", "the late one's"]
        assert last.heard == []
        assert all([each.message for each in one.heard] == [1, 2] for one in listeners)


async def test_only_what_is_joined_here_is_asked_of_redis(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """Once for each process, and no more when the last has left."""
    environ = {"REDIS_URL": redis_server.url}
    async with (
        running_app(redis_plugin, plugin, application, environ=environ) as one,
        running_app(redis_plugin, plugin, application, environ=environ) as two,
    ):
        client = one.get(RedisClients).client
        address = one.get(Channels)._broadcasts.address("news")
        here = [Listener(), Listener()]
        for listener in here:
            await one.get(Channels).subscribe(listener, "news", session=SESSION)
        there = Listener()
        await two.get(Channels).subscribe(there, "news", session=SESSION)
        await two.get(Channels).subscribe(there, "room:1", session=SESSION)

        asked = await client.pubsub_channels("*:channels:*")
        processes = dict(await client.pubsub_numsub(address))
        await one.get(Channels).broadcast("news", 1)
        for listener in (*here, there):
            await listener.until(heard=1)
        for listener in here:
            await one.get(Channels).leave_all(listener)
        await two.get(Channels).leave_all(there)

        assert len(asked) == 2
        assert list(processes.values()) == [2]
        async with asyncio.timeout(10):
            # Redis tells nobody when it has ended a subscription.
            while await client.pubsub_channels("*:channels:*"):  # noqa: ASYNC110 - it must be asked
                await asyncio.sleep(0)


async def test_who_joins_again_and_again_misses_nothing_and_hears_nothing_twice(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """From any place in the history, in two processes, while broadcasts go on."""
    environ = {"REDIS_URL": redis_server.url}
    chance = random.Random(4)
    async with (
        running_app(redis_plugin, plugin, application, environ=environ) as one,
        running_app(redis_plugin, plugin, application, environ=environ) as two,
    ):
        sent = [await one.get(Channels).broadcast("long", "first")]

        async def broadcast() -> None:
            for number in range(500):
                id = await one.get(Channels).broadcast("long", number)
                sent.append(id)

        async def join() -> tuple[str, list[Delivery], Listener]:
            listener, since = Listener(), chance.choice(sent)
            channels = chance.choice((one, two)).get(Channels)
            joined = await channels.subscribe(listener, "long", session=SESSION, since=since)
            assert not joined.gap
            return since, list(joined.replayed), listener

        broadcasting = asyncio.ensure_future(broadcast())
        joins = []
        while not broadcasting.done():
            joins += await asyncio.gather(*(join() for _ in range(3)))
        await broadcasting
        sent.append(await two.get(Channels).broadcast("long", "last"))

        for since, replayed, listener in joins:
            expected = sent[sent.index(since) + 1 :]
            await listener.until(heard=len(expected) - len(replayed))
            assert [each.id for each in (*replayed, *listener.heard)] == expected
