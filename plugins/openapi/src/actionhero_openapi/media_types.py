"""The media types of plugins in the document: those of their decoders and encoders of bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_openapi.request_parts import JSON
from actionhero_web import BodyDecoder, BodyEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero import Application


def add_media_types(document: dict[str, Any], app: Application) -> None:
    """Add the media types of plugins to each body of a document that may be JSON.

    Args:
        document: The document with the operations of the actions.
        app: The application.
    """
    collect = app.plugins.collect
    decoders = [item for _, item in collect("actionhero_web_decoders", BodyDecoder, app=app)]
    encoders = [item for _, item in collect("actionhero_web_encoders", BodyEncoder, app=app)]
    accepted = [media_type for decoder in decoders for media_type in decoder.media_types]
    returned = [encoder.media_type for encoder in encoders]
    for methods in document["paths"].values():
        for operation in methods.values():
            _add(operation.get("requestBody", {}), accepted)
            for response in operation["responses"].values():
                _add(response, returned)
    for response in document.get("components", {}).get("responses", {}).values():
        _add(response, returned)


def _add(body: dict[str, Any], media_types: Iterable[str]) -> None:
    content = body.get("content", {})
    if JSON in content:
        # The examples are written in JSON.
        schema = {"schema": content[JSON]["schema"]}
        body["content"] = content | dict.fromkeys(media_types, schema)
