"""Channels for ActionHero: whoever listens hears what is broadcast, from whichever process.

`Channel` and `Channels` are what an author imports; `Subscriber` is for whoever writes a door.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_channels.channel import Channel as Channel
    from actionhero_channels.channel import ChannelMiddleware as ChannelMiddleware
    from actionhero_channels.channel import Subscription as Subscription
    from actionhero_channels.channels import Channels as Channels
    from actionhero_channels.delivery import Delivery as Delivery
    from actionhero_channels.settings import ChannelsSettings as ChannelsSettings
    from actionhero_channels.subscriber import Subscribed as Subscribed
    from actionhero_channels.subscriber import Subscriber as Subscriber

__all__ = [
    "Channel",
    "ChannelMiddleware",
    "Channels",
    "ChannelsSettings",
    "Delivery",
    "Subscribed",
    "Subscriber",
    "Subscription",
]

_HOME = {
    "Channel": "channel",
    "ChannelMiddleware": "channel",
    "Channels": "channels",
    "ChannelsSettings": "settings",
    "Delivery": "delivery",
    "Subscribed": "subscriber",
    "Subscriber": "subscriber",
    "Subscription": "channel",
}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_channels' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_channels.{module}"), name)
