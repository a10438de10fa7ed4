"""The knobs of the chat: section `chat`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from actionhero import Field, Settings


class ChatSettings(Settings):
    """How costly it is to guess a password.

    The defaults of the argon2 settings are those of RFC 9106 for machines with little memory.
    """

    section: ClassVar[str] = "chat"

    argon2_memory_kib: int = Field(
        default=65536, ge=8, description="Memory that hashing a password takes, in KiB."
    )
    argon2_passes: int = Field(
        default=3, ge=1, description="How often hashing a password goes over that memory."
    )
    argon2_lanes: int = Field(
        default=4, ge=1, description="How many threads hashing a password may use."
    )
    hashes_at_once: int | None = Field(
        default=None,
        ge=1,
        description="How many passwords a process hashes at once; others wait. Not set: as many as "
        "there are processors.",
    )
    default_user: bool = Field(
        default=True,
        description="Whether a server makes the user Admin, whose password nobody knows, if there "
        "is none.",
    )
    hello: bool = Field(
        default=False, description="Whether the action messages:hello runs once a minute."
    )

    @model_validator(mode="after")
    def _can_be_hashed(self) -> ChatSettings:
        # RFC 9106, section 3.1.
        least = 8 * self.argon2_lanes
        if self.argon2_memory_kib < least:
            raise ValueError(
                f"argon2_memory_kib is {self.argon2_memory_kib} and argon2_lanes is "
                f"{self.argon2_lanes}; set the memory to {least} at least, or fewer lanes"
            )
        return self
