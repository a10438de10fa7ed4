"""A strict decoder of percent-encoded text: invalid UTF-8 is an error, and not replaced."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = "0123456789abcdefABCDEF"
_BYTES: Final = {
    (high + low).encode(): bytes((int(high + low, 16),)) for high in _DIGITS for low in _DIGITS
}


def percent_decode(text: str) -> str:
    """Return `text` with its escapes (`%2F`) decoded.

    Raises:
        ValueError: An escape is invalid, or the result is not UTF-8.
    """
    if "%" not in text:
        if not text.isascii():
            text.encode()  # fails for lone surrogates, by which servers represent invalid bytes
        return text
    start, *escaped = text.encode().split(b"%")
    parts = [start]
    for part in escaped:
        byte = _BYTES.get(part[:2])
        if byte is None:
            raise ValueError("a '%' is not followed by two hexadecimal digits")
        parts.append(byte)
        parts.append(part[2:])
    return b"".join(parts).decode()
