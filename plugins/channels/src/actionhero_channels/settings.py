"""The knobs of channels: section `channels`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import model_validator

from actionhero import Field, Settings


class ChannelsSettings(Settings):
    """How many channels somebody may join, and how long who is here is believed."""

    section: ClassVar[str] = "channels"

    max_subscriptions: int = Field(
        default=100, ge=1, description="How many channels one connection may join."
    )
    presence_ttl: timedelta = Field(
        default=timedelta(seconds=90),
        ge=timedelta(seconds=1),
        description="After which time those are no longer here of whose process nothing is heard.",
    )
    presence_heartbeat: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="How often a process says who is still here.",
    )

    @model_validator(mode="after")
    def _is_heard_in_time(self) -> ChannelsSettings:
        if self.presence_heartbeat >= self.presence_ttl:
            raise ValueError(
                f"presence_heartbeat is {self.presence_heartbeat} and presence_ttl is "
                f"{self.presence_ttl}; set the heartbeat to less, such as a third of it"
            )
        return self
