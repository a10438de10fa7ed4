"""`SessionsSettings`: the section `sessions` of the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import model_validator

from actionhero import Field, Settings


class SessionsSettings(Settings):
    """The lifetime of sessions, and the session cookie."""

    section: ClassVar[str] = "sessions"

    ttl: timedelta = Field(
        default=timedelta(days=1),
        ge=timedelta(seconds=1),
        description="The time to live of a session, from the last call that used it.",
    )
    cookie_name: str = Field(
        default="__session",
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="The name of the cookie. A secure cookie has the prefix __Host-.",
    )
    secure: bool | None = Field(
        default=None,
        description="Whether the cookie is sent over HTTPS only. Not set: always in production, "
        "elsewhere for requests over HTTPS.",
    )
    same_site: Literal["Strict", "Lax", "None"] = Field(
        default="Strict",
        description="The SameSite attribute of the cookie: Strict, Lax, or None, which requires "
        "secure = true.",
    )
    user_key: str = Field(
        default="userId",
        min_length=1,
        description="The session key of the signed-in user.",
    )

    @model_validator(mode="after")
    def _validate_same_site(self) -> SessionsSettings:
        if self.same_site == "None" and not self.secure:
            raise ValueError(
                "same_site is 'None', which browsers reject for a cookie that is not secure; set "
                "secure = true"
            )
        return self
