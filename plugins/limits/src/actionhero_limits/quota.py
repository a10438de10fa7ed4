"""`Quota`, the shared part of limits with one name; `Take`, a request to it; and its `State`."""

from __future__ import annotations

from typing import Any, NamedTuple


class Quota(NamedTuple):
    """The calls that one name allows, to each identity."""

    name: str
    #: The calls per period.
    calls: int
    #: The length of the period.
    seconds: int
    #: The calls that are possible at once, after a pause.
    burst: int
    #: Quotas with the same group are asked in one script, so a cluster stores them in one slot.
    group: str = ""

    @property
    def emission_us(self) -> float:
        """The time in which one call returns, in microseconds; rounded up to a 16th."""
        return -(-self.seconds * 16_000_000 // self.calls) / 16


class Take(NamedTuple):
    """A request to count a call."""

    quota: Quota
    #: The callers that share the quota, as text.
    identity: str
    #: How many calls it counts as; at most `quota.burst`.
    cost: float = 1


class Takes(tuple[Take, ...]):
    """The requests of one call: all of them are counted, or none."""

    #: What the store has encoded for them; `None` before the first call.
    encoded: Any = None


class State(NamedTuple):
    """The state of a quota after a request, for one identity."""

    #: The calls that are possible now.
    remaining: int
    #: The time until the request is possible, in microseconds; zero if it was possible.
    wait_us: int
    #: The time until the whole quota is available, in microseconds.
    reset_us: int
