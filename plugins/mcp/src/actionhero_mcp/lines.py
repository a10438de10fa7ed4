"""`LineReader`: the lines of a stream, within a limit."""

from __future__ import annotations

import asyncio
from collections import deque


class LineTooLong(Exception):
    """Raised for a line that exceeds the limit; the rest of it is skipped."""


class LineReader:
    """Splits data into lines.

    Args:
        limit_bytes: The longest line.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._is_skipping = False
        self._lines: deque[bytes | None] = deque()
        self._has_ended = False
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()

    async def feed(self, data: bytes) -> None:
        """Add data, and wait until its lines are read."""
        self._rest += data
        while (end := self._rest.find(b"\n")) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            too_long = self._is_skipping or len(line) > self._limit_bytes
            self._is_skipping = False
            self._lines.append(None if too_long else line)
        if len(self._rest) > self._limit_bytes:
            self._is_skipping = True
            self._rest.clear()
        self._changed.set()
        while self._lines:
            self._drained.clear()
            await self._drained.wait()

    def close(self) -> None:
        """End the data; a last line without an end counts."""
        if self._rest:
            self._lines.append(bytes(self._rest))
        self._has_ended = True
        self._changed.set()

    async def next(self) -> bytes | None:
        """Return the next line without its end; `None` at the end of the data.

        Raises:
            LineTooLong: The line exceeds the limit.
        """
        while not self._lines:
            self._drained.set()
            if self._has_ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        line = self._lines.popleft()
        if line is None:
            raise LineTooLong
        return line
