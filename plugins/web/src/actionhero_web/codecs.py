"""The decoders and encoders of plugins, by media type."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from actionhero import PluginError
from actionhero_web.bodies.decoder import BodyDecoder
from actionhero_web.decode import BUILT_IN_TYPES
from actionhero_web.encode import ERROR_TYPES
from actionhero_web.responses.encoder import BodyEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero import Application

Codec = TypeVar("Codec")


def decoders_of(app: Application) -> dict[str, BodyDecoder]:
    """Return the decoders of the plugins, by media type.

    Raises:
        PluginError: Two plugins, or a plugin and this one, decode a media type.
    """
    items = app.plugins.collect("actionhero_web_decoders", BodyDecoder, app=app)
    return _by_media_type(
        "decode",
        BUILT_IN_TYPES,
        (
            (media_type, decoder, plugin.owner)
            for plugin, decoder in items
            for media_type in decoder.media_types
        ),
    )


def encoders_of(app: Application) -> dict[str, BodyEncoder]:
    """Return the encoders of the plugins, by media type.

    Raises:
        PluginError: Two plugins, or a plugin and this one, encode a media type.
    """
    items = app.plugins.collect("actionhero_web_encoders", BodyEncoder, app=app)
    return _by_media_type(
        "encode", ERROR_TYPES, ((item.media_type, item, plugin.owner) for plugin, item in items)
    )


def _by_media_type(
    operation: str, built_in: Iterable[str], items: Iterable[tuple[str, Codec, str]]
) -> dict[str, Codec]:
    codecs: dict[str, Codec] = {}
    owners = dict.fromkeys(built_in, "actionhero-web")
    for media_type, codec, owner in items:
        if media_type != media_type.lower() or media_type.count("/") != 1 or ";" in media_type:
            raise PluginError(
                f"{owner} {operation}s the media type {media_type!r}, which is not a lowercase "
                "type and subtype; write it as 'application/msgpack'"
            )
        if media_type in owners:
            raise PluginError(
                f"two plugins {operation} {media_type!r}: {owners[media_type]} and {owner}; "
                "disable one of them"
            )
        owners[media_type] = owner
        codecs[media_type] = codec
    return codecs
