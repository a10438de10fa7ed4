"""Which channel a name means, and what is wrong with the names of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import BootError, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, plugin
from actionhero_channels.names import names_of
from actionhero_redis import plugin as redis_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


def channel(called: str, kept: int = 0) -> type[Channel]:
    class Made(Channel):
        """Made by a test."""

        name = called
        history = kept

    return Made


class Brings:
    """Brings channels."""

    def __init__(self, *channels: type[Channel]) -> None:
        self._channels = channels

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return self._channels


async def test_a_name_without_places_goes_before_one_with() -> None:
    """And a place stands for something, without a colon."""
    brings = Brings(channel("room:{id}"), channel("room:lobby"), channel("room:{id}:{part}"))
    async with running_app(redis_plugin, plugin, brings, environ=MEMORY) as app:
        names, faults = names_of(app.app)

        found = {name: names.find(name) for name in ("room:lobby", "room:7", "room:7:b", "room:")}

        assert not faults
        assert {name: each and (each[0].name, each[1]) for name, each in found.items()} == {
            "room:lobby": ("room:lobby", {}),
            "room:7": ("room:{id}", {"id": "7"}),
            "room:7:b": ("room:{id}:{part}", {"id": "7", "part": "b"}),
            "room:": None,
        }


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([channel("a:{x}"), channel("a:{y}")], r"two channels are called 'a:\{y\}'"),
        ([channel("a b")], r"has the name 'a b'; there may be letters"),
        ([channel("")], r"has no name; set name"),
        ([channel("{a}:{a}")], r"two places are called the same"),
        ([channel("a", -1)], r"has history = -1"),
    ],
)
async def test_a_channel_that_cannot_be_is_refused_at_the_start(
    channels: list[type[Channel]], message: str
) -> None:
    """With a sentence that names it and says what to do."""
    with pytest.raises(BootError, match=message):
        async with running_app(redis_plugin, plugin, Brings(*channels), environ=MEMORY):
            pass
