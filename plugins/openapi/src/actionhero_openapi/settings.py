"""`OpenApiSettings`: the settings of the document and its page, section `openapi`."""

from __future__ import annotations

from typing import ClassVar

from actionhero import Field, Settings


class OpenApiSettings(Settings):
    """The description of the whole API, and the paths of the document and its page."""

    section: ClassVar[str] = "openapi"

    serve: bool = Field(
        default=True,
        description="Whether the action `swagger` serves the document. "
        "The command `actionhero openapi` writes it in any case.",
    )
    page_path: str = Field(
        default="/docs",
        pattern=r"^$|^(/[A-Za-z0-9._~-]+)+$",
        description="The path of the page that shows the document. Empty: no page.",
    )
    title: str | None = Field(default=None, description="The title of the API. Not set: app.name.")
    version: str | None = Field(
        default=None, description="The version of the API. Not set: app.version."
    )
    description: str = Field(default="", description="The description of the API, in Markdown.")
    servers: list[str] = Field(
        default=[],
        description="The base URLs of the API, such as https://example.com/api. "
        "Not set: web.prefix on the server that serves the document.",
    )
