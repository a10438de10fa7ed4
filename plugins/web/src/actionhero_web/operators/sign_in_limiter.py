"""`SignInLimiter`: limits the rate of failed sign-ins by address."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from actionhero.transport import backoff_seconds, client_network

if TYPE_CHECKING:
    from collections.abc import Callable

#: The number of failures after which there is a delay.
MAX_FREE_FAILURES: Final = 5
#: The first and the longest delay; each is twice the previous one.
FIRST_DELAY_SECONDS: Final = 1.0
MAX_DELAY_SECONDS: Final = 300.0
#: Failures are forgotten after this time without another one.
EXPIRY_SECONDS: Final = 3600.0
#: The maximum number of addresses in memory; those that failed least recently are dropped.
MAX_ADDRESSES: Final = 10_000


class SignInLimiter:
    """Counts failed sign-ins by address, and delays further attempts.

    Args:
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: The number of failures and the time of the last one, the most recent at the end.
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def retry_after_seconds(self, address: str | None) -> int:
        """Return the remaining delay for an address; 0 if it may try now."""
        count, last = self._failures.get(client_network(address), (0, 0.0))
        elapsed = self._clock() - last
        if count < MAX_FREE_FAILURES or elapsed >= EXPIRY_SECONDS:
            return 0
        delayed_failures = count - MAX_FREE_FAILURES + 1
        delay = backoff_seconds(FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, delayed_failures)
        return max(math.ceil(delay - elapsed), 0)

    def record_failure(self, address: str | None) -> None:
        """Count a failure."""
        network, now = client_network(address), self._clock()
        count, last = self._failures.pop(network, (0, now))
        if now - last >= EXPIRY_SECONDS:
            count = 0
        self._failures[network] = (count + 1, now)
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def reset(self, address: str | None) -> None:
        """Forget the failures of an address."""
        self._failures.pop(client_network(address), None)
