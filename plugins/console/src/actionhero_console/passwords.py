"""Hashes of operators' passwords, by scrypt (RFC 7914)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

from actionhero.transport import normalize_password

#: The parameters of OWASP's recommendation for scrypt: 32 MiB for each verification.
_COST: Final = 2**15
_BLOCK_SIZE: Final = 8
_PARALLELISM: Final = 3
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
#: The most memory that a hash in the settings may demand.
_MAX_MEMORY_BYTES: Final = 256 * 1024 * 1024
_MAX_PASSES: Final = 16
#: The shortest salt and the shortest digest.
_MIN_BYTES: Final = 8

_FORMAT: Final = re.compile(
    r"scrypt\$([0-9]{1,8})\$([0-9]{1,3})\$([0-9]{1,3})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)"
)


def hash_password(password: str, *, cost: int = _COST) -> str:
    """Return the hash of a password: `scrypt$N$r$p$salt$hash`.

    Args:
        password: The password.
        cost: The parameter N.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, cost, _BLOCK_SIZE, _PARALLELISM, _HASH_BYTES)
    parameters = f"{cost}${_BLOCK_SIZE}${_PARALLELISM}"
    return f"scrypt${parameters}${_encode(salt)}${_encode(digest)}"


def is_hash(text: str) -> bool:
    """Return whether a text is a hash, with parameters that can be computed."""
    if (match := _FORMAT.fullmatch(text)) is None:
        return False
    cost, size, parallelism = (int(match[number]) for number in (1, 2, 3))
    # The limits of RFC 7914, section 2, and of memory.
    has_valid_cost = cost > 1 and cost & (cost - 1) == 0 and cost < 2 ** (16 * size)
    is_small = 128 * size * (cost + parallelism) <= _MAX_MEMORY_BYTES and parallelism <= _MAX_PASSES
    try:
        return has_valid_cost and size > 0 < parallelism and is_small and _has_parts(match)
    except ValueError:
        return False


def verify_password(password: str, hash_: str) -> bool:
    """Return whether a password has a hash. It takes about 0.1 s of CPU: call it in a thread."""
    match = _FORMAT.fullmatch(hash_) if is_hash(hash_) else None
    if match is None:
        return False
    cost, size, parallelism = (int(match[number]) for number in (1, 2, 3))
    expected = _decode(match[5])
    digest = _scrypt(password, _decode(match[4]), cost, size, parallelism, len(expected))
    return hmac.compare_digest(digest, expected)


def _has_parts(match: re.Match[str]) -> bool:
    return len(_decode(match[4])) >= _MIN_BYTES and len(_decode(match[5])) >= _MIN_BYTES


def _scrypt(
    password: str, salt: bytes, cost: int, size: int, parallelism: int, length: int
) -> bytes:
    return hashlib.scrypt(
        normalize_password(password).encode(), salt=salt, n=cost, r=size, p=parallelism,
        maxmem=_MAX_MEMORY_BYTES, dklen=length,
    )  # fmt: skip


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
