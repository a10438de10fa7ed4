"""Broadcasts, history, authorization and presence of channels, on each Redis mode."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import RunMode, Session, TypedError, hookimpl
from actionhero.json import loads
from actionhero.testing import running_app
from actionhero_channels import Channel, Channels, plugin
from actionhero_channels.testing import RecordingSubscriber, captured_broadcasts
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_channels import Subscription

SESSION = Session()


@pytest.fixture
def running(
    application: Any, environ: dict[str, str], folder: Path
) -> AbstractAsyncContextManager[RunningApp]:
    return running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder, mode=RunMode.SERVER
    )


async def test_broadcasts_reach_subscribers(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """With channel, sender and identifier; subscribers of other channels receive nothing."""
    async with running as app:
        channels, subscriber, other = (
            app.get(Channels),
            RecordingSubscriber(),
            RecordingSubscriber(),
        )
        await channels.subscribe(subscriber, "news", session=SESSION)
        await channels.subscribe(other, "room:1", session=SESSION)

        id = await channels.broadcast("news", {"text": "grün"}, sender="me")
        await subscriber.wait_for(deliveries=1)

        message = {"channel": "news", "message": {"text": "grün"}, "sender": "me", "id": id}
        assert loads(subscriber.deliveries[0].json) == {"message": message}
        assert not other.deliveries


async def test_resumed_subscriptions_receive_the_backlog(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """In order and without duplicates; a gap is reported if the history is too short."""
    async with running as app:
        channels = app.get(Channels)
        resumed, late, current = RecordingSubscriber(), RecordingSubscriber(), RecordingSubscriber()
        ids = [await channels.broadcast("room:1", number) for number in range(9)]

        complete = await channels.subscribe(resumed, "room:1", session=SESSION, since=ids[5])
        partial = await channels.subscribe(late, "room:1", session=SESSION, since=ids[1])
        empty = await channels.subscribe(current, "room:1", session=SESSION, since=ids[8])
        ids.append(await channels.broadcast("room:1", 9))
        await resumed.wait_for(deliveries=1)

        assert [each.id for each in (*complete.backlog, *resumed.deliveries)] == ids[6:]
        assert not complete.gap
        assert [each.id for each in partial.backlog] == ids[4:9]
        assert partial.gap
        assert (empty.backlog, empty.gap) == ([], False)


@pytest.mark.parametrize("since", ["", "x", "1-", "9" * 5000 + "-1", f"{2**64}-0", "٣-٣", "5-5"])
async def test_an_unknown_since_is_a_gap(
    running: AbstractAsyncContextManager[RunningApp], since: str
) -> None:
    """An invalid one too; it is never an error."""
    async with running as app:
        channels = app.get(Channels)
        await channels.broadcast("room:1", "x")

        result = await channels.subscribe(
            RecordingSubscriber(), "room:1", session=SESSION, since=since
        )

        assert result.gap


@pytest.mark.parametrize(
    ("name", "message", "type_"),
    [
        ("", "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("a b", "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("n" * 201, "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("news\n", "Invalid channel name", "CONNECTION_CHANNEL_VALIDATION"),
        ("unknown", "Channel not found: unknown", "CONNECTION_CHANNEL_AUTHORIZATION"),
        (
            "club",
            "Authentication required to join this channel",
            "CONNECTION_CHANNEL_AUTHORIZATION",
        ),
    ],
)
async def test_refused_subscriptions_leave_no_state(
    application: Any, folder: Path, name: str, message: str, type_: str
) -> None:
    """Refused for an invalid name, an unknown channel, or by the channel."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        subscriber = RecordingSubscriber()

        with pytest.raises(TypedError) as raised:
            await app.get(Channels).subscribe(subscriber, name, session=SESSION)

        assert (str(raised.value), raised.value.type.value) == (message, type_)
        assert not app.get(Channels).subscriber_counts
        assert not subscriber.connection.subscriptions


async def test_a_channel_that_returns_its_decision_admits_no_connection(folder: Path) -> None:
    """It would be ignored: `authorize` refuses by an error."""

    class Club(Channel):
        """Returns whether a connection may subscribe."""

        name = "returning"

        async def authorize(self, subscription: Subscription) -> None:
            return False  # type: ignore[return-value]

    class ClubPlugin:
        """Provides the channel."""

        @hookimpl
        def actionhero_channels(self) -> list[type[Channel]]:
            return [Club]

    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(
        redis_plugin, plugin, ClubPlugin(), environ=environ, folder=folder
    ) as app:
        with pytest.raises(TypeError, match="'returning': authorize returned False; return noth"):
            await app.get(Channels).subscribe(RecordingSubscriber(), "returning", session=SESSION)

        assert not app.get(Channels).subscriber_counts


