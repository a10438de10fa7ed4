"""Presence in Redis: expiry, events across processes, and heartbeats."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actionhero import Session
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.testing import RecordingSubscriber
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from actionhero_redis.testing import ThrowAwayRedis


async def test_presence_keys_expire(
    application: Any, environ: dict[str, str], folder: Path
) -> None:
    """Each key has a time to live, and none is left without members, on each Redis mode."""
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        channels, client = app.get(Channels), app.get(RedisClients).client
        subscribers = [RecordingSubscriber() for _ in range(4)]
        for number, subscriber in enumerate(subscribers):
            session = Session(values={"userId": number % 2})
            await channels.subscribe(subscriber, "club", session=session)

        keys = await client.keys("*club*")
        ttls_ms = [await client.pttl(key) for key in keys]
        for subscriber in subscribers:
            await channels.unsubscribe_all(subscriber)

        assert len(keys) == 3
        # The set of the members outlives them, so that the end of the last one is an event.
        assert sorted(ttl_ms > 90_000 for ttl_ms in ttls_ms) == [False, False, True]
        assert all(0 < ttl_ms <= 180_000 for ttl_ms in ttls_ms)
        assert await client.keys("*club*") == []


async def test_presence_events_reach_subscribers_in_every_process(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """A member that leaves does not receive its own event."""
    environ = {"REDIS_URL": redis_server.url}
    async with (
        running_app(redis_plugin, plugin, application, environ=environ) as one,
        running_app(redis_plugin, plugin, application, environ=environ) as two,
    ):
        observer, guest = RecordingSubscriber(), RecordingSubscriber()
        await one.get(Channels).subscribe(observer, "club", session=Session(values={"userId": "ä"}))
        await two.get(Channels).subscribe(guest, "club", session=Session(values={"userId": 2}))
        members = await one.get(Channels).members("club")

        await two.get(Channels).unsubscribe(guest, "club")
        await observer.wait_for(presence=3)

        assert members == ["2", "ä"]
        assert "leave" not in "".join(each.message for each in guest.presence)
        assert [each.message for each in observer.presence][1:] == [
            '{"event":"join","presenceKey":"2"}',
            '{"event":"leave","presenceKey":"2"}',
        ]


async def test_reauthorization_during_a_heartbeat_keeps_the_member(
    application: Any, redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session with the same presence key is the same member."""
    environ = {"REDIS_URL": redis_server.url}
    session = Session(values={"userId": 1})
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, subscriber, observer = (
            app.get(Channels),
            RecordingSubscriber(),
            RecordingSubscriber(),
        )
        await channels.subscribe(observer, "club", session=Session(values={"userId": 2}))
        await channels.subscribe(subscriber, "club", session=session)
        subscription = channels._subscriptions.by_subscriber[subscriber]["club"]
        assert subscription is not None
        join, ended = channels._presence.join, []

        async def join_and_reauthorize(channel: str, key: str, connection: str) -> None:
            monkeypatch.undo()
            await join(channel, key, connection)
            ended.extend(await channels.reauthorize(subscriber, session))

        monkeypatch.setattr(channels._presence, "join", join_and_reauthorize)
        await channels._subscriptions._heartbeat._refresh(subscription)

        assert ended == []
        assert await channels.members("club") == ["1", "2"]


async def test_a_member_that_returns_while_members_expire_is_present(
    application: Any, redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event `leave` follows its `join`."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, observer = app.get(Channels), RecordingSubscriber()
        presence, run_script = channels._presence, RedisClients.run_script
        await channels.subscribe(observer, "club", session=Session(values={"userId": 1}))
        await app.get(RedisClients).client.zadd(presence._members("club"), {"2": 1})

        async def run_and_join(clients: RedisClients, script: Any, *arguments: Any) -> Any:
            monkeypatch.undo()
            expired = await run_script(clients, script, *arguments)
            await presence.join("club", "2", "another connection")
            return expired

        monkeypatch.setattr(RedisClients, "run_script", run_and_join)
        await presence.expire("club")
        await channels.broadcast("club", "after")
        await observer.wait_for(deliveries=1)

        # It has not left: there is no event of its end that a second join could follow.
        assert [each.message for each in observer.presence][1:] == []
        assert await channels.members("club") == ["1", "2"]


async def test_a_paused_redis_loses_nothing_with_history(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """Broadcasts during the pause finish when Redis resumes."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        await channels.subscribe(subscriber, "long", session=Session())
        before = await channels.broadcast("long", "before")

        redis_server.pause()
        task = asyncio.ensure_future(channels.broadcast("long", "during"))
        await asyncio.wait({task}, timeout=0.3)
        was_blocked = not task.done()
        redis_server.resume()
        during = await task
        after = await channels.broadcast("long", "after")
        await subscriber.wait_for(deliveries=3)

        assert was_blocked
        assert [each.id for each in subscriber.deliveries] == [before, during, after]
        assert subscriber.gaps == []


async def test_silence_of_redis_is_not_the_end_of_members(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """After an outage no member leaves or joins; a process that crashed is noticed later."""
    environ = {"REDIS_URL": redis_server.url}
    async with (
        running_app(redis_plugin, plugin, application, environ=environ) as one,
        running_app(redis_plugin, plugin, application, environ=environ) as two,
    ):
        observer, guest = RecordingSubscriber(), RecordingSubscriber()
        first, second = one.get(Channels), two.get(Channels)
        await first.subscribe(observer, "club", session=Session(values={"userId": 1}))
        await second.subscribe(guest, "club", session=Session(values={"userId": 2}))
        await observer.wait_for(presence=2)
        client, presence = one.get(RedisClients).client, first._presence

        async def advance_clock(seconds: int) -> None:
            members = presence._members("club")
            checked = members.removesuffix("members") + "checked"
            keys: list[Any] = await client.zrange(members, 0, -1)
            for key in keys:
                await client.zincrby(members, -seconds * 1000, key)
                await client.delete(presence._connections("club", key))
            await client.decrby(checked, seconds * 1000)

        await presence.expire("club")
        await advance_clock(120)
        # The heartbeats of both processes, one after the other.
        await presence.join("club", "1", "a")
        await presence.expire("club")
        await second._presence.join("club", "2", "b")
        await second._presence.expire("club")
        after_outage = await first.members("club")
        for _ in range(4):
            await advance_clock(30)
            await presence.join("club", "1", "a")
            await presence.expire("club")
        await observer.wait_for(presence=3)

        assert after_outage == ["1", "2"]
        assert await first.members("club") == ["1"]
        assert [each.message for each in observer.presence][1:] == [
            '{"event":"join","presenceKey":"2"}',
            '{"event":"leave","presenceKey":"2"}',
        ]
