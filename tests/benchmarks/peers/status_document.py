"""The status of a peer of the chat, which all of them return alike."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STARTED = time.monotonic()


def status_document(name: str, *, database: bool, redis: bool) -> dict[str, Any]:
    """Return the status of this process.

    Args:
        name: The name of the peer.
        database: Whether the database responds.
        redis: Whether Redis responds.
    """
    with open("/proc/self/statm", "rb") as statm:
        resident_bytes = int(statm.read().split()[1]) * PAGE_BYTES
    return {
        "name": name,
        "pid": os.getpid(),
        "version": "1.0",
        "uptime": round((time.monotonic() - STARTED) * 1000),
        "consumedMemoryMB": round(resident_bytes / 1_000_000, 2),
        "healthy": database and redis,
        "checks": {"database": database, "redis": redis},
    }


async def responds(check: Awaitable[Any]) -> bool:
    """Return whether a service responds within five seconds."""
    try:
        async with asyncio.timeout(5):
            await check
    except Exception:  # noqa: BLE001 - any error of a driver means unavailable
        return False
    return True
