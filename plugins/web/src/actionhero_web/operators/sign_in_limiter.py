"""`SignInLimiter`: limits the rate of failed sign-ins by address and account."""

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
    """Counts failed sign-ins by address and account, and delays further attempts from an address.

    The delay depends on the failures for all accounts together. A success clears those of its
    account only: with an account of its own, a client could otherwise guess the password of another
    one without a delay.

    Args:
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: The most recent at the end.
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def retry_after_seconds(self, address: str | None) -> int:
        """Return the remaining delay for an address; 0 if it may try now."""
        failures = self._failures.get(client_network(address))
        return 0 if failures is None else failures.delay_seconds(self._clock())

    def mark_refused(self, address: str | None) -> bool:
        """Mark an address as refused, and return whether it was not since its last failure.

        For records of refused attempts, of which a client can cause any number.
        """
        failures = self._failures.get(client_network(address))
        if failures is None or failures.is_refused:
            return False
        failures.is_refused = True
        return True

    def record_failure(self, address: str | None, account: str = "") -> None:
        """Count a failure.

        Args:
            address: The address of the client.
            account: The name of an account that exists; empty: of another one, or of the only one.
        """
        network, now = client_network(address), self._clock()
        failures = self._failures.pop(network, None)
        if failures is None or failures.is_expired(now):
            failures = _Failures()
        failures.add(account, now)
        self._failures[network] = failures
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def reset(self, address: str | None, account: str = "") -> None:
        """Forget the failures of an address for an account."""
        network = client_network(address)
        failures = self._failures.get(network)
        if failures is not None:
            failures.counts.pop(account, None)
            if not failures.counts:
                del self._failures[network]


class _Failures:
    """The failed sign-ins of an address."""

    __slots__ = ("counts", "is_refused", "last")

    def __init__(self) -> None:
        #: The number of failures by account.
        self.counts: dict[str, int] = {}
        #: The time of the last one.
        self.last = 0.0
        #: Whether an attempt was refused since the last failure.
        self.is_refused = False

    def add(self, account: str, now: float) -> None:
        """Count a failure."""
        self.counts[account] = self.counts.get(account, 0) + 1
        self.last = now
        self.is_refused = False

    def is_expired(self, now: float) -> bool:
        """Return whether the last failure is too long ago to count."""
        return now - self.last >= EXPIRY_SECONDS

    def delay_seconds(self, now: float) -> int:
        """Return the remaining delay."""
        count = sum(self.counts.values())
        if count < MAX_FREE_FAILURES or self.is_expired(now):
            return 0
        delayed_failures = count - MAX_FREE_FAILURES + 1
        delay = backoff_seconds(FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, delayed_failures)
        return max(math.ceil(delay - (now - self.last)), 0)
