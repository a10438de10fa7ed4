"""Reauthorization reaches every subscription, also during its changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actionhero import ChannelRefused, Session, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, Channels, plugin
from actionhero_channels.testing import RecordingSubscriber
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from actionhero_channels import Subscription

MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}
SIGNED_IN, SIGNED_OUT = Session(values={"userId": 1}), Session()


class Scene:
    """A channel whose `authorize` waits until it may go on."""

    def __init__(self) -> None:
        self.entered, self.go_on = asyncio.Semaphore(0), asyncio.Event()
        self.go_on.set()
        self.channels: Channels
        scene = self

        class Members(Channel):
            """Requires a signed-in user."""

            name = "members"

            async def authorize(self, subscription: Subscription) -> None:
                scene.entered.release()
                await scene.go_on.wait()
                if "userId" not in subscription.session:
                    raise ChannelRefused("Sign in")

        self._channel = Members

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return [self._channel]

    def hold(self) -> None:
        """Hold the calls of `authorize` from now on."""
        self.go_on.clear()
        self.entered = asyncio.Semaphore(0)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    async with running_app(redis_plugin, plugin, scene, environ=MEMORY) as app:
        scene.channels = app.get(Channels)
        yield scene
        scene.go_on.set()


async def test_a_subscription_in_progress_is_authorized_with_the_new_session(scene: Scene) -> None:
    """It began with a session that is revoked before it is active."""
    channels, subscriber = scene.channels, RecordingSubscriber()
    scene.hold()
    subscribing = asyncio.ensure_future(
        channels.subscribe(subscriber, "members", session=SIGNED_IN)
    )
    await scene.entered.acquire()

    revoking = asyncio.ensure_future(channels.reauthorize(subscriber, SIGNED_OUT))
    await asyncio.sleep(0)
    scene.go_on.set()
    await subscribing

    assert await revoking == ["members"]
    assert channels.subscriber_counts == {}
    assert await channels.members("members") == []


async def test_the_last_of_two_sessions_is_decisive(scene: Scene) -> None:
    """Both replace the session of the same subscription."""
    channels, subscriber = scene.channels, RecordingSubscriber()
    await channels.subscribe(subscriber, "members", session=SIGNED_IN)
    scene.hold()

    tasks = [
        asyncio.ensure_future(channels.reauthorize(subscriber, session))
        for session in (Session(values={"userId": 2}), SIGNED_OUT)
    ]
    for _ in tasks:
        await scene.entered.acquire()
    scene.go_on.set()

    assert await asyncio.gather(*tasks) == [[], ["members"]]
    assert channels.subscriber_counts == {}


async def test_a_subscription_that_was_renewed_in_the_meantime_is_authorized(scene: Scene) -> None:
    """And the one that has ended is not ended again."""
    channels, subscriber = scene.channels, RecordingSubscriber()
    await channels.subscribe(subscriber, "members", session=SIGNED_IN)
    scene.hold()
    revoking = asyncio.ensure_future(channels.reauthorize(subscriber, SIGNED_OUT))
    await scene.entered.acquire()

    await channels.unsubscribe(subscriber, "members")
    subscribing = asyncio.ensure_future(
        channels.subscribe(subscriber, "members", session=SIGNED_IN)
    )
    await scene.entered.acquire()
    scene.go_on.set()
    await subscribing

    assert await revoking == ["members"]
    assert channels._subscriptions.by_subscriber == {}
    assert await channels.members("members") == []


async def test_concurrent_subscriptions_are_refused_alike(scene: Scene) -> None:
    """The second is not confirmed while the first may be refused."""
    channels, subscriber = scene.channels, RecordingSubscriber()
    scene.hold()

    tasks = [
        asyncio.ensure_future(channels.subscribe(subscriber, "members", session=SIGNED_OUT))
        for _ in range(2)
    ]
    await scene.entered.acquire()
    scene.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(each) for each in results] == ["Sign in"] * 2
