"""`MessageRate`: the number of messages of one client per second."""

from __future__ import annotations

from typing import Final

WINDOW_SECONDS: Final = 1.0


class MessageRate:
    """Counts the messages of a client in windows of one second, each started by a message.

    Args:
        limit: The number of messages per window; 0: no limit.
    """

    __slots__ = ("_count", "_window_end", "exceeded_since", "limit")

    def __init__(self, limit: int) -> None:
        #: The number of messages per window; 0: no limit.
        self.limit = limit
        self._count = 0
        self._window_end = 0.0
        #: The time of the first message over the limit, as long as no second passes without one.
        self.exceeded_since: float | None = None

    def count(self, now: float) -> bool:
        """Count a message, and return whether it exceeds the limit.

        Args:
            now: The time of the event loop, in seconds.
        """
        if not self.limit:
            return False
        if now >= self._window_end:
            if self._count <= self.limit or now >= self._window_end + WINDOW_SECONDS:
                self.exceeded_since = None
            self._window_end = now + WINDOW_SECONDS
            self._count = 0
        self._count += 1
        if self._count <= self.limit:
            return False
        if self.exceeded_since is None:
            self.exceeded_since = now
        return True

    def exceeded_seconds(self, now: float) -> float:
        """Return how long the client has exceeded the limit."""
        return 0.0 if self.exceeded_since is None else now - self.exceeded_since

    def delay(self, now: float) -> float:
        """Return how many seconds remain of the window if it is full; otherwise 0."""
        is_full = self.limit and self._count >= self.limit
        return max(0.0, self._window_end - now) if is_full else 0.0
