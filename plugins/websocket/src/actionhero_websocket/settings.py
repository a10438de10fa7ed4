"""The settings of the WebSocket server: section `websocket`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import model_validator

from actionhero import Field, Settings


class WebSocketSettings(Settings):
    """The limits and timeouts of sockets."""

    section: ClassVar[str] = "websocket"

    message_limit_bytes: int = Field(
        default=65536,
        ge=125,
        description="The size limit of a client's message, decompressed.",
    )
    messages_per_second: int = Field(
        default=20,
        ge=0,
        description="How many messages a client may send per second; messages about channels "
        "count separately, up to channels.max_subscriptions. 0 disables the limit.",
    )
    rate_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        description="How long a client may exceed the rate before its socket is closed.",
    )
    max_concurrent_calls: int = Field(
        default=32, ge=1, description="How many calls of one client run concurrently; others wait."
    )
    waiting_calls: int = Field(
        default=256, ge=0, description="How many calls of one client may wait; others are refused."
    )
    streams: int = Field(
        default=32,
        ge=1,
        description="How many streams of one client run concurrently; others wait.",
    )
    send_buffer_bytes: int = Field(
        default=1024 * 1024,
        ge=1,
        description="How many bytes are buffered for a slow client before its socket is closed.",
    )
    ping_interval: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        description="The interval of pings. A socket is closed after two pings without a pong. "
        "0 disables pings.",
    )
    frame_timeout: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="The time limit for receiving a frame.",
    )
    close_timeout: timedelta = Field(
        default=timedelta(seconds=2),
        gt=timedelta(0),
        description="How long the server waits for a client's close frame.",
    )
    connect_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        description="The time limit for the listeners of a new connection, all together.",
    )
    connection_ttl: timedelta = Field(
        default=timedelta(seconds=90),
        ge=timedelta(seconds=1),
        description="How long connections remain listed after the last heartbeat of their process.",
    )
    connection_heartbeat: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="The interval at which a process refreshes the list of its connections.",
    )
    compress: bool = Field(
        default=False,
        description="Whether messages are compressed for clients that offer it.",
    )
    serve_client: bool = Field(
        default=True,
        description="Whether the JavaScript client is served at /actionhero/client.js.",
    )

    @model_validator(mode="after")
    def _check_heartbeat(self) -> WebSocketSettings:
        if self.connection_heartbeat >= self.connection_ttl:
            raise ValueError(
                f"connection_heartbeat is {self.connection_heartbeat} and connection_ttl is "
                f"{self.connection_ttl}; set the heartbeat to less, such as a third of it"
            )
        return self
