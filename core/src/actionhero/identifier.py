"""Identifiers that sort by their time of creation: UUIDv7."""

from __future__ import annotations

import os
import time
from typing import Final

_BATCH: Final = 256
#: The digit with the variant bits of RFC 9562, section 4.1, for each random digit.
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))

_tails: list[str] = []
_millisecond = 0
_head = ""


def new_identifier() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7) as text.

    74 bits are random, from the operating system. They are fetched in batches: a system call for
    each identifier would cost more than all other steps.
    """
    global _millisecond, _head
    now = time.time_ns() // 1_000_000
    if now != _millisecond:
        _millisecond = now
        stamp = f"{now:012x}"
        _head = f"{stamp[:8]}-{stamp[8:]}-7"
    try:
        return _head + _tails.pop()
    except IndexError:
        _tails.extend(_more_tails())
        return _head + _tails.pop()


def _more_tails() -> list[str]:
    digits = os.urandom(10 * _BATCH).hex()
    return [
        f"{digits[i : i + 3]}-{_VARIANT[digits[i + 3]]}{digits[i + 4 : i + 7]}"
        f"-{digits[i + 7 : i + 19]}"
        for i in range(0, len(digits), 20)
    ]


# A forked worker must not use the same random bits as its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tails.clear)
