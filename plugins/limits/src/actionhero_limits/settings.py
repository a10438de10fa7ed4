"""The settings of rate limits and idempotency keys: section `limits`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from actionhero import Field, Settings


class LimitsSettings(Settings):
    """The rate limits of actions, and the storage of results by idempotency key."""

    section: ClassVar[str] = "limits"

    enabled: bool | None = Field(
        default=None,
        description="Whether calls are limited. Not set: yes, except in the environment test.",
    )
    idempotency_ttl: timedelta = Field(
        default=timedelta(hours=24),
        ge=timedelta(seconds=1),
        description="How long the result of a call with an idempotency key is stored.",
    )
    idempotency_body_bytes: int = Field(
        default=1024 * 1024,
        ge=0,
        description="The largest result that is stored by idempotency key.",
    )
