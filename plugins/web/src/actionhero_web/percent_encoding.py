"""Percent-encoded text, read strictly: what is not valid UTF-8 is refused, not repaired."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = "0123456789abcdefABCDEF"
_BYTES: Final = {
    (high + low).encode(): bytes((int(high + low, 16),)) for high in _DIGITS for low in _DIGITS
}


def decode(text: str) -> str:
    """Return `text` with its escapes (`%2F`) replaced by what they stand for.

    Raises:
        ValueError: An escape is broken, or the outcome is not UTF-8.
    """
    if "%" not in text:
        if not text.isascii():
            text.encode()  # a server hands us stray bytes as lone surrogates, which this refuses
        return text
    start, *escaped = text.encode().split(b"%")
    parts = [start]
    for part in escaped:
        byte = _BYTES.get(part[:2])
        if byte is None:
            raise ValueError("there is a '%' without two hexadecimal digits after it")
        parts.append(byte)
        parts.append(part[2:])
    return b"".join(parts).decode()
