"""Redis goes away and comes back: with history nothing is missed, without it is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import RunMode, ServiceUnavailable, Session
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.testing import Listener
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

SESSION = Session()
#: Broadcasts of one short proof.
COUNT = 600


async def cut_off(clients: RedisClients) -> None:
    """Let Redis end the connections of those who listen, as a network does."""
    await clients.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [COUNT, pytest.param(20_000, marks=pytest.mark.soak)])
async def test_who_listens_hears_all_that_was_broadcast_though_redis_was_killed(
    application: Any, count: int
) -> None:
    """Every broadcast that returned, in order and once, in two processes' worth of listeners."""
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
            listeners = [Listener() for _ in range(4)]
            for number, listener in enumerate(listeners):
                app = (one, two)[number % 2]
                await app.get(Channels).subscribe(listener, "long", session=SESSION)
            sent: list[str] = []
            half = asyncio.Event()
            outage = asyncio.ensure_future(_kill_at(half, server))

            await _broadcast(one, sent, half, count)
            await outage
            for listener in listeners:
                await _until_last(listener, sent[-1])

            for listener in listeners:
                ids = [each.id for each in listener.heard]
                assert set(sent) <= set(ids)
                assert len(ids) == len(set(ids))
                assert ids == sorted(ids, key=_order)
                messages = [each.message for each in listener.heard]
                assert len(messages) == len(set(messages))


async def test_a_lost_connection_to_redis_costs_nothing_with_history(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """What was broadcast meanwhile is read from the stream."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, listener = app.get(Channels), Listener()
        await channels.subscribe(listener, "long", session=SESSION)

        sent = [await channels.broadcast("long", 0)]
        await cut_off(app.get(RedisClients))
        sent += [await channels.broadcast("long", number) for number in range(1, 20)]
        await listener.until(heard=20)

        assert [each.id for each in listener.heard] == sent


async def test_a_lost_connection_to_redis_is_told_without_history(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """And what is broadcast afterwards is heard."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, listener = app.get(Channels), Listener()
        await channels.subscribe(listener, "news", session=SESSION)

        await cut_off(app.get(RedisClients))
        await listener.until(gaps=1)
        await channels.broadcast("news", "after")
        await listener.until(heard=1)

        assert listener.gaps[0] == "news"
        assert [each.message for each in listener.heard] == ["after"]


async def test_what_redis_has_lost_is_told(application: Any, redis_server: ThrowAwayRedis) -> None:
    """Its history begins anew: there is a gap, and then all that comes."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, clients, listener = app.get(Channels), app.get(RedisClients), Listener()
        await channels.subscribe(listener, "long", session=SESSION)
        await channels.broadcast("long", "before")
        await listener.until(heard=1)

        await clients.client.flushall()
        await channels.broadcast("long", "after")
        await listener.until(heard=2, gaps=1)

        assert [each.message for each in listener.heard] == ["before", "after"]


async def test_a_broadcast_that_is_sent_again_is_kept_once(
    application: Any, redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver sends it again when the answer was lost; Redis knows it by its word."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, listener = app.get(Channels), Listener()
        await channels.subscribe(listener, "long", session=SESSION)
        with monkeypatch.context() as patch:
            patch.setattr("actionhero_channels.broadcasts.new_identifier", lambda: "the same")
            ids = [await channels.broadcast("long", "once") for _ in range(2)]

        await channels.broadcast("long", "last")
        await listener.until(heard=2)

        assert ids[0] == ids[1]
        assert [each.message for each in listener.heard] == ["once", "last"]


async def test_a_broadcast_without_redis_is_unavailable(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """A door answers 503."""
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        redis_server.kill()

        for history in ("news", "long"):
            with pytest.raises(ServiceUnavailable, match="Channels are not available"):
                await app.get(Channels).broadcast(history, 1)


async def test_those_of_a_crashed_process_are_gone_in_time(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """Nobody tells that they left, and yet the others hear of it."""
    environ = {
        "REDIS_URL": redis_server.url,
        "ACTIONHERO_CHANNELS__PRESENCE_TTL": "1s",
        "ACTIONHERO_CHANNELS__PRESENCE_HEARTBEAT": "200ms",
    }
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, witness = app.get(Channels), Listener()
        await channels.subscribe(witness, "club", session=Session(values={"userId": 1}))
        # As the process that crashes has said it, before it did.
        await channels._presence.join("club", "2", "a connection of its")

        await witness.until(presence=3)

        assert [each.message for each in witness.presence][1:] == [
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
            # Nothing was promised.
            await asyncio.sleep(0.01)


async def _kill_at(half: asyncio.Event, server: ThrowAwayRedis) -> None:
    await half.wait()
    server.kill()
    await asyncio.to_thread(server.start)


async def _until_last(listener: Listener, id: str) -> None:
    heard = 1
    while not listener.heard or listener.heard[-1].id != id:
        await listener.until(heard=heard)
        heard = len(listener.heard) + 1 if listener.heard[-1].id != id else heard


def _order(id: str | None) -> tuple[int, ...]:
    return tuple(map(int, (id or "").split("-")))
