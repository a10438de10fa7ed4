"""`SqliteConnection`: a connection of aiosqlite whose thread can be awaited."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import aiosqlite

from actionhero_db.backends.limits import settle

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from collections.abc import Callable

#: The rows that a cursor reads at once: the default of aiosqlite.
_CHUNK_ROWS: Final = 64


class SqliteConnection(aiosqlite.Connection):
    """A connection to a SQLite file, and its thread.

    Args:
        connect: Opens the file; called in the thread.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connect, iter_chunk_size=_CHUNK_ROWS)
        self._stopped: asyncio.Future[Any] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        """Stop the thread after its current statement; aiosqlite does so after a failed open."""
        self._stopped = super().stop()
        return self._stopped

    async def wait_stopped(self) -> None:
        """Stop the thread, and wait until it has reported to the event loop for the last time.

        A report to a closed event loop would be an unhandled exception of the thread.
        """
        stopped = self._stopped or self.stop()
        if stopped is not None:
            # The time limit of a disk that does not respond.
            with contextlib.suppress(TimeoutError):
                await settle(stopped)
