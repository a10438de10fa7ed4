"""`KeyFormat`: the text of an API key, with a prefix and a checksum for secret scanners."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import Final, NamedTuple
from zlib import crc32

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
#: 62 bits: keys are identified by it, not protected.
ID_LENGTH: Final = 12
_ID: Final = re.compile(rf"[0-9a-z]{{{ID_LENGTH}}}", re.ASCII)
#: 256 bits.
SECRET_LENGTH: Final = 43
#: The digits of a 32-bit number to the base of 62.
CHECKSUM_LENGTH: Final = 6


class KeyText(NamedTuple):
    """A new API key."""

    #: The public identifier.
    id: str
    #: The whole key, which is secret.
    key: str

    def __repr__(self) -> str:
        # Without the secret.
        return f"<KeyText {self.id}>"


class KeyFormat:
    """The text `prefix_id_secret`, whose last six characters are a checksum of those before.

    The identifier and the secret are random. The checksum reveals nothing: it refuses mistyped and
    invented keys without a query, and lets a scanner recognize a key without asking a server.

    Args:
        prefix: The prefix, such as `ahk`.
    """

    def __init__(self, prefix: str) -> None:
        #: The beginning of each key; other tokens are of another kind.
        self.start = f"{prefix}_"
        self._pattern = re.compile(
            rf"{re.escape(prefix)}_([0-9a-z]{{{ID_LENGTH}}})"
            rf"_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}",
            re.ASCII,
        )

    def new(self) -> KeyText:
        """Return a new key."""
        id = _random(_ID_DIGITS, ID_LENGTH)
        text = f"{self.start}{id}_{_random(_DIGITS, SECRET_LENGTH)}"
        return KeyText(id, text + _checksum(text))

    def id_of(self, token: str) -> str | None:
        """Return the identifier of a key; `None` if it is malformed."""
        match = self._pattern.fullmatch(token)
        if match is None:
            return None
        text, checksum = token[:-CHECKSUM_LENGTH], token[-CHECKSUM_LENGTH:]
        return match[1] if checksum == _checksum(text) else None


def is_id(text: str) -> bool:
    """Return whether a text is the identifier of a key, which may exist."""
    return _ID.fullmatch(text) is not None


def digest_of(key: str) -> str:
    """Return the SHA-256 digest by which a key is stored, in hexadecimal digits."""
    return sha256(key.encode("ascii")).hexdigest()


def _random(digits: str, length: int) -> str:
    return "".join(secrets.choice(digits) for _ in range(length))


def _checksum(text: str) -> str:
    number, digits = crc32(text.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
