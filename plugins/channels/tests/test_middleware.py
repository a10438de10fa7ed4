"""`after` of channel middleware runs for each `before`, even after failures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ChannelRefused, ServiceUnavailable, Session, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, ChannelMiddleware, Channels, plugin
from actionhero_channels.testing import RecordingSubscriber
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from actionhero.testing import RunningApp
    from actionhero_channels import Subscription
    from actionhero_redis.testing import ThrowAwayRedis

SESSION = Session()
MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


class Recorder(ChannelMiddleware):
    """Records its calls, and fails on request."""

    def __init__(self, name: str, calls: list[str], *, refuses: bool = False) -> None:
        self._name = name
        self._calls = calls
        self._refuses = refuses

    async def before(self, subscription: Subscription) -> None:
        if self._refuses:
            raise ChannelRefused(f"{self._name} refuses")
        self._calls.append(f"before {self._name}")

    async def after(self, subscription: Subscription) -> None:
        self._calls.append(f"after {self._name}")
        if self._name == "inner":
            raise RuntimeError("the outer one runs all the same")


class GuardedPlugin:
    """Provides a channel whose `authorize` refuses, blocks, or accepts."""

    def __init__(self, calls: list[str], behavior: str = "", *, refuses: bool = False) -> None:
        reached = self.reached = asyncio.Event()

        class Guarded(Channel):
            """With two middleware."""

            name = "guarded"
            middleware = (Recorder("outer", calls), Recorder("inner", calls, refuses=refuses))

            async def authorize(self, subscription: Subscription) -> None:
                calls.append("authorize")
                reached.set()
                if behavior == "refuse":
                    raise ChannelRefused("Not you")
                if behavior == "block":
                    await asyncio.Event().wait()

            async def presence_key(self, subscription: Subscription) -> str | None:
                if behavior == "block presence":
                    await asyncio.Event().wait()
                return None

        self._channel = Guarded

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return [self._channel]


def running(guarded: Any) -> AbstractAsyncContextManager[RunningApp]:
    return running_app(redis_plugin, plugin, guarded, environ=MEMORY)


async def test_middleware_runs_inwards_and_then_outwards() -> None:
    """Around `authorize`; an exception in `after` does not stop the others."""
    calls: list[str] = []
    async with running(GuardedPlugin(calls)) as app:
        subscriber = RecordingSubscriber()
        await app.get(Channels).subscribe(subscriber, "guarded", session=SESSION)
        await app.get(Channels).subscribe(subscriber, "guarded", session=SESSION)
        before = list(calls)

        await app.get(Channels).unsubscribe(subscriber, "guarded")
        await app.get(Channels).unsubscribe(subscriber, "guarded")

        assert before == ["before outer", "before inner", "authorize"]
        assert calls[3:] == ["after inner", "after outer"]


async def test_after_is_not_called_on_refusing_middleware() -> None:
    """Only on the middleware around it; `authorize` is not called."""
    calls: list[str] = []
    async with running(GuardedPlugin(calls, refuses=True)) as app:
        with pytest.raises(ChannelRefused, match="inner refuses"):
            await app.get(Channels).subscribe(RecordingSubscriber(), "guarded", session=SESSION)

        assert calls == ["before outer", "after outer"]


async def test_after_is_called_when_the_channel_refuses() -> None:
    """On all middleware, and no state is left."""
    calls: list[str] = []
    async with running(GuardedPlugin(calls, "refuse")) as app:
        with pytest.raises(ChannelRefused, match="Not you"):
            await app.get(Channels).subscribe(RecordingSubscriber(), "guarded", session=SESSION)

        assert calls[3:] == ["after inner", "after outer"]
        assert app.get(Channels).subscriber_counts == {}


async def test_after_is_called_when_authorization_is_cancelled() -> None:
    """As when the connection closes."""
    calls: list[str] = []
    guarded = GuardedPlugin(calls, "block")
    async with running(guarded) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        task = asyncio.ensure_future(channels.subscribe(subscriber, "guarded", session=SESSION))
        await guarded.reached.wait()

        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert calls[3:] == ["after inner", "after outer"]
        assert channels._subscriptions.by_subscriber == {}


@pytest.mark.parametrize("method", ["authorize", "presence_key"])
async def test_the_time_of_an_authorization_is_limited(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The subscription fails, the log names the channel, and no state is left."""
    monkeypatch.setattr("actionhero_channels.authorization.AUTHORIZE_TIMEOUT_SECONDS", 0.05)
    calls: list[str] = []
    behavior = "block" if method == "authorize" else "block presence"
    async with running(GuardedPlugin(calls, behavior)) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()

        with pytest.raises(ServiceUnavailable, match="The channel is not available"):
            await channels.subscribe(subscriber, "guarded", session=SESSION)

        assert f"channel 'guarded': {method} did not end within 0.05 s" in caplog.text
        assert calls[3:] == ["after inner", "after outer"]
        assert (channels.subscriber_counts, channels._subscriptions.by_subscriber) == ({}, {})


async def test_after_is_called_when_redis_is_unreachable(
    redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription fails after a timeout, and no state is left."""
    monkeypatch.setattr("actionhero_channels.subscriptions.SUBSCRIBE_TIMEOUT_SECONDS", 0.2)
    calls: list[str] = []
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with running_app(redis_plugin, plugin, GuardedPlugin(calls), environ=environ) as app:
        channels, subscriber = app.get(Channels), RecordingSubscriber()
        redis_server.kill()

        with pytest.raises(ServiceUnavailable):
            await channels.subscribe(subscriber, "guarded", session=SESSION)

        assert calls[3:] == ["after inner", "after outer"]
        assert (channels.subscriber_counts, channels._subscriptions.by_subscriber) == ({}, {})
        assert channels._subscriptions.local_channels.listener.redis_channels == []
        assert not subscriber.connection.subscriptions
