"""The settings of the Model Context Protocol: section `mcp`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import SecretStr, field_validator

from actionhero import Field, Settings


class McpSettings(Settings):
    """The endpoint for agents, and its limits."""

    section: ClassVar[str] = "mcp"

    path: str = Field(default="/mcp", pattern=r"^/", description="The path of the endpoint.")
    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#]+[^?#]*$",
        description="The URL of the endpoint, as clients know it. If it is set, a server that is "
        "not bound to a loopback address answers only requests for its host.",
    )
    auth: Literal["none", "optional", "required"] | None = Field(
        default=None,
        description="Whether calls need credentials, which plugins such as an API key or a token "
        "read: none, optional, or required. Not set: required, on a loopback address optional.",
    )
    hosts: list[str] = Field(
        default=[],
        description="Further names in the header Host, for a server on a loopback address.",
    )
    allowed_origins: list[str] | None = Field(
        default=None,
        description="The origins of pages that may call the endpoint. Not set: those of known "
        "clients if credentials are required, otherwise none.",
    )
    name: str | None = Field(
        default=None, description="The name of the server for clients; by default app.name."
    )
    instructions: str | None = Field(
        default=None, description="A text for models about the use of the tools."
    )
    legacy: bool = Field(
        default=True,
        description="Whether clients of revisions before 2026-07-28 are answered, which begin "
        "with a handshake.",
    )
    session_ttl: timedelta = Field(
        default=timedelta(days=1),
        ge=timedelta(seconds=1),
        description="How long the session id of a handshake is valid.",
    )
    keys: list[SecretStr] = Field(
        default=[],
        description="The keys that sign session ids and states of requests: the first signs, all "
        "verify. Empty: a key derived from app.secret_key.",
    )
    calls_per_minute: int = Field(
        default=600, ge=0, description="How many requests one caller may send; 0 is no limit."
    )
    anonymous_calls_per_minute: int = Field(
        default=60,
        ge=0,
        description="How many requests one address may send without credentials, except a loopback "
        "address; 0 is no limit.",
    )
    max_concurrent_calls: int = Field(
        default=32, ge=1, description="How many requests of one caller are handled at once."
    )
    listen_streams: int = Field(
        default=8, ge=1, description="How many streams of notifications one caller may keep open."
    )
    body_limit_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        description="The largest message of a client, after decompression.",
    )
    result_limit_bytes: int = Field(
        default=1024 * 1024, ge=1024, description="The largest result of a call."
    )
    list_ttl: timedelta = Field(
        default=timedelta(minutes=5),
        ge=timedelta(0),
        description="How long clients may keep lists of tools, resources and prompts.",
    )
    stream_after: timedelta = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="After this time, the response to a call becomes an event stream, which "
        "proxies do not close.",
    )
    answer_timeout: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=1),
        description="How long a question to the user of a client may be answered.",
    )
    task_input_wait: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=1),
        description="How long a job waits for the answer to a question, as a task of a client.",
    )

    @field_validator("keys")
    @classmethod
    def _are_long(cls, keys: list[SecretStr]) -> list[SecretStr]:
        if any(len(key.get_secret_value()) < 16 for key in keys):
            raise ValueError("a key has fewer than 16 characters; generate a longer one")
        return keys
