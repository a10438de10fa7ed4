"""Who is here is told by Redis, and forgotten with whoever was here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actionhero import Session
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.testing import Listener
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from actionhero_redis.testing import ThrowAwayRedis


async def test_whatever_tells_who_is_here_goes_by_itself(
    application: Any, environ: dict[str, str], folder: Path
) -> None:
    """Every key has its time; none is left when all have gone, on any Redis."""
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        channels, client = app.get(Channels), app.get(RedisClients).client
        listeners = [Listener() for _ in range(4)]
        for number, listener in enumerate(listeners):
            session = Session(values={"userId": number % 2})
            await channels.subscribe(listener, "club", session=session)

        keys = await client.keys("*club*")
        times = [await client.pttl(key) for key in keys]
        for listener in listeners:
            await channels.leave_all(listener)

        assert len(keys) == 3
        assert all(0 < time <= 90_000 for time in times)
        assert await client.keys("*club*") == []


async def test_who_joins_is_told_of_before_they_know_and_who_leaves_is_not_told_themselves(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """In every process."""
    environ = {"REDIS_URL": redis_server.url}
    async with (
        running_app(redis_plugin, plugin, application, environ=environ) as one,
        running_app(redis_plugin, plugin, application, environ=environ) as two,
    ):
        witness, guest = Listener(), Listener()
        await one.get(Channels).subscribe(witness, "club", session=Session(values={"userId": "ä"}))
        await two.get(Channels).subscribe(guest, "club", session=Session(values={"userId": 2}))
        here = await one.get(Channels).members("club")

        await two.get(Channels).unsubscribe(guest, "club")
        await witness.until(presence=3)

        assert here == ["2", "ä"]
        assert "leave" not in "".join(each.message for each in guest.presence)
        assert [each.message for each in witness.presence][1:] == [
            '{"event":"join","presenceKey":"2"}',
            '{"event":"leave","presenceKey":"2"}',
        ]


async def test_who_is_asked_again_while_the_heart_beats_stays_here(
    application: Any, redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with another session and the same key has not left."""
    environ = {"REDIS_URL": redis_server.url}
    session = Session(values={"userId": 1})
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, listener, witness = app.get(Channels), Listener(), Listener()
        await channels.subscribe(witness, "club", session=Session(values={"userId": 2}))
        await channels.subscribe(listener, "club", session=session)
        subscription = channels._joined[listener]["club"]
        assert subscription is not None
        join, left = channels._presence.join, []

        async def slow(channel: str, key: str, connection: str) -> None:
            monkeypatch.undo()
            await join(channel, key, connection)
            left.extend(await channels.recheck(listener, session))

        monkeypatch.setattr(channels._presence, "join", slow)
        await channels._heart._still_here(subscription)

        assert left == []
        assert await channels.members("club") == ["1", "2"]


async def test_a_redis_that_stands_still_for_a_while_costs_nothing_with_history(
    application: Any, redis_server: ThrowAwayRedis
) -> None:
    """What was asked meanwhile is answered when it goes on."""
    environ = {"REDIS_URL": redis_server.url}
    async with running_app(redis_plugin, plugin, application, environ=environ) as app:
        channels, listener = app.get(Channels), Listener()
        await channels.subscribe(listener, "long", session=Session())
        before = await channels.broadcast("long", "before")

        redis_server.pause()
        broadcasting = asyncio.ensure_future(channels.broadcast("long", "meanwhile"))
        await asyncio.wait({broadcasting}, timeout=0.3)
        still_waits = not broadcasting.done()
        redis_server.resume()
        meanwhile = await broadcasting
        after = await channels.broadcast("long", "after")
        await listener.until(heard=3)

        assert still_waits
        assert [each.id for each in listener.heard] == [before, meanwhile, after]
        assert listener.gaps == []
