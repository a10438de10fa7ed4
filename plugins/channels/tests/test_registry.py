"""Finding channels by name, and the validation of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import BootError, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, plugin
from actionhero_channels.registry import load_registry
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_channels import Delivery, Subscription

MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


def channel(channel_name: str, length: int = 0) -> type[Channel]:
    class Sample(Channel):
        """A sample."""

        name = channel_name
        history = length

    return Sample


class AsyncVisible(channel("a")):  # type: ignore[misc]
    """Its coroutines would all be true."""

    async def visible(self, delivery: Delivery, subscription: Subscription) -> bool:
        return False


class ChannelsPlugin:
    """Provides channels."""

    def __init__(self, *channels: type[Channel]) -> None:
        self._channels = channels

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return self._channels


async def test_literal_names_have_precedence() -> None:
    """A placeholder matches one or more characters other than a colon."""
    rooms = ChannelsPlugin(channel("room:{id}"), channel("room:lobby"), channel("room:{id}:{part}"))
    async with running_app(redis_plugin, plugin, rooms, environ=MEMORY) as app:
        registry, problems = load_registry(app.app)

        names = ("room:lobby", "room:7", "room:7:b", "room:")
        matches = {name: registry.find(name) for name in names}

        assert not problems
        assert {name: each and (each[0].name, each[1]) for name, each in matches.items()} == {
            "room:lobby": ("room:lobby", {}),
            "room:7": ("room:{id}", {"id": "7"}),
            "room:7:b": ("room:{id}:{part}", {"id": "7", "part": "b"}),
            "room:": None,
        }


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([channel("a:{x}"), channel("a:{y}")], r"two channels have the name 'a:\{y\}'"),
        ([channel("a b")], r"has the invalid name 'a b'; use letters"),
        ([channel("")], r"has no name; set name"),
        ([channel("{a}:{a}")], r"a duplicate placeholder; rename one"),
        ([channel("a", -1)], r"has history = -1"),
        ([channel("a", True)], r"has history = True; set it to a number of broadcasts, or 0"),
        ([AsyncVisible], r"has an async method visible; define it with def"),
    ],
)
async def test_invalid_channels_are_refused_at_startup(
    channels: list[type[Channel]], message: str
) -> None:
    """With an error that names the channel and the remedy."""
    with pytest.raises(BootError, match=message):
        async with running_app(redis_plugin, plugin, ChannelsPlugin(*channels), environ=MEMORY):
            pass
