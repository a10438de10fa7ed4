"""`ProgressReporter`: the progress of a call as notifications, of which there are not too many."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from actionhero_mcp.sink import MessageSink

#: The notifications per second, of which as many may come at once.
PER_SECOND: Final = 10.0


class ProgressReporter:
    """Reports the progress of one call.

    Args:
        sink: Sends notifications.
        token: The token of the client.
    """

    def __init__(self, sink: MessageSink, token: str | int) -> None:
        self._sink = sink
        self._token = token
        self._allowance = PER_SECOND
        self._checked_at = time.monotonic()
        self._last = float("-inf")
        self._held_back: dict[str, Any] | None = None

    def report(self, done: float, total: float | None, message: str | None) -> None:
        """Report progress. It is left out if there was too much, or if it has not increased."""
        if done <= self._last:
            return
        self._last = done
        params: dict[str, Any] = {"progressToken": self._token, "progress": done}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        now = time.monotonic()
        elapsed_seconds = now - self._checked_at
        self._checked_at = now
        self._allowance = min(PER_SECOND, self._allowance + elapsed_seconds * PER_SECOND)
        if self._allowance < 1.0:
            self._held_back = params
            return
        self._allowance -= 1.0
        self._held_back = None
        self._sink.notify("notifications/progress", params)

    def finish(self) -> None:
        """Send the last report, if it was held back."""
        if self._held_back is not None:
            self._sink.notify("notifications/progress", self._held_back)
            self._held_back = None
