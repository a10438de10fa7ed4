"""`RowCleaner`: deletes the rows of messages that were sent, many in one statement."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

logger = logging.getLogger("actionhero.db")

#: How long rows wait for others that are deleted in the same statement.
DELAY_SECONDS: Final = 0.05
#: The maximum number of rows of one statement.
MAX_ROWS: Final = 500


class RowCleaner:
    """Collects the ids of sent messages on one event loop, and deletes their rows.

    A row that is not deleted, because the process ends, is sent again, and its receiver drops it.

    Args:
        delete: Deletes rows by their ids.
    """

    def __init__(self, delete: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._delete = delete
        self._ids: list[str] = []
        self._task: asyncio.Task[None] | None = None
        self._flush = asyncio.Event()

    def add(self, ids: Iterable[str]) -> None:
        """Delete rows soon."""
        self._ids += ids
        if len(self._ids) >= MAX_ROWS:
            self._flush.set()
        if self._task is None:
            # In a context of its own: that of the caller may be in a transaction.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def flush(self) -> None:
        """Delete all rows now."""
        self._flush.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while self._ids:
                if not self._flush.is_set():
                    await self._wait()
                self._flush.clear()
                # Those that are added meanwhile wait for others again.
                ids, self._ids = self._ids, []
                for start in range(0, len(ids), MAX_ROWS):
                    await self._delete_rows(ids[start : start + MAX_ROWS])
        finally:
            self._task = None

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(DELAY_SECONDS):
                await self._flush.wait()
        except TimeoutError:
            pass

    async def _delete_rows(self, ids: list[str]) -> None:
        try:
            await self._delete(ids)
        except Exception as error:  # noqa: BLE001 - the sweeper sends and deletes them again
            logger.warning("the rows of sent outbox messages are deleted later: %s", error)
