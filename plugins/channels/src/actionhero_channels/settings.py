"""The settings of channels: section `channels`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import model_validator

from actionhero import Field, Settings


class ChannelsSettings(Settings):
    """The limit of subscriptions, and the timing of presence."""

    section: ClassVar[str] = "channels"

    max_subscriptions: int = Field(
        default=100, ge=1, description="The maximum number of subscriptions of one connection."
    )
    presence_ttl: timedelta = Field(
        default=timedelta(seconds=90),
        ge=timedelta(seconds=1),
        description="How long members stay present after the last heartbeat of their process.",
    )
    presence_heartbeat: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="The interval at which a process refreshes the presence of its members.",
    )

    @model_validator(mode="after")
    def _check_heartbeat(self) -> ChannelsSettings:
        if self.presence_heartbeat >= self.presence_ttl:
            raise ValueError(
                f"presence_heartbeat is {self.presence_heartbeat} and presence_ttl is "
                f"{self.presence_ttl}; set the heartbeat to less, such as a third of it"
            )
        return self
