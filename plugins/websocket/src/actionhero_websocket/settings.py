"""The knobs of the WebSocket door: section `websocket`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from actionhero import Field, Settings


class WebSocketSettings(Settings):
    """What a client may send and how fast, what may wait for it, and when it is given up."""

    section: ClassVar[str] = "websocket"

    message_limit_bytes: int = Field(
        default=65536,
        ge=125,
        description="The largest message that a client may send, decompressed.",
    )
    messages_per_second: int = Field(
        default=20,
        ge=0,
        description="How many messages a client may send in a second. 0 is no limit.",
    )
    max_concurrent_calls: int = Field(
        default=32, ge=1, description="How many calls of one client run at once; others wait."
    )
    waiting_calls: int = Field(
        default=256, ge=0, description="How many calls of one client may wait; others are refused."
    )
    streams: int = Field(
        default=32, ge=1, description="How many streams of one client run at once; others wait."
    )
    send_buffer_bytes: int = Field(
        default=1024 * 1024,
        ge=1,
        description="How much may wait to be taken in by a slow client before it is closed.",
    )
    ping_interval: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        description="How often clients are asked whether they are there. Who leaves two without "
        "an answer is closed. 0 for never.",
    )
    frame_timeout: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="How long a client may take to send a frame.",
    )
    close_timeout: timedelta = Field(
        default=timedelta(seconds=2),
        gt=timedelta(0),
        description="How long a client that is told to close may take to do so.",
    )
    compress: bool = Field(
        default=False,
        description="Whether messages are compressed for clients that offer it.",
    )
