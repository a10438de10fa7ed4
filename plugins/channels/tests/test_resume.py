"""Resumed subscriptions lose and repeat nothing, also with events during their reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest

from actionhero import Session
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_channels.testing import RecordingSubscriber
from actionhero_redis import RedisClients
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from actionhero_channels import Delivery
    from actionhero_channels.local_channel import LocalChannel

SESSION = Session()
MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


class Reads:
    """The reads of a history, each of which runs `during` before or after it."""

    def __init__(self, clients: RedisClients, monkeypatch: pytest.MonkeyPatch) -> None:
        self._execute = clients.execute
        #: The event during the read with a number: before it or after it.
        self.during: dict[tuple[int, str], Callable[[], Awaitable[Any]]] = {}
        self.count = 0
        self.is_active = False
        monkeypatch.setattr(RedisClients, "execute", self.execute)

    def execute(self, command: str, *arguments: Any, **options: Any) -> Awaitable[Any]:
        if command not in {"XRANGE", "XREVRANGE"} or not self.is_active:
            return self._execute(command, *arguments, **options)
        return self._read(command, *arguments, **options)

    async def _read(self, *arguments: Any, **options: Any) -> Any:
        number, self.count = self.count, self.count + 1
        await self._run(number, "before")
        reply = await self._execute(*arguments, **options)
        await self._run(number, "after")
        return reply

    async def _run(self, number: int, moment: str) -> None:
        event = self.during.pop((number, moment), None)
        if event is not None:
            self.is_active = False
            await event()
            self.is_active = True


class Scene:
    """A channel with three broadcasts, and a subscriber that stays."""

    def __init__(self, app: Any, reads: Reads) -> None:
        self.channels, self.clients, self.reads = app.get(Channels), app.get(RedisClients), reads
        self.listener = RecordingSubscriber()
        self.sent: list[str] = []

    async def broadcast(self) -> None:
        """Broadcast, and wait until the subscriber that stays has received it."""
        self.sent.append(await self.channels.broadcast("long", len(self.sent)))
        await self.listener.wait_for(deliveries=len(self.sent))

    async def lose_data(self, *ids: str) -> None:
        """Delete entries of the history, and reconnect, as after a crash of Redis."""
        stream = self.channels._broadcasts._stream("long")
        await self.clients.execute(*("XDEL", stream, *ids))
        self.local.handle_reconnect()
        await self.listener.wait_for(gaps=1)

    @property
    def local(self) -> LocalChannel:
        """The channel in this process."""
        local: LocalChannel = self.channels._subscriptions.local_channels.by_name["long"]
        return local

    async def resume(self, since: str) -> tuple[Any, RecordingSubscriber]:
        """Resume another subscription while `reads.during` happens."""
        subscriber = RecordingSubscriber()
        self.reads.is_active = True
        result = await self.channels.subscribe(subscriber, "long", session=SESSION, since=since)
        self.reads.is_active = False
        return result, subscriber


@pytest.fixture
async def scene(application: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    async with running_app(redis_plugin, plugin, application, environ=MEMORY) as app:
        scene = Scene(app, Reads(app.get(RedisClients), monkeypatch))
        await scene.channels.subscribe(scene.listener, "long", session=SESSION)
        for _ in range(3):
            await scene.broadcast()
        yield scene


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("position", [0, 2])
async def test_broadcasts_during_a_resume_are_delivered_once(
    scene: Scene, position: int, number: int, moment: str
) -> None:
    """Whichever read of the history they arrive at; the newest broadcast is a `since` too."""
    for index in range(number + 1):
        scene.reads.during[index, moment] = scene.broadcast

    result, resumed = await scene.resume(scene.sent[position])
    await scene.broadcast()
    await resumed.wait_for(deliveries=1)

    received = [each.id for each in (*result.backlog, *resumed.deliveries)]
    assert received == scene.sent[position + 1 :]
    assert not result.gap


async def test_data_loss_during_a_resume_is_a_gap(scene: Scene) -> None:
    """The subscriber was not one yet when the others were notified."""
    lost = scene.sent[1:]
    scene.reads.during[0, "after"] = lambda: scene.lose_data(*lost)

    result, _ = await scene.resume(scene.sent[0])

    assert result.gap


async def test_a_loss_of_the_newest_entries_repeats_none(scene: Scene) -> None:
    """As after a crash of a Redis that writes to its disk once a second; it is a gap."""
    await scene.lose_data(scene.sent[2])
    result, _ = await scene.resume(scene.sent[2])
    await scene.broadcast()

    assert [each.id for each in scene.listener.deliveries] == scene.sent
    assert result.gap


async def test_broadcasts_of_an_outage_during_the_first_subscription_are_delivered(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position is read before it, and known after it."""
    await scene.channels.unsubscribe_all(scene.listener)
    subscriber = RecordingSubscriber()

    async def interrupt() -> None:
        with monkeypatch.context() as patch:
            dropped = asyncio.Event()
            receive = AsyncMock(side_effect=lambda _: dropped.set())
            patch.setattr(scene.local, "receive", receive)
            scene.sent.append(await scene.channels.broadcast("long", "during the outage"))
            await dropped.wait()
        scene.local.handle_reconnect()

    scene.reads.during[0, "after"] = interrupt
    scene.reads.is_active = True
    await scene.channels.subscribe(subscriber, "long", session=SESSION)
    await subscriber.wait_for(deliveries=1)

    assert [each.id for each in subscriber.deliveries] == scene.sent[3:]


async def test_the_history_does_not_overtake_a_delivery(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery to many subscribers lets other tasks run, such as a read of the history."""
    monkeypatch.setattr("actionhero_channels.recipients.BATCH_SIZE", 1)

    class First(RecordingSubscriber):
        """Unsubscribes others and starts the read, in the middle of the first delivery."""

        def deliver(self, delivery: Delivery, /) -> None:
            super().deliver(delivery)
            if len(self.deliveries) == 1:
                tasks.append(asyncio.ensure_future(self.interrupt()))

        async def interrupt(self) -> None:
            await asyncio.gather(*(scene.channels.unsubscribe(each, "long") for each in leaving))
            scene.sent.append(await scene.channels.broadcast("long", "second"))
            scene.local.catch_up()

    tasks = list[asyncio.Future[None]]()
    leaving = [RecordingSubscriber() for _ in range(100)]
    staying = [First(), RecordingSubscriber()]
    for subscriber in (staying[0], *leaving, staying[1]):
        await scene.channels.subscribe(subscriber, "long", session=SESSION)

    scene.sent.append(await scene.channels.broadcast("long", "first"))
    for subscriber in staying:
        await subscriber.wait_for(deliveries=2)
    await asyncio.gather(*tasks)

    for subscriber in staying:
        assert [each.id for each in subscriber.deliveries] == scene.sent[3:]
