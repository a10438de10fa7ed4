"""The settings of server-sent events: section `sse`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from actionhero import Field, Settings


class SseSettings(Settings):
    """The limits of the event streams of channels."""

    section: ClassVar[str] = "sse"

    max_streams: int = Field(
        default=10_000,
        ge=1,
        description="How many event streams one process serves; further clients get 503.",
    )
    send_buffer_bytes: int = Field(
        default=1024 * 1024,
        ge=1,
        description="How many bytes are buffered for a slow client before its stream ends.",
    )
    retry: timedelta = Field(
        default=timedelta(seconds=2),
        ge=timedelta(0),
        description="How long a client waits before it reconnects. When the server stops, each "
        "client gets a random delay between this and twice this.",
    )
