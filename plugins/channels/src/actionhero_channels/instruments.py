"""The figures of the channels, by the channels that are declared, for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Instrument
from actionhero_channels.channels import Channels

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from actionhero import Application


def instruments(app: Application) -> list[Instrument]:
    """Return the instruments of the channels."""
    if not app.has(Channels):
        return []
    channels = app.get(Channels)
    names = channels.declared_names

    def by_channel(numbers: Counter[str]) -> list[tuple[Mapping[str, str], float]]:
        # Zeros too, so that the increase from zero is seen.
        return [({"channel": name}, numbers[name]) for name in names]

    return [
        Instrument(
            "actionhero.channel.subscribers",
            description="Subscribed connections.",
            read=lambda: by_channel(channels.subscribers),
        ),
        Instrument(
            "actionhero.channel.broadcasts",
            "counter",
            description="Broadcasts sent.",
            read=lambda: by_channel(channels.sent),
        ),
        Instrument(
            "actionhero.channel.gaps",
            "counter",
            description="Interruptions in which broadcasts may have been lost.",
            read=lambda: by_channel(channels.gaps),
        ),
    ]
