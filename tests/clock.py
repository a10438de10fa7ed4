"""`Clock`: an event loop whose time a test controls."""

from __future__ import annotations

import asyncio


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time the test controls."""

    def __init__(self) -> None:
        self.elapsed_seconds = 0.0
        super().__init__()

    def time(self) -> float:
        """Return the time of the system, later by what the test has added."""
        return super().time() + self.elapsed_seconds
