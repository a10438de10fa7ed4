"""`Pulse`: how many calls this process has answered, and how long they took."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from actionhero import Middleware

if TYPE_CHECKING:
    from actionhero import Call, Outcome


class Beat(NamedTuple):
    """What has been counted so far. The difference of two tells about the time between them."""

    at_seconds: float
    calls: int
    seconds: float

    def calls_per_second(self, before: Beat) -> float:
        """Return how many calls a second there were since `before`."""
        return (self.calls - before.calls) / max(self.at_seconds - before.at_seconds, 1e-9)

    def latency_ms(self, before: Beat) -> float:
        """Return the mean duration of the calls since `before`, in milliseconds; 0 of none."""
        return 1000 * (self.seconds - before.seconds) / max(self.calls - before.calls, 1)


class Pulse(Middleware):
    """Counts every call but those that stream, which last as long as somebody listens."""

    def __init__(self) -> None:
        self._calls = 0
        self._seconds = 0.0

    async def before(self, call: Call) -> None:
        """Look at the clock."""
        call.scratch[self] = perf_counter()

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Count the call."""
        if not call.action.streams:
            self._calls += 1
            self._seconds += perf_counter() - call.scratch[self]

    def beat(self) -> Beat:
        """Return what has been counted so far."""
        return Beat(perf_counter(), self._calls, self._seconds)
