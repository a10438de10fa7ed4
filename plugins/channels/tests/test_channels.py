"""Whoever has joined hears what is broadcast, and learns who comes and goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import RunMode, Session, TypedError
from actionhero.json import loads
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.testing import Listener, captured_broadcasts
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from actionhero.testing import RunningApp

SESSION = Session()


@pytest.fixture
def running(
    application: Any, environ: dict[str, str], folder: Path
) -> AbstractAsyncContextManager[RunningApp]:
    return running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder, mode=RunMode.SERVER
    )


async def test_whoever_has_joined_hears_what_is_broadcast(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """With its channel, its sender and an identifier; others do not."""
    async with running as app:
        channels, here, elsewhere = app.get(Channels), Listener(), Listener()
        await channels.subscribe(here, "news", session=SESSION)
        await channels.subscribe(elsewhere, "room:1", session=SESSION)

        id = await channels.broadcast("news", {"text": "grün"}, sender="me")
        await here.until(heard=1)

        told = {"channel": "news", "message": {"text": "grün"}, "sender": "me", "id": id}
        assert loads(here.heard[0].json) == {"message": told}
        assert not elsewhere.heard


async def test_who_comes_back_hears_what_was_missed_and_then_what_comes(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """In order, nothing twice; and is told if more was missed than is kept."""
    async with running as app:
        channels, back, late, new = app.get(Channels), Listener(), Listener(), Listener()
        ids = [await channels.broadcast("room:1", number) for number in range(9)]

        missed = await channels.subscribe(back, "room:1", session=SESSION, since=ids[5])
        too_much = await channels.subscribe(late, "room:1", session=SESSION, since=ids[1])
        nothing = await channels.subscribe(new, "room:1", session=SESSION, since=ids[8])
        ids.append(await channels.broadcast("room:1", 9))
        await back.until(heard=1)

        assert [each.id for each in (*missed.replayed, *back.heard)] == ids[6:]
        assert not missed.gap
        assert [each.id for each in too_much.replayed] == ids[4:9]
        assert too_much.gap
        assert (nothing.replayed, nothing.gap) == ([], False)


@pytest.mark.parametrize("since", ["", "x", "1-", "9" * 5000 + "-1", f"{2**64}-0", "٣-٣", "5-5"])
async def test_an_unknown_place_to_go_on_from_is_a_gap(
    running: AbstractAsyncContextManager[RunningApp], since: str
) -> None:
    """Whatever somebody sends, and never an error."""
    async with running as app:
        channels = app.get(Channels)
        await channels.broadcast("room:1", "x")

        joined = await channels.subscribe(Listener(), "room:1", session=SESSION, since=since)

        assert joined.gap


@pytest.mark.parametrize(
    ("name", "message", "type_"),
    [
        ("", "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("a b", "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("n" * 201, "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("news\n", "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("nowhere", "Channel not found: nowhere", "CONNECTION_CHANNEL_AUTHORIZATION"),
        (
            "club",
            "Authentication required to join this channel",
            "CONNECTION_CHANNEL_AUTHORIZATION",
        ),
    ],
)
async def test_who_may_not_join_is_told_why_and_nothing_is_left(
    application: Any, folder: Path, name: str, message: str, type_: str
) -> None:
    """By name, by there being such a channel, by the channel itself."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        listener = Listener()

        with pytest.raises(TypedError) as refused:
            await app.get(Channels).subscribe(listener, name, session=SESSION)

        assert (str(refused.value), refused.value.type.value) == (message, type_)
        assert not app.get(Channels).joined
        assert not listener.connection.subscriptions


async def test_nobody_joins_more_channels_than_are_allowed(application: Any, folder: Path) -> None:
    """Also not if they ask for many at once."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory", "ACTIONHERO_CHANNELS__MAX_SUBSCRIPTIONS": "3"}
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        channels, listener = app.get(Channels), Listener()

        answers = await asyncio.gather(
            *(channels.subscribe(listener, f"room:{n}", session=SESSION) for n in range(4)),
            return_exceptions=True,
        )

        refused = [answer for answer in answers if isinstance(answer, TypedError)]
        assert [str(each) for each in refused] == ["Too many subscriptions (max 3)"]
        assert listener.connection.subscriptions == {"room:0", "room:1", "room:2"}


async def test_one_who_has_two_connections_comes_and_goes_once(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """The first of a key comes, the last one leaves, and the others hear of both."""
    async with running as app:
        channels = app.get(Channels)
        witness, one, two = Listener(), Listener(), Listener()
        await channels.subscribe(witness, "club", session=Session(values={"userId": 1}))
        for listener in (one, two):
            await channels.subscribe(listener, "club", session=Session(values={"userId": 2}))
        both = await channels.members("club")

        await channels.unsubscribe(one, "club")
        still = await channels.members("club")
        await channels.leave_all(two)
        await witness.until(presence=3)

        assert (both, still) == (["1", "2"], ["1", "2"])
        assert await channels.members("club") == ["1"]
        told = [(each.sender, each.message) for each in witness.presence]
        assert told == [
            ("presence", '{"event":"join","presenceKey":"1"}'),
            ("presence", '{"event":"join","presenceKey":"2"}'),
            ("presence", '{"event":"leave","presenceKey":"2"}'),
        ]


async def test_who_has_signed_out_leaves_what_they_may_no_longer_hear(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """And stays where everybody may."""
    async with running as app:
        channels, listener = app.get(Channels), Listener()
        await channels.subscribe(listener, "club", session=Session(values={"userId": 1}))
        await channels.subscribe(listener, "news", session=SESSION)

        left = await channels.recheck(listener, Session())

        assert left == ["club"]
        assert listener.connection.subscriptions == {"news"}
        assert await channels.members("club") == []


async def test_nothing_is_left_of_a_channel_that_nobody_is_in(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """Neither here nor in Redis: also when joining was cancelled half way."""
    async with running as app:
        channels, clients = app.get(Channels), app.get(RedisClients)
        listeners = [Listener() for _ in range(20)]
        session = Session(values={"userId": 1})
        joining = [
            asyncio.ensure_future(channels.subscribe(each, "club", session=session))
            for each in listeners
        ]
        for turns, task in enumerate(joining[:10]):
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*joining, return_exceptions=True)

        await asyncio.gather(*(channels.leave_all(each) for each in listeners))

        assert channels.joined == {}
        assert channels._joined == {}
        assert channels._relay.addresses == []
        assert await channels.members("club") == []
        assert await clients.client.keys("*members*") == []


async def test_a_departure_is_told_though_whoever_asked_for_it_is_cancelled(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """A socket that closes while it unsubscribes leaves no ghost."""
    async with running as app:
        channels, witness, gone = app.get(Channels), Listener(), Listener()
        await channels.subscribe(witness, "club", session=Session(values={"userId": 1}))
        await channels.subscribe(gone, "club", session=Session(values={"userId": 2}))

        leaving = asyncio.ensure_future(channels.unsubscribe(gone, "club"))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await witness.until(presence=3)

        assert await channels.members("club") == ["1"]


async def test_a_test_sees_what_was_broadcast(application: Any, folder: Path) -> None:
    """By `captured_broadcasts`, without a listener."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        with captured_broadcasts(app) as said:
            await app.get(Channels).broadcast("news", 1, sender="me")
        await app.get(Channels).broadcast("news", 2)

        assert said == [("news", 1, "me")]
        with pytest.raises(ValueError, match=r"there is no channel 'nowhere'; there are: 'club'"):
            await app.get(Channels).broadcast("nowhere", 1)
