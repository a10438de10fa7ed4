"""`CallerLimits`: the rate of requests and their number at once, of each caller."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import Final

#: The callers whose rate is remembered; the longest idle are forgotten first.
REMEMBERED: Final = 10_000


class CallerLimits:
    """Limits the requests of each caller, in this process.

    Args:
        max_concurrent: How many requests of one caller are handled at once.
    """

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent
        self._open: dict[str, int] = {}
        #: The allowance of each caller, and the time at which it was so.
        self._allowances: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def enter(self, caller: str, per_minute: int) -> float | None:
        """Count a request, which `leave` ends.

        Args:
            caller: The caller.
            per_minute: How many requests it may send; 0 is no limit.

        Returns:
            `None` if the request is allowed; otherwise the seconds after which to retry.
        """
        if self._open.get(caller, 0) >= self._max_concurrent:
            return 1.0
        retry_seconds = self.take(caller, per_minute)
        if retry_seconds is None:
            self._open[caller] = self._open.get(caller, 0) + 1
        return retry_seconds

    def take(self, caller: str, per_minute: int) -> float | None:
        """Count a request that needs no `leave`, as `enter` does."""
        if not per_minute:
            return None
        now = time.monotonic()
        allowance, then = self._allowances.pop(caller, (float(per_minute), now))
        allowance = min(float(per_minute), allowance + (now - then) * per_minute / 60)
        self._allowances[caller] = (max(0.0, allowance - 1), now)
        if len(self._allowances) > REMEMBERED:
            self._allowances.popitem(last=False)
        return None if allowance >= 1 else math.ceil((1 - allowance) * 60 / per_minute)

    def leave(self, caller: str) -> None:
        """Count the end of a request that was allowed."""
        left = self._open[caller] - 1
        if left:
            self._open[caller] = left
        else:
            del self._open[caller]
