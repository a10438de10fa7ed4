"""`CallMetrics`: the number and the total duration of the calls in this process."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from actionhero import Middleware

if TYPE_CHECKING:
    from actionhero import Call, Outcome


class CallMetricsSnapshot(NamedTuple):
    """The counters at one point in time. Rates are computed from two snapshots."""

    at_seconds: float
    calls: int
    seconds: float

    def calls_per_second(self, previous: CallMetricsSnapshot) -> float:
        """Return the calls per second since `previous`."""
        return (self.calls - previous.calls) / max(self.at_seconds - previous.at_seconds, 1e-9)

    def latency_ms(self, previous: CallMetricsSnapshot) -> float:
        """Return the mean duration in milliseconds of the calls since `previous`, 0 without any."""
        return 1000 * (self.seconds - previous.seconds) / max(self.calls - previous.calls, 1)


class CallMetrics(Middleware):
    """Counts all calls except streams, which last as long as their client is connected."""

    keeps_outcome = True

    def __init__(self) -> None:
        self._calls = 0
        self._seconds = 0.0

    async def before(self, call: Call) -> None:
        """Store the start time."""
        call.scratch[self] = perf_counter()

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Count the call and its duration."""
        if not call.action.streams:
            self._calls += 1
            self._seconds += perf_counter() - call.scratch[self]

    def snapshot(self) -> CallMetricsSnapshot:
        """Return the current counters."""
        return CallMetricsSnapshot(perf_counter(), self._calls, self._seconds)
