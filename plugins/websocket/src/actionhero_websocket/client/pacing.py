"""`Pacer`: keeps the messages of a client within the rate of its server."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

#: The window in which the server counts messages, and a margin for messages that arrive closer
#: together than they were sent.
WINDOW_SECONDS: Final = 1.05
#: How long after a refusal, or an increase, the limit is increased again.
RECOVERY_SECONDS: Final = 5.0


class Pacer:
    """Delays messages, so that no window of a second has more than a number of them.

    Args:
        per_second: The number of messages; 0: no limit.
    """

    def __init__(self, per_second: int) -> None:
        #: The current limit; lower than `per_second` after the server has refused messages.
        self.limit = per_second
        self._per_second = per_second
        self._times: deque[float] = deque(maxlen=per_second)
        self._slowed_at = self._changed_at = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether there is a limit."""
        return self.limit > 0

    async def wait(self) -> None:
        """Wait until a message may be sent, and count it; one caller at a time."""
        if not self.limit:
            return
        loop = asyncio.get_running_loop()
        # Until a time, which may move.
        while (delay := self._next_time() - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(delay)
        now = loop.time()
        self._times.append(now)
        if self.limit < self._per_second and now - self._changed_at >= RECOVERY_SECONDS:
            self._changed_at = now
            self.limit += 1

    def slow_down(self) -> None:
        """Halve the limit for a while, at most once in a window, and wait for the next window."""
        now = asyncio.get_running_loop().time()
        if now - self._slowed_at >= WINDOW_SECONDS:
            self._slowed_at = self._changed_at = now
            self.limit = max(1, self.limit // 2)

    def reset(self) -> None:
        """Start anew: the server counts the messages of each connection."""
        self._times.clear()

    def _next_time(self) -> float:
        times = self._times
        earliest = times[-self.limit] if len(times) >= self.limit else float("-inf")
        return max(earliest, self._slowed_at) + WINDOW_SECONDS
