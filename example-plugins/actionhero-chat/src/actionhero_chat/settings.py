"""The settings of the chat: section `chat`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from actionhero import Field, Settings


class ChatSettings(Settings):
    """The cost of password hashing, and the default user.

    The defaults of the argon2 settings are those of RFC 9106 for machines with little memory.
    """

    section: ClassVar[str] = "chat"

    argon2_memory_kib: int = Field(
        default=65536, ge=8, description="Memory that is used to hash a password, in KiB."
    )
    argon2_passes: int = Field(default=3, ge=1, description="Number of passes over that memory.")
    argon2_lanes: int = Field(
        default=4, ge=1, description="Number of threads that are used to hash a password."
    )
    hashes_at_once: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of passwords that a process hashes at once; others wait. "
        "Default: the number of processors.",
    )
    default_user: bool = Field(
        default=True,
        description="Whether a server creates the user Admin, with a random password, if that user "
        "does not exist.",
    )
    hello: bool = Field(
        default=False, description="Whether the action messages:hello runs once a minute."
    )

    @model_validator(mode="after")
    def _check_memory(self) -> ChatSettings:
        # RFC 9106, section 3.1.
        minimum = 8 * self.argon2_lanes
        if self.argon2_memory_kib < minimum:
            raise ValueError(
                f"argon2_memory_kib is {self.argon2_memory_kib} and argon2_lanes is "
                f"{self.argon2_lanes}; set the memory to at least {minimum}, or use fewer lanes"
            )
        return self
