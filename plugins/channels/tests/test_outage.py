"""Outages of Redis: channels with history lose nothing, others report a gap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import RunMode, ServiceUnavailable, Session
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.testing import RecordingSubscriber
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

SESSION = Session()
#: The broadcasts of a short run.
COUNT = 600


async def drop_pubsub_connections(clients: RedisClients) -> None:
    """Close the pub/sub connections of all processes."""
    await clients.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [COUNT, pytest.param(20_000, marks=pytest.mark.soak)])
async def test_no_broadcast_is_lost_when_redis_crashes(application: Any, count: int) -> None:
    """Each broadcast that returned is delivered in order and once, in two applications."""
    with throw_away_redis(options=["--appendfsync", "always"]) as server:
        environ = {"REDIS_URL": server.url}
        async with (
            running_app(
                redis_plugin, plugin, application, environ=environ, mode=RunMode.SERVER
            ) as one,
            running_app(
                redis_plugin, plugin, application, environ=environ, mode=RunMode.SERVER
            ) as two,
        ):
            subscribers = [RecordingSubscriber() for _ in range(4)]
            for number, subscriber in enumerate(subscribers):
                app = (one, two)[number % 2]
                await app.get(Channels).subscribe(subscriber, "long", session=SESSION)
            sent: list[str] = []
            half = asyncio.Event()
            outage = asyncio.ensure_future(_restart_at(half, server))

            await _broadcast(one, sent, half, count)
            await outage
            for subscriber in subscribers:
                await _wait_for_id(subscriber, sent[-1])

            for subscriber in subscribers:
                ids = [each.id for each in subscriber.deliveries]
                assert set(sent) <= set(ids)
                assert len(ids) == len(set(ids))
                assert ids == sorted(ids, key=_parse)
                messages = [each.message for each in subscriber.deliveries]
                assert len(messages) == len(set(messages))


async def test_a_lost_connection_loses_nothing_with_history(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """The broadcasts in between are read from the stream."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        await channels.subscribe(subscriber, "long", session=SESSION)

        sent = [await channels.broadcast("long", 0)]
        await drop_pubsub_connections(app.get(RedisClients))
        sent += [await channels.broadcast("long", number) for number in range(1, 20)]
        await subscriber.wait_for(deliveries=20)

        assert [each.id for each in subscriber.deliveries] == sent


async def test_a_lost_connection_is_a_gap_without_history(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """Later broadcasts are delivered."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        await channels.subscribe(subscriber, "news", session=SESSION)

        await drop_pubsub_connections(app.get(RedisClients))
        await subscriber.wait_for(gaps=1)
        await channels.broadcast("news", "after")
        await subscriber.wait_for(deliveries=1)

        assert subscriber.gaps[0] == "news"
        assert [each.message for each in subscriber.deliveries] == ["after"]


async def test_data_loss_of_redis_is_a_gap(application: Any, redis_server: ThrowAwayRedis) -> None:
    """The stream starts over, and later broadcasts are delivered."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, clients, subscriber = (
            app.get(Channels),
            app.get(RedisClients),
            RecordingSubscriber(),
        )
        await channels.subscribe(subscriber, "long", session=SESSION)
        await channels.broadcast("long", "before")
        await subscriber.wait_for(deliveries=1)

        await clients.client.flushall()
        await channels.broadcast("long", "after")
        await subscriber.wait_for(deliveries=2, gaps=1)

        assert [each.message for each in subscriber.deliveries] == ["before", "after"]


async def test_a_retried_broadcast_is_stored_once(
    application: Any, redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client retries it when the reply was lost; its nonce identifies it."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        await channels.subscribe(subscriber, "long", session=SESSION)
        with monkeypatch.context() as patch:
            patch.setattr("actionhero_channels.broadcasts.new_identifier", lambda: "the same")
            ids = [await channels.broadcast("long", "once") for _ in range(2)]

        await channels.broadcast("long", "last")
        await subscriber.wait_for(deliveries=2)

        assert ids[0] == ids[1]
        assert [each.message for each in subscriber.deliveries] == ["once", "last"]


async def test_broadcasts_work_after_redis_has_lost_its_scripts(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """As after a restart; each is delivered once."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        await channels.subscribe(subscriber, "long", session=SESSION)

        for number in range(3):
            await app.get(RedisClients).client.script_flush()
            await channels.broadcast("long", number)
        await subscriber.wait_for(deliveries=3)

        assert [each.message for each in subscriber.deliveries] == [0, 1, 2]


async def test_broadcasts_during_an_outage_are_unavailable(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """Over HTTP that is 503."""
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        redis_server.kill()

        for channel in ("news", "long"):
            with pytest.raises(ServiceUnavailable, match="Channels are not available"):
                await app.get(Channels).broadcast(channel, 1)


@pytest.mark.parametrize("heartbeat", ["200ms", "700ms"])
async def test_members_of_a_crashed_process_expire(
    application: Any, redis_server: ThrowAwayRedis, heartbeat: str
) -> None:
    """Other subscribers receive the event `leave`, however long the interval of heartbeats is."""
    environ = {
        "REDIS_URL": redis_server.url,
        "ACTIONHERO_CHANNELS__PRESENCE_TTL": "1s",
        "ACTIONHERO_CHANNELS__PRESENCE_HEARTBEAT": heartbeat,
    }
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, observer = app.get(Channels), RecordingSubscriber()
        await channels.subscribe(observer, "club", session=Session(values={"userId": 1}))
        # The member of a process that crashes afterwards.
        await channels._presence.join("club", "2", "connection of the other process")

        await observer.wait_for(presence=3)

        assert [each.message for each in observer.presence][1:] == [
            '{"event":"join","presenceKey":"2"}',
            '{"event":"leave","presenceKey":"2"}',
        ]
        assert await channels.members("club") == ["1"]


async def _broadcast(app: RunningApp, sent: list[str], half: asyncio.Event, count: int) -> None:
    number = 0
    while len(sent) < count:
        number += 1
        if len(sent) == count // 2:
            half.set()
        try:
            sent.append(await app.get(Channels).broadcast("long", number))
        except ServiceUnavailable:
            # It may have been sent or not.
            await asyncio.sleep(0.01)


async def _restart_at(half: asyncio.Event, server: ThrowAwayRedis) -> None:
    await half.wait()
    server.kill()
    await asyncio.to_thread(server.start)


async def _wait_for_id(subscriber: RecordingSubscriber, id: str) -> None:
    while not subscriber.deliveries or subscriber.deliveries[-1].id != id:
        await subscriber.wait_for(deliveries=len(subscriber.deliveries) + 1)


def _parse(id: str | None) -> tuple[int, ...]:
    return tuple(map(int, (id or "").split("-")))
