"""`normalize_password`: the form of a password that does not depend on the keyboard."""

from __future__ import annotations

import unicodedata
from typing import Final

#: The longest password that is normalized, in characters: many accents of one letter take a time
#: that grows with the square of their number.
MAX_NORMALIZED_LENGTH: Final = 1024


def normalize_password(password: str) -> str:
    """Return the form of a password that is hashed or compared (RFC 8265 §4.2.2).

    Keyboards send an accented letter as one character or as two; both are the same password.
    """
    if len(password) > MAX_NORMALIZED_LENGTH:
        return password
    return unicodedata.normalize("NFC", password)
