"""The settings of the chat: section `chat`."""

from __future__ import annotations

from typing import ClassVar

from actionhero import Field, Settings


class ChatSettings(Settings):
    """The default user, and the greeting of the server."""

    section: ClassVar[str] = "chat"

    default_user: bool = Field(
        default=True,
        description="Whether a server creates the user Admin, with a random password, if that user "
        "does not exist.",
    )
    hello: bool = Field(
        default=False, description="Whether the action messages:hello runs once a minute."
    )
