"""`SignInLimiter`: limits the rate of failed sign-ins by address."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from actionhero.transport import backoff_seconds

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
#: A client with an IPv6 address has at least all addresses with the same prefix of this length.
IPV6_PREFIX_BITS: Final = 64


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
        count, last = self._failures.get(_network_of(address), (0, 0.0))
        elapsed = self._clock() - last
        if count < MAX_FREE_FAILURES or elapsed >= EXPIRY_SECONDS:
            return 0
        delayed_failures = count - MAX_FREE_FAILURES + 1
        delay = backoff_seconds(FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, delayed_failures)
        return max(math.ceil(delay - elapsed), 0)

    def record_failure(self, address: str | None) -> None:
        """Count a failure."""
        network, now = _network_of(address), self._clock()
        count, last = self._failures.pop(network, (0, now))
        if now - last >= EXPIRY_SECONDS:
            count = 0
        self._failures[network] = (count + 1, now)
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def reset(self, address: str | None) -> None:
        """Forget the failures of an address."""
        self._failures.pop(_network_of(address), None)


def _network_of(address: str | None) -> str:
    """Return the IPv4 address, or the IPv6 network, of a client."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, IPV6_PREFIX_BITS), strict=False))
