"""Middleware sees off whoever it has let in, whatever goes wrong further in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ChannelRefused, ServiceUnavailable, Session, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, ChannelMiddleware, Channels, plugin
from actionhero_channels.testing import Listener
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from actionhero.testing import RunningApp
    from actionhero_channels import Subscription
    from actionhero_redis.testing import ThrowAwayRedis

SESSION = Session()
MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


class Noted(ChannelMiddleware):
    """Notes what it is asked, and fails where it is told to."""

    def __init__(self, name: str, notes: list[str], *, refuses: bool = False) -> None:
        self._name = name
        self._notes = notes
        self._refuses = refuses

    async def before(self, subscription: Subscription) -> None:
        if self._refuses:
            raise ChannelRefused(f"{self._name} says no")
        self._notes.append(f"before {self._name}")

    async def after(self, subscription: Subscription) -> None:
        self._notes.append(f"after {self._name}")
        if self._name == "inner":
            raise RuntimeError("the others are asked all the same")


class Brings:
    """Brings one guarded channel, which may refuse, wait without an end, or let in."""

    def __init__(self, notes: list[str], inside: str = "", *, refuses: bool = False) -> None:
        reached = self.reached = asyncio.Event()

        class Guarded(Channel):
            """Guarded by two."""

            name = "guarded"
            middleware = (Noted("outer", notes), Noted("inner", notes, refuses=refuses))

            async def authorize(self, subscription: Subscription) -> None:
                notes.append("authorize")
                reached.set()
                if inside == "refuses":
                    raise ChannelRefused("Not you")
                if inside == "waits":
                    await asyncio.Event().wait()

        self._channel = Guarded

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return [self._channel]


def running(brings: Any) -> AbstractAsyncContextManager[RunningApp]:
    return running_app(redis_plugin, plugin, brings, environ=MEMORY)


async def test_middleware_goes_from_the_outside_in_and_back() -> None:
    """Around the channel's own question; what fails at the end stops nobody."""
    notes: list[str] = []
    async with running(Brings(notes)) as app:
        listener = Listener()
        await app.get(Channels).subscribe(listener, "guarded", session=SESSION)
        await app.get(Channels).subscribe(listener, "guarded", session=SESSION)
        joined = list(notes)

        await app.get(Channels).unsubscribe(listener, "guarded")
        await app.get(Channels).unsubscribe(listener, "guarded")

        assert joined == ["before outer", "before inner", "authorize"]
        assert notes[3:] == ["after inner", "after outer"]


async def test_middleware_that_refuses_is_not_asked_to_see_off() -> None:
    """Only those who let them in are; the channel is never asked."""
    notes: list[str] = []
    async with running(Brings(notes, refuses=True)) as app:
        with pytest.raises(ChannelRefused, match="inner says no"):
            await app.get(Channels).subscribe(Listener(), "guarded", session=SESSION)

        assert notes == ["before outer", "after outer"]


async def test_middleware_sees_off_whom_the_channel_refuses() -> None:
    """All of it, and nothing is left."""
    notes: list[str] = []
    async with running(Brings(notes, "refuses")) as app:
        with pytest.raises(ChannelRefused, match="Not you"):
            await app.get(Channels).subscribe(Listener(), "guarded", session=SESSION)

        assert notes[3:] == ["after inner", "after outer"]
        assert app.get(Channels).joined == {}


async def test_middleware_sees_off_who_goes_while_they_are_asked() -> None:
    """The connection was closed, and joining is cancelled."""
    notes: list[str] = []
    brings = Brings(notes, "waits")
    async with running(brings) as app:
        channels, listener = app.get(Channels), Listener()
        joining = asyncio.ensure_future(channels.subscribe(listener, "guarded", session=SESSION))
        await brings.reached.wait()

        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining

        assert notes[3:] == ["after inner", "after outer"]
        assert channels._joined == {}


async def test_middleware_sees_off_who_cannot_join_because_redis_is_away(
    redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told so, once it has been waited for, and nothing is left."""
    monkeypatch.setattr("actionhero_channels.channels.LISTEN_SECONDS", 0.2)
    notes: list[str] = []
    environ = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with running_app(redis_plugin, plugin, Brings(notes), environ=environ) as app:
        channels, listener = app.get(Channels), Listener()
        redis_server.kill()

        with pytest.raises(ServiceUnavailable):
            await channels.subscribe(listener, "guarded", session=SESSION)

        assert notes[3:] == ["after inner", "after outer"]
        assert (channels.joined, channels._joined, channels._relay.addresses) == ({}, {}, [])
        assert not listener.connection.subscriptions
