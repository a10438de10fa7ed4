"""`NativeRequest`: aiohttp's request, with our checks of charsets and our headers of responses."""

from __future__ import annotations

import codecs
from typing import Any, Final

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

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        await super()._prepare_hook(response)
        server: Any = self.protocol._manager
        if self._match_info is None and server is not None:
            # aiohttp has not routed the request, so it does not know whose signals to send.
            server.prepare_response(self, response)


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
