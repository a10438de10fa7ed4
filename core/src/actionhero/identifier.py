"""Identifiers that sort by the time they were made: UUIDv7."""

from __future__ import annotations

import os
import time

_BATCH = 256
_pool = b""
_position = 0


def new_identifier() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7) as text.

    74 bits are random, from the operating system, fetched by the batch: one system call for each
    identifier would cost more than everything else here.
    """
    global _pool, _position
    if _position >= len(_pool):
        _pool = os.urandom(10 * _BATCH)
        _position = 0
    random = _pool[_position : _position + 10].hex()
    _position += 10
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    variant = "89ab"[int(random[3], 16) & 3]
    return f"{stamp[:8]}-{stamp[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"


def _forget_pool() -> None:
    global _pool
    _pool = b""


# A forked worker must not hand out the identifiers that its parent will.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
