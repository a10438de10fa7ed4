"""The content of the parts of multipart forms: its transfer encoding and its charset."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final

from actionhero import MalformedRequest, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Python's codecs by charset. No others: a codec may take minutes for a megabyte.
_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
}
_CHARSET_PARAMETER: Final = re.compile(r";[ \t]*charset=(?:\"([^\"]*)\"|([^;]*))", re.IGNORECASE)
_WHITESPACE: Final = b"\r\n \t"


def codec_of(charset: str) -> str:
    """Return Python's codec for a charset.

    Raises:
        UnsupportedMediaType: The charset is not supported.
    """
    codec = _CHARSETS.get(charset.strip().lower())
    if codec is None:
        raise UnsupportedMediaType(
            f"unsupported charset {charset[:100]!r} in the form; send utf-8, us-ascii or iso-8859-1"
        )
    return codec


def decode_text(name: str, data: bytes, headers: dict[str, str], default_charset: str) -> str:
    """Return the text of a field.

    Args:
        name: The name of the field.
        data: Its content.
        headers: The headers of the part.
        default_charset: The charset if the part has none.

    Raises:
        UnsupportedMediaType: The charset is not supported.
        MalformedRequest: The content is not text in this charset.
    """
    parameter = _CHARSET_PARAMETER.search(headers.get("content-type", ""))
    charset = default_charset if parameter is None else parameter[1] or parameter[2] or ""
    try:
        return data.decode(codec_of(charset))
    except UnicodeDecodeError:
        raise MalformedRequest(f"the form field {name!r} is not {charset.lower()} text") from None


def decoded(headers: dict[str, str], chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return the content of a part without its transfer encoding.

    Raises:
        UnsupportedMediaType: The part has an encoding that is not supported.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity"}:
        raise UnsupportedMediaType(f"unsupported Content-Encoding {coding[:100]!r} of a form part")
    encoding = headers.get("content-transfer-encoding", "").strip().lower()
    if encoding == "base64":
        return _decode_base64(chunks)
    if encoding in {"", "7bit", "8bit", "binary"}:
        return chunks
    raise UnsupportedMediaType(
        f"unsupported Content-Transfer-Encoding {encoding[:100]!r}; send 'binary' or 'base64'"
    )


async def _decode_base64(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    has_ended = False
    async for chunk in chunks:
        data = rest + chunk.translate(None, _WHITESPACE)
        size = len(data) - len(data) % 4
        data, rest = data[:size], data[size:]
        if not data:
            continue
        if has_ended:
            raise MalformedRequest("a part of the form is not base64: data after its padding")
        try:
            yield binascii.a2b_base64(data, strict_mode=True)
        except binascii.Error as error:
            raise MalformedRequest(f"a part of the form is not base64: {error}") from None
        has_ended = data.endswith(b"=")
    if rest:
        raise MalformedRequest("a part of the form is not base64: it is truncated")
