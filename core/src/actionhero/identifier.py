"""Identifiers that sort by their time of creation: UUIDv7."""

from __future__ import annotations

import os
import time
from typing import Final

_BATCH: Final = 256
#: Set the version in the first of four random bytes, and the variant in the third.
_VERSION: Final = bytes(0x70 | byte & 0x0F for byte in range(256))
_VARIANT: Final = bytes(0x80 | byte & 0x3F for byte in range(256))

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
        _head = f"{stamp[:8]}-{stamp[8:]}-"
    try:
        return _head + _tails.pop()
    except IndexError:
        _tails.extend(_more_tails())
        return _head + _tails.pop()


def _more_tails() -> list[str]:
    fields = bytearray(os.urandom(4 * _BATCH))
    fields[::4] = fields[::4].translate(_VERSION)
    fields[2::4] = fields[2::4].translate(_VARIANT)
    groups = fields.hex("-", 2).split("-")
    nodes = os.urandom(6 * _BATCH).hex("-", 6).split("-")
    return [f"{a}-{b}-{c}" for a, b, c in zip(groups[::2], groups[1::2], nodes, strict=True)]


# A forked worker must not use the same random bits as its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tails.clear)
