"""The knobs of the document and its page: section `openapi`."""

from __future__ import annotations

from typing import ClassVar

from actionhero import Field, Settings


class OpenApiSettings(Settings):
    """What the document says of the API as a whole, and where it is served."""

    section: ClassVar[str] = "openapi"

    serve: bool = Field(
        default=True,
        description="Whether the document is served, by the action swagger. "
        "The command openapi writes it in any case.",
    )
    page_path: str = Field(
        default="/docs",
        pattern=r"^$|^(/[A-Za-z0-9._~-]+)+$",
        description="The path of the page that shows the document. Empty for none.",
    )
    title: str | None = Field(
        default=None, description="The title of the API; where left out, app.name."
    )
    version: str | None = Field(
        default=None, description="The version of the API; where left out, app.version."
    )
    description: str = Field(default="", description="What the API is for, in Markdown.")
    servers: list[str] = Field(
        default=[],
        description="URLs below which the API is reached, such as https://example.com/api. "
        "Where left out, web.prefix on the server that gave the document.",
    )
