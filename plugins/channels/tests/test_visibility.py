"""`Channel.visible` filters live broadcasts and backlogs for each subscriber."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Session, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, Channels, plugin
from actionhero_channels.testing import RecordingSubscriber
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from actionhero_channels import Delivery, Subscription

MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


class Letters(Channel):
    """Each letter is visible to its recipient, in two kinds of channels."""

    history = 10

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None

    def visible(self, delivery: Delivery, subscription: Subscription) -> bool:
        return bool(delivery.message["to"] == subscription.session["userId"])


class Stored(Letters):
    """With history."""

    name = "stored:{id}"


class Transient(Letters):
    """Without history."""

    name = "transient:{id}"
    history = 0


class Present(Letters):
    """With presence events, which have another format."""

    name = "present"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return str(subscription.session["userId"])


class LettersPlugin:
    """Provides the channels."""

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return [Stored, Transient, Present]


@pytest.fixture
async def channels() -> AsyncIterator[Channels]:
    async with running_app(redis_plugin, plugin, LettersPlugin(), environ=MEMORY) as app:
        yield app.get(Channels)


async def subscribe(channels: Channels, channel: str, user: int) -> RecordingSubscriber:
    subscriber = RecordingSubscriber()
    await channels.subscribe(subscriber, channel, session=Session(values={"userId": user}))
    return subscriber


def messages(subscriber: RecordingSubscriber) -> list[Any]:
    return [each.message for each in subscriber.deliveries]


@pytest.mark.parametrize("channel", ["stored:1", "transient:1"])
async def test_subscribers_receive_only_visible_broadcasts(
    channels: Channels, channel: str
) -> None:
    """After another authorization, those of the new session."""
    one, two = [await subscribe(channels, channel, user) for user in (1, 2)]

    for to in (1, 2, 1):
        await channels.broadcast(channel, {"to": to})
    await one.wait_for(deliveries=2)
    await channels.reauthorize(one, Session(values={"userId": 2}))
    await channels.broadcast(channel, {"to": 2})
    await one.wait_for(deliveries=3)
    await two.wait_for(deliveries=2)

    assert messages(one) == [{"to": 1}, {"to": 1}, {"to": 2}]
    assert messages(two) == [{"to": 2}, {"to": 2}]


async def test_a_backlog_has_only_visible_broadcasts(channels: Channels) -> None:
    """The position is after the hidden ones."""
    ids = [await channels.broadcast("stored:1", {"to": to}) for to in (1, 1, 2, 1, 2)]

    subscriber, session = RecordingSubscriber(), Session(values={"userId": 1})
    result = await channels.subscribe(subscriber, "stored:1", session=session, since=ids[0])

    assert [each.id for each in result.backlog] == [ids[1], ids[3]]
    assert (result.gap, result.last_id) == (False, ids[4])


async def test_an_exception_hides_the_broadcast(
    channels: Channels, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with the name of the channel, once for all subscribers."""
    caplog.set_level(logging.ERROR, "actionhero.channels")
    subscribers = [await subscribe(channels, "stored:7", 1) for _ in range(3)]

    hidden = await channels.broadcast("stored:7", {"without": "to"})
    await channels.broadcast("stored:7", {"to": 1})
    for subscriber in subscribers:
        await subscriber.wait_for(deliveries=1)
    late = RecordingSubscriber()
    session = Session(values={"userId": 1})
    resumed = await channels.subscribe(late, "stored:7", session=session, since="0-0")

    assert [messages(each) for each in subscribers] == [[{"to": 1}]] * 3
    assert [each.message for each in resumed.backlog] == [{"to": 1}]
    assert hidden not in {each.id for each in resumed.backlog}
    assert [record.getMessage() for record in caplog.records] == [
        "channel 'stored:7': visible failed; the broadcast is hidden"
    ] * 2


@pytest.mark.parametrize("result", ["coroutine", "method"])
async def test_a_result_that_is_no_decision_hides_the_broadcast(
    channels: Channels,
    result: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It would be true for every subscriber."""

    async def is_recipient() -> bool:
        return False

    def visible(self: Any, delivery: Delivery, subscription: Subscription) -> Any:
        if delivery.message["to"] == 1:
            return True
        return is_recipient() if result == "coroutine" else subscription.session.get

    monkeypatch.setattr(Stored, "visible", visible)
    subscriber = await subscribe(channels, "stored:1", 1)

    await channels.broadcast("stored:1", {"to": 2})
    shown = await channels.broadcast("stored:1", {"to": 1})
    await subscriber.wait_for(deliveries=1)

    assert [each.id for each in subscriber.deliveries] == [shown]
    assert f"returned {result!r}, which is always true" in caplog.text


async def test_presence_events_are_filtered(channels: Channels) -> None:
    """They are broadcasts of the sender `presence`, whose message is text."""
    one = await subscribe(channels, "present", 1)
    await subscribe(channels, "present", 2)
    await channels.broadcast("present", {"to": 1})
    await one.wait_for(deliveries=1)

    assert one.presence == []


async def test_a_subscriber_that_returns_during_a_delivery_receives_it_once(
    channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the backlog of its second subscription."""
    monkeypatch.setattr("actionhero_channels.recipients.BATCH_SIZE", 1)
    session = Session(values={"userId": 1})
    backlogs = list[str | None]()

    class First(RecordingSubscriber):
        """Lets the last subscriber return, in the middle of the delivery."""

        def deliver(self, delivery: Delivery, /) -> None:
            super().deliver(delivery)
            if len(self.deliveries) == 2:
                tasks.append(asyncio.ensure_future(self.interrupt()))

        async def interrupt(self) -> None:
            since = last.deliveries[-1].id
            await channels.unsubscribe(last, "stored:1")
            result = await channels.subscribe(last, "stored:1", session=session, since=since)
            backlogs.extend(each.id for each in result.backlog)

    tasks = list[asyncio.Future[None]]()
    first, last = First(), RecordingSubscriber()
    others = [RecordingSubscriber() for _ in range(100)]
    for subscriber in (first, *others, last):
        await channels.subscribe(subscriber, "stored:1", session=session)

    ids = [await channels.broadcast("stored:1", {"to": 1}) for _ in range(3)]
    await first.wait_for(deliveries=3)
    await asyncio.gather(*tasks)
    await others[-1].wait_for(deliveries=3)
    await channels.broadcast("stored:1", {"to": 1})
    await others[-1].wait_for(deliveries=4)

    received = [each.id for each in last.deliveries][:1] + backlogs
    received += [each.id for each in last.deliveries][1:]
    assert received[:3] == ids
    assert len(received) == 4
