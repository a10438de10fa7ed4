"""Deliveries are encoded once, fair to other tasks, and in order across reconnects."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from actionhero import Session
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.recipients import BATCH_SIZE
from actionhero_channels.testing import RecordingSubscriber
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from actionhero_channels import Delivery
    from actionhero_redis.testing import ThrowAwayRedis

SESSION = Session()
MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


async def test_a_broadcast_is_encoded_once_for_all_subscribers(application: Any) -> None:
    """They share the delivery and its bytes."""
    async with running_app(redis_plugin, plugin, application, environ=MEMORY) as app:
        channels, subscribers = app.get(Channels), [RecordingSubscriber() for _ in range(3)]
        for subscriber in subscribers:
            await channels.subscribe(subscriber, "news", session=SESSION)

        await channels.broadcast("news", 1)
        for subscriber in subscribers:
            await subscriber.wait_for(deliveries=1)

        assert len({id(subscriber.deliveries[0]) for subscriber in subscribers}) == 1
        assert subscribers[0].deliveries[0].json is subscribers[2].deliveries[0].json


async def test_other_tasks_run_during_a_large_delivery(application: Any) -> None:
    """A subscriber that unsubscribes in the meantime is skipped; the others are not."""
    order: list[str] = []

    class First(RecordingSubscriber):
        """Schedules another callback, which unsubscribes the last subscriber."""

        def deliver(self, delivery: Delivery, /) -> None:
            super().deliver(delivery)
            if delivery.message == 1:
                asyncio.get_running_loop().call_soon(self.unsubscribe_last)

        def unsubscribe_last(self) -> None:
            order.append("callback")
            tasks.append(asyncio.ensure_future(channels.unsubscribe(last, "news")))

    class Late(RecordingSubscriber):
        """Records the time of its deliveries."""

        def deliver(self, delivery: Delivery, /) -> None:
            super().deliver(delivery)
            order.append("delivery")

    async with running_app(redis_plugin, plugin, application, environ=MEMORY) as app:
        channels, tasks = app.get(Channels), list[asyncio.Future[None]]()
        late, last = Late(), RecordingSubscriber()
        subscribers = [First(), *(RecordingSubscriber() for _ in range(BATCH_SIZE * 3)), late]
        for subscriber in (*subscribers, last):
            await channels.subscribe(subscriber, "news", session=SESSION)

        await channels.broadcast("news", 1)
        await channels.broadcast("news", 2)
        await late.wait_for(deliveries=2)
        await asyncio.gather(*tasks)

        assert order == ["callback", "delivery", "delivery"]
        assert last.deliveries == []
        assert all([each.message for each in one.deliveries] == [1, 2] for one in subscribers)


async def test_a_process_subscribes_once_to_the_channels_of_its_subscribers(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """And unsubscribes with the last of them."""
    environ = {"REDIS_URL": redis_server.url}
    async with (
        running_app(redis_plugin, plugin, application, environ=environ) as one,
        running_app(redis_plugin, plugin, application, environ=environ) as two,
    ):
        client = one.get(RedisClients).client
        redis_channel = one.get(Channels)._broadcasts.redis_channel("news")
        in_one = [RecordingSubscriber(), RecordingSubscriber()]
        for subscriber in in_one:
            await one.get(Channels).subscribe(subscriber, "news", session=SESSION)
        in_two = RecordingSubscriber()
        await two.get(Channels).subscribe(in_two, "news", session=SESSION)
        await two.get(Channels).subscribe(in_two, "room:1", session=SESSION)

        redis_channels = await client.pubsub_channels("*:channels:*")
        processes = dict(await client.pubsub_numsub(redis_channel))
        await one.get(Channels).broadcast("news", 1)
        for subscriber in (*in_one, in_two):
            await subscriber.wait_for(deliveries=1)
        for subscriber in in_one:
            await one.get(Channels).unsubscribe_all(subscriber)
        await two.get(Channels).unsubscribe_all(in_two)

        assert len(redis_channels) == 2
        assert list(processes.values()) == [2]
        async with asyncio.timeout(10):
            # Redis sends no notice when it has ended a subscription.
            while await client.pubsub_channels("*:channels:*"):  # noqa: ASYNC110 - it must be polled
                await asyncio.sleep(0)


async def test_resumed_subscriptions_have_no_gaps_and_no_duplicates(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """From any position in the history, in two processes, during broadcasts."""
    environ = {"REDIS_URL": redis_server.url}
    rng = random.Random(4)
    async with (
        running_app(redis_plugin, plugin, application, environ=environ) as one,
        running_app(redis_plugin, plugin, application, environ=environ) as two,
    ):
        sent = [await one.get(Channels).broadcast("long", "first")]

        async def broadcast() -> None:
            for number in range(500):
                id = await one.get(Channels).broadcast("long", number)
                sent.append(id)

        async def subscribe() -> tuple[str, list[Delivery], RecordingSubscriber]:
            subscriber, since = RecordingSubscriber(), rng.choice(sent)
            channels = rng.choice((one, two)).get(Channels)
            result = await channels.subscribe(subscriber, "long", session=SESSION, since=since)
            assert not result.gap
            return since, list(result.backlog), subscriber

        task = asyncio.ensure_future(broadcast())
        subscriptions = []
        while not task.done():
            subscriptions += await asyncio.gather(*(subscribe() for _ in range(3)))
        await task
        sent.append(await two.get(Channels).broadcast("long", "last"))

        for since, backlog, subscriber in subscriptions:
            expected = sent[sent.index(since) + 1 :]
            await subscriber.wait_for(deliveries=len(expected) - len(backlog))
            assert [each.id for each in (*backlog, *subscriber.deliveries)] == expected
