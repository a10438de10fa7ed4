"""The knobs of sessions: section `sessions`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import model_validator

from actionhero import Field, Settings


class SessionsSettings(Settings):
    """How long somebody is remembered, and the cookie by which a browser is known again."""

    section: ClassVar[str] = "sessions"

    ttl: timedelta = Field(
        default=timedelta(days=1),
        ge=timedelta(seconds=1),
        description="How long a session is kept after the last call that used it.",
    )
    cookie_name: str = Field(
        default="__session",
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="The name of the cookie. A secure one has __Host- before it.",
    )
    secure: bool | None = Field(
        default=None,
        description="Whether the cookie is for HTTPS alone. Not set: in production always, "
        "elsewhere for requests that came by HTTPS.",
    )
    same_site: Literal["Strict", "Lax", "None"] = Field(
        default="Strict",
        description="Whether pages of other sites may send the cookie: Strict, Lax, or None, "
        "which needs secure = true.",
    )
    user_key: str = Field(
        default="userId",
        min_length=1,
        description="The key of a session under which its user is: who has none is not signed in.",
    )

    @model_validator(mode="after")
    def _is_sendable(self) -> SessionsSettings:
        if self.same_site == "None" and not self.secure:
            raise ValueError(
                "same_site is 'None', which browsers refuse in a cookie that is not secure; "
                "set secure = true"
            )
        return self
