"""`Content` and `PromptMessage`: the blocks of results, and the messages of prompts."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer

if TYPE_CHECKING:
    from pydantic import SerializerFunctionWrapHandler


class Content(BaseModel):
    """A block of a result: text, an image, audio, a resource or a link to one.

    Create it with one of the class methods. An action returns one block, or a list of them.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="allow")

    type: Literal["text", "image", "audio", "resource", "resource_link"]
    annotations: dict[str, Any] | None = None
    meta: dict[str, Any] | None = Field(default=None, alias="_meta")

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def text(cls, text: str, **members: Any) -> Content:
        """Return a block of text."""
        return cls.model_validate({"type": "text", "text": text, **members})

    @classmethod
    def image(cls, data: bytes, mime_type: str, **members: Any) -> Content:
        """Return an image."""
        return cls.model_validate(
            {"type": "image", "data": _base64(data), "mimeType": mime_type, **members}
        )

    @classmethod
    def audio(cls, data: bytes, mime_type: str, **members: Any) -> Content:
        """Return audio."""
        return cls.model_validate(
            {"type": "audio", "data": _base64(data), "mimeType": mime_type, **members}
        )

    @classmethod
    def resource(
        cls, uri: str, content: str | bytes, mime_type: str | None = None, **members: Any
    ) -> Content:
        """Return a resource with its content."""
        kind, value = ("text", content) if isinstance(content, str) else ("blob", _base64(content))
        resource = {"uri": uri, "mimeType": mime_type, kind: value}
        present = {name: value for name, value in resource.items() if value is not None}
        return cls.model_validate({"type": "resource", "resource": present, **members})

    @classmethod
    def link(cls, uri: str, name: str, mime_type: str | None = None, **members: Any) -> Content:
        """Return a link to a resource, which the client may read."""
        return cls.model_validate(
            {"type": "resource_link", "uri": uri, "name": name, "mimeType": mime_type, **members}
        )


class PromptMessage(BaseModel):
    """A message of a prompt.

    Args:
        role: The author: `user` or `assistant`.
        content: A block, or text.
    """

    model_config = ConfigDict(frozen=True)

    role: Literal["user", "assistant"] = "user"
    content: Content

    @classmethod
    def user(cls, content: str | Content) -> PromptMessage:
        """Return a message of the user."""
        return cls(role="user", content=_block(content))

    @classmethod
    def assistant(cls, content: str | Content) -> PromptMessage:
        """Return a message of the model."""
        return cls(role="assistant", content=_block(content))


def blocks_of(value: Any) -> list[Content] | None:
    """Return the blocks of a result; `None` if it is data."""
    if isinstance(value, Content):
        return [value]
    if isinstance(value, list) and value and all(isinstance(item, Content) for item in value):
        return value
    return None


def _block(content: str | Content) -> Content:
    return Content.text(content) if isinstance(content, str) else content


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
