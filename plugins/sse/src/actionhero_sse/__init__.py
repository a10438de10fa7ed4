"""Server-sent events for ActionHero: the broadcasts of a channel as a stream of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_sse.actions import ChannelEvents as ChannelEvents
    from actionhero_sse.event_stream import EventData as EventData
    from actionhero_sse.settings import SseSettings as SseSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".actions": ["ChannelEvents"],
        ".event_stream": ["EventData"],
        ".settings": ["SseSettings"],
    },
)
