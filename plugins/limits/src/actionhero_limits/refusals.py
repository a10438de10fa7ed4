"""`Refusals`: the callers that the store has refused, so that it is not asked again too early."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero_limits.identity import digest_of, is_digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero_limits.quota import State, Take

#: The callers that are remembered; the earliest are forgotten.
CAPACITY: Final = 10_000
#: How long a refusal is remembered at most: then a quota that was reset is noticed.
MAX_SECONDS: Final = 60.0


class _Refusal(NamedTuple):
    cost: float
    state: State
    #: The time of the store, in microseconds since 1970.
    now_us: int
    #: The time of the clock of the process, in seconds.
    since: float
    #: The time from which the store is asked again.
    until: float


class RefusedKey(NamedTuple):
    """A caller that is refused, without its identity."""

    #: The name of the limit.
    limit: str
    #: The digest of the identity, as in the store.
    digest: str
    #: When a call will be possible, in microseconds since 1970.
    until_us: int


class Refusals:
    """Remembers refusals: until the quota returns, the answer of the store would be the same.

    For the generic cell rate algorithm.

    Args:
        clock: The time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._items: OrderedDict[tuple[str, str], _Refusal] = OrderedDict()

    def find(self, takes: Sequence[Take]) -> tuple[Take, tuple[int, int, int], int] | None:
        """Return the first quota that would refuse a call.

        Returns:
            The request, the fields of the state of its quota, and the time of the store, in
            microseconds since 1970; `None` if the store has to be asked.
        """
        items = self._items
        if not items:
            return None
        for take in takes:
            quota, identity, cost = take
            refusal = items.get((quota.name, identity))
            if refusal is None:
                continue
            refused_cost, (remaining, wait_us, reset_us), now_us, since, until = refusal
            needed = cost or 1
            # A call that costs less may be possible earlier.
            if needed < refused_cost:
                continue
            now = self._clock()
            if now >= until:
                del items[quota.name, identity]
                continue
            elapsed_us = int((now - since) * 1e6)
            if needed > refused_cost:
                wait_us += math.ceil((needed - refused_cost) * quota.emission_us)
            state = (remaining, wait_us - elapsed_us, reset_us - elapsed_us)
            return take, state, now_us + elapsed_us
        return None

    def discard(self, takes: Sequence[Take]) -> None:
        """Forget refusals of an identity that has made another call, which costs less."""
        if self._items:
            for quota, identity, _ in takes:
                self._items.pop((quota.name, identity), None)

    def keys(self, limit: int) -> tuple[list[RefusedKey], int]:
        """Return the callers that are refused, the latest first, and their number.

        Args:
            limit: The maximum number of callers in the list.
        """
        now = self._clock()
        refused = [
            (*key, item.now_us + item.state.wait_us)
            for key, item in reversed(self._items.items())
            if now < item.since + item.state.wait_us / 1e6
        ]
        keys = [RefusedKey(name, digest_of(id), until) for name, id, until in refused[:limit]]
        return keys, len(refused)

    def forget(self, limit: str, digest: str) -> bool:
        """Forget a caller, by the digest of its identity; return whether it was refused."""
        for name, identity in self._items:
            if name == limit and is_digest_of(digest, identity):
                del self._items[name, identity]
                return True
        return False

    def add(self, take: Take, state: State, now_us: int) -> None:
        """Remember that the store has refused a call.

        Args:
            take: The request.
            state: The state of the quota.
            now_us: The time of the store, in microseconds since 1970.
        """
        now = self._clock()
        until = now + min(state.wait_us / 1e6, MAX_SECONDS)
        key = (take.quota.name, take.identity)
        self._items.pop(key, None)
        self._items[key] = _Refusal(take.cost or 1, state, now_us, now, until)
        if len(self._items) > CAPACITY:
            self._items.popitem(last=False)
