"""A plugin for bodies in MessagePack."""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]

from actionhero import hookimpl
from actionhero_web import BodyDecoder, BodyEncoder

MEDIA_TYPE = "application/msgpack"


class MessagePackDecoder(BodyDecoder):
    """Decodes requests."""

    media_types = (MEDIA_TYPE, "application/x-msgpack")

    def decode(self, body: bytes) -> Any:
        return msgpack.unpackb(body)


class MessagePackEncoder(BodyEncoder):
    """Encodes responses."""

    media_type = MEDIA_TYPE

    def encode(self, value: Any) -> Any:
        return msgpack.packb(value)


@hookimpl
def actionhero_web_decoders() -> list[BodyDecoder]:
    return [MessagePackDecoder()]


@hookimpl
def actionhero_web_encoders() -> list[BodyEncoder]:
    return [MessagePackEncoder()]
