"""`NativeRequest`: aiohttp's request, whose client selects only codecs that are fast."""

from __future__ import annotations

import codecs
from typing import Final

from aiohttp import BodyPartReader, MultipartReader, web

from actionhero import UnsupportedMediaType

#: Text codecs that take minutes for a megabyte.
_SLOW_CODECS: Final = frozenset({"punycode", "idna"})


class NativeRequest(web.Request):
    """A request whose methods, such as `post` and `json`, refuse unknown and slow charsets."""

    @property
    def charset(self) -> str | None:
        """The charset of the body.

        Raises:
            UnsupportedMediaType: It is not supported.
        """
        charset = super().charset
        return None if charset is None else _checked(charset)

    async def multipart(self) -> MultipartReader:
        """Return the reader of a multipart body."""
        reader = await super().multipart()
        reader.part_reader_cls = _PartReader
        return reader


class _PartReader(BodyPartReader):
    def get_charset(self, default: str) -> str:
        return _checked(super().get_charset(default))


def _checked(charset: str) -> str:
    """Return the charset of a body, or of a part of it."""
    try:
        # Fails for codecs between bytes; they do not check an empty text.
        "a".encode(charset)
        is_supported = codecs.lookup(charset).name not in _SLOW_CODECS
    except (LookupError, ValueError):
        is_supported = False
    if not is_supported:
        raise UnsupportedMediaType(f"unsupported charset {charset[:100]!r}; send utf-8")
    return charset
