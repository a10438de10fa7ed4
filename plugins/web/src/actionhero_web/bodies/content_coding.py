"""The decoders of compressed request bodies: `gzip` (RFC 1952) and `deflate` (RFC 1950, 1951)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from actionhero import ErrorType, MalformedRequest
from actionhero_web.responses.http_error import HttpError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The codings that this server decodes, for the header `Accept-Encoding`.
ACCEPTED_CODINGS: Final = "gzip, deflate"
#: The largest piece of decompressed data.
PIECE_BYTES: Final = 64 * 1024

#: The largest number of members of a gzip body; a program such as bgzip writes one for 64 KiB.
MAX_MEMBERS: Final = 5_000

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_GZIP_MAGIC: Final = b"\x1f\x8b"


def decoder_for(coding: str) -> ContentDecoder | None:
    """Return a decoder for a `Content-Encoding`; `None` for a body that is not compressed.

    Raises:
        HttpError: The coding is unknown, or there are several.
    """
    name = coding.strip().lower()
    if name in _GZIP:
        return ContentDecoder(is_gzip=True)
    if name == "deflate":
        return ContentDecoder(is_gzip=False)
    if name in {"", "identity"}:
        return None
    raise HttpError(
        415,
        f"unsupported Content-Encoding {coding[:100]!r}; send one of: {ACCEPTED_CODINGS}",
        type=ErrorType.MEDIA_TYPE,
        headers=(("Accept-Encoding", ACCEPTED_CODINGS),),
    )


class ContentDecoder:
    """Decompresses one body.

    Args:
        is_gzip: Whether the coding is `gzip`, otherwise `deflate`.
    """

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._decompressor = zlib.decompressobj(31) if is_gzip else None
        #: The first bytes of a further member of a gzip body.
        self._member_start = b""
        self._members = 1

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed data, in pieces of at most `PIECE_BYTES`.

        A piece may be empty: there is one for each step, so that the caller can count them.

        Raises:
            MalformedRequest: The data is invalid, or continues after its end.
        """
        if self._decompressor is None:
            # Some clients send `deflate` without the header of zlib.
            has_header = data[0] & 0x0F == 8
            self._decompressor = zlib.decompressobj(15 if has_header else -15)
        while True:
            if self._decompressor.eof:
                data = self._next_member(data)
                if not data:
                    return
            try:
                piece = self._decompressor.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise MalformedRequest("the compressed body is malformed") from None
            yield piece
            if self._decompressor.eof:
                data = self._decompressor.unused_data
                if not data:
                    return
            else:
                data = self._decompressor.unconsumed_tail
                if not data and len(piece) < PIECE_BYTES:
                    return

    def finish(self) -> None:
        """Check that the body is complete.

        Raises:
            MalformedRequest: It is empty or truncated.
        """
        if self._decompressor is None or not self._decompressor.eof or self._member_start:
            raise MalformedRequest("the compressed body is empty or truncated")

    def _next_member(self, data: bytes) -> bytes:
        """Start the next member of a gzip body, which may have several (RFC 1952 §2.2)."""
        data = self._member_start + data
        if not self._is_gzip or not _GZIP_MAGIC.startswith(data[:2]):
            raise MalformedRequest("the compressed body has trailing data")
        if len(data) < len(_GZIP_MAGIC):
            self._member_start = data
            return b""
        self._member_start = b""
        self._members += 1
        if self._members > MAX_MEMBERS:
            # Each costs far more than its 20 bytes.
            raise MalformedRequest(f"the compressed body has more than {MAX_MEMBERS} members")
        self._decompressor = zlib.decompressobj(31)
        return data