async def test_a_presence_key_that_is_no_text_is_an_error(folder: Path) -> None:
    """It would be a number in some events, and text in others and in the list of members."""

    class Numbered(Channel):
        """Returns the number of the user."""

        name = "numbered"

        async def presence_key(self, subscription: Subscription) -> str | None:
            return 7  # type: ignore[return-value]

    class NumberedPlugin:
        """Provides the channel."""

        @hookimpl
        def actionhero_channels(self) -> list[type[Channel]]:
            return [Numbered]

    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(
        redis_plugin, plugin, NumberedPlugin(), environ=environ, folder=folder
    ) as app:
        with pytest.raises(TypeError, match="'numbered': presence_key returned 7; return a text"):
            await app.get(Channels).subscribe(RecordingSubscriber(), "numbered", session=SESSION)

        assert not app.get(Channels).subscriber_counts
        assert await app.get(Channels).members("numbered") == []


async def test_the_number_of_subscriptions_is_limited(application: Any, folder: Path) -> None:
    """Concurrent requests count too."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory", "ACTIONHERO_CHANNELS__MAX_SUBSCRIPTIONS": "3"}
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()

        results = await asyncio.gather(
            *(channels.subscribe(subscriber, f"room:{n}", session=SESSION) for n in range(4)),
            return_exceptions=True,
        )

        errors = [result for result in results if isinstance(result, TypedError)]
        assert [str(each) for each in errors] == ["Too many subscriptions (max 3)"]
        assert subscriber.connection.subscriptions == {"room:0", "room:1", "room:2"}


async def test_presence_events_are_sent_once_per_key(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """`join` with its first connection, and `leave` with its last."""
    async with running as app:
        channels = app.get(Channels)
        observer, one, two = RecordingSubscriber(), RecordingSubscriber(), RecordingSubscriber()
        await channels.subscribe(observer, "club", session=Session(values={"userId": 1}))
        for subscriber in (one, two):
            await channels.subscribe(subscriber, "club", session=Session(values={"userId": 2}))
        with_two = await channels.members("club")

        await channels.unsubscribe(one, "club")
        with_one = await channels.members("club")
        await channels.unsubscribe_all(two)
        await observer.wait_for(presence=3)

        assert (with_two, with_one) == (["1", "2"], ["1", "2"])
        assert await channels.members("club") == ["1"]
        events = [(each.sender, each.message) for each in observer.presence]
        assert events == [
            ("presence", '{"event":"join","presenceKey":"1"}'),
            ("presence", '{"event":"join","presenceKey":"2"}'),
            ("presence", '{"event":"leave","presenceKey":"2"}'),
        ]


async def test_reauthorization_ends_refused_subscriptions(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """And no others."""
    async with running as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        await channels.subscribe(subscriber, "club", session=Session(values={"userId": 1}))
        await channels.subscribe(subscriber, "news", session=SESSION)

        ended = await channels.reauthorize(subscriber, Session())

        assert ended == ["club"]
        assert subscriber.connection.subscriptions == {"news"}
        assert await channels.members("club") == []


async def test_channels_without_subscribers_leave_no_state(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """In the process and in Redis, even if subscribing was interrupted by a cancellation."""
    async with running as app:
        channels, clients = app.get(Channels), app.get(RedisClients)
        subscribers = [RecordingSubscriber() for _ in range(20)]
        session = Session(values={"userId": 1})
        tasks = [
            asyncio.ensure_future(channels.subscribe(each, "club", session=session))
            for each in subscribers
        ]
        for iterations, task in enumerate(tasks[:10]):
            for _ in range(iterations):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        await asyncio.gather(*(channels.unsubscribe_all(each) for each in subscribers))

        assert channels.subscriber_counts == {}
        assert channels._subscriptions.by_subscriber == {}
        assert channels._subscriptions.local_channels.listener.redis_channels == []
        assert await channels.members("club") == []
        assert await clients.client.keys("*members*") == []


async def test_a_cancelled_unsubscribe_is_completed(
    running: AbstractAsyncContextManager[RunningApp],
) -> None:
    """A socket that closes during an unsubscribe leaves no stale member."""
    async with running as app:
        channels, observer, subscriber = (
            app.get(Channels),
            RecordingSubscriber(),
            RecordingSubscriber(),
        )
        await channels.subscribe(observer, "club", session=Session(values={"userId": 1}))
        await channels.subscribe(subscriber, "club", session=Session(values={"userId": 2}))

        task = asyncio.ensure_future(channels.unsubscribe(subscriber, "club"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await observer.wait_for(presence=3)

        assert await channels.members("club") == ["1"]


async def test_broadcasts_are_captured(application: Any, folder: Path) -> None:
    """By `captured_broadcasts`, without a subscriber."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(
        redis_plugin, plugin, application, environ=environ, folder=folder
    ) as app:
        with captured_broadcasts(app) as captured:
            await app.get(Channels).broadcast("news", 1, sender="me")
        await app.get(Channels).broadcast("news", 2)

        assert captured == [("news", 1, "me")]
        with pytest.raises(ValueError, match="unknown channel 'unknown'; available: club"):
            await app.get(Channels).broadcast("unknown", 1)
