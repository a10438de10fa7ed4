"""`parse_key`: the idempotency key of a call."""

from __future__ import annotations

from typing import Any, Final

from actionhero import MalformedRequest
from actionhero.transport import IDEMPOTENCY_KEY

#: The maximum length of a key, in characters.
MAX_LENGTH: Final = 255


def parse_key(text: str) -> str:
    """Return the key in the text that a caller has sent.

    It is a string of structured fields, `"8e03978e"` (RFC 9651 §3.3.3), whose parameters are
    ignored, or the key itself. So `"8e03978e"` and `8e03978e` are the same key.

    Raises:
        MalformedRequest: It is neither of these, or it is not of 1 to 255 visible ASCII characters.
    """
    text = text.strip(" ")
    key = _unquoted(text) if text.startswith('"') else text
    if not 1 <= len(key) <= MAX_LENGTH or any(not "!" <= character <= "~" for character in key):
        raise _malformed()
    return key


def _unquoted(text: str) -> str:
    # Imported on first use: it takes longer than the rest of this package.
    import http_sf

    try:
        parsed: Any = http_sf.parse(text.encode("ascii"), tltype="item")
    except ValueError:
        raise _malformed() from None
    value, _parameters = parsed
    return str(value)


def _malformed() -> MalformedRequest:
    return MalformedRequest(
        f"{IDEMPOTENCY_KEY} is malformed; send 1 to {MAX_LENGTH} visible ASCII characters, as in "
        f'{IDEMPOTENCY_KEY}: "8e03978e-40d5-43dd-bc93-6894a57f9324"'
    )
