"""Observers of broadcasts."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero import ServiceUnavailable, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channels, plugin
from actionhero_redis import plugin as redis_plugin

MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


class Recorder:
    """An observer that does not import the package."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def broadcasting(self, channel: str, declared: str) -> str:
        self.events.append((channel, declared))
        return "mark"

    def broadcast(self, id: str | None, error: BaseException | None, mark: Any) -> None:
        self.events.append((id, type(error).__name__, mark))


class Broken(Recorder):
    def broadcasting(self, channel: str, declared: str) -> str:
        raise ValueError("broken")


class Plugin:
    def __init__(self, *observers: Any) -> None:
        self.observers = observers

    @hookimpl
    def actionhero_channels_observers(self) -> list[Any]:
        return list(self.observers)


async def test_observers_see_broadcasts(
    application: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also failed ones; the errors of an observer are logged once."""
    recorder = Recorder()
    parts = (redis_plugin, plugin, application, Plugin(Broken(), recorder))
    async with running_app(*parts, environ=MEMORY) as app:
        channels = app.get(Channels)
        ids = [await channels.broadcast(name, {}) for name in ("news", "room:7")]

        async def fail(*_: Any) -> None:
            raise ServiceUnavailable("no Redis")

        monkeypatch.setattr(channels._broadcasts, "publish", fail)
        with pytest.raises(ServiceUnavailable):
            await channels.broadcast("news", {})

    assert recorder.events == [
        *(("news", "news"), (ids[0], "NoneType", "mark")),
        *(("room:7", "room:{id}"), (ids[1], "NoneType", "mark")),
        *(("news", "news"), (None, "ServiceUnavailable", "mark")),
    ]
    assert caplog.text.count("the broadcast observer ") == 1
