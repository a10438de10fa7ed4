"""The settings of the AsyncAPI document: section `asyncapi`."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import field_validator

from actionhero import Field, Settings


class AsyncApiSettings(Settings):
    """The path of the document, and the servers in it; its title is that of section `openapi`."""

    section: ClassVar[str] = "asyncapi"

    path: str = Field(
        default="/asyncapi.json",
        pattern=r"^$|^(/[A-Za-z0-9._~-]+)+$",
        description="The path of the document. Empty: it is not served. "
        "The command `actionhero asyncapi` writes it in any case.",
    )
    servers: list[str] = Field(
        default=[],
        description="The origins of the servers, such as https://example.com. "
        "Not set: localhost with web.port.",
    )

    @field_validator("servers")
    @classmethod
    def _are_origins(cls, servers: list[str]) -> list[str]:
        for server in servers:
            parts = urlsplit(server)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/"):
                raise ValueError(f"{server!r} is not an origin; write https://example.com")
        return servers
