"""`CachedRead`: a query of a panel whose result is used again for a while."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class CachedRead:
    """A query without inputs whose result is used again for a while, for all viewers.

    A query that takes longer than a request goes on, and later requests get its result.

    Args:
        run: The coroutine function, which returns a JSON value.
        seconds: How long a result is used again. Exceptions are not.
    """

    def __init__(self, run: Callable[[], Coroutine[Any, Any, Any]], seconds: float) -> None:
        self._run = run
        self._seconds = seconds
        self._task: asyncio.Task[Any] | None = None
        self._started_at = 0.0

    async def __call__(self) -> Any:
        """Return the result."""
        if self._task is None or self._is_old(self._task):
            self._started_at = time.monotonic()
            self._task = asyncio.create_task(self._run())
        # The cancellation of one caller must not end it for the others.
        return await asyncio.shield(self._task)

    def _is_old(self, task: asyncio.Task[Any]) -> bool:
        if not task.done():
            return False
        has_failed = task.cancelled() or task.exception() is not None
        return has_failed or time.monotonic() - self._started_at >= self._seconds
