"""Channels for ActionHero: publish/subscribe with presence and history, across processes.

`Channel` and `Channels` are for authors of actions; `Subscriber` is for authors of transports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_channels.broadcast_observer import BroadcastObserver as BroadcastObserver
    from actionhero_channels.channel import Channel as Channel
    from actionhero_channels.channel import ChannelMiddleware as ChannelMiddleware
    from actionhero_channels.channel import Subscription as Subscription
    from actionhero_channels.channels import Channels as Channels
    from actionhero_channels.channels import ChannelSnapshot as ChannelSnapshot
    from actionhero_channels.delivery import Delivery as Delivery
    from actionhero_channels.errors import ChannelNotFound as ChannelNotFound
    from actionhero_channels.registry import CHANNEL_NAME as CHANNEL_NAME
    from actionhero_channels.registry import load_registry as load_registry
    from actionhero_channels.settings import ChannelsSettings as ChannelsSettings
    from actionhero_channels.subscriber import Subscriber as Subscriber
    from actionhero_channels.subscriber import SubscribeResult as SubscribeResult
    from actionhero_channels.testing import CapturedBroadcast as CapturedBroadcast
    from actionhero_channels.testing import RecordingSubscriber as RecordingSubscriber
    from actionhero_channels.testing import captured_broadcasts as captured_broadcasts

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".broadcast_observer": ["BroadcastObserver"],
        ".channel": ["Channel", "ChannelMiddleware", "Subscription"],
        ".channels": ["ChannelSnapshot", "Channels"],
        ".delivery": ["Delivery"],
        ".errors": ["ChannelNotFound"],
        ".registry": ["CHANNEL_NAME", "load_registry"],
        ".settings": ["ChannelsSettings"],
        ".subscriber": ["SubscribeResult", "Subscriber"],
        ".testing": ["CapturedBroadcast", "RecordingSubscriber", "captured_broadcasts"],
    },
)
