"""`Throttle`: who guesses passwords has to wait, longer each time."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: How often one may be wrong without waiting.
FREE: Final = 5
#: How long the first wait is, and the longest; each is twice the one before.
FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 300.0
#: After which time without a failure nothing is held against anybody.
FORGET_SECONDS: Final = 3600.0
#: How many peers are remembered; of more, those that were wrong longest ago are forgotten.
MOST_PEERS: Final = 10_000
#: Who has an address of IPv6 has at least so many of them as share these bits.
_NETWORK_BITS: Final = 64


class Throttle:
    """Counts failures by peer.

    Args:
        clock: Returns seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: How many failures, and when the last was. The latest come last.
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_seconds(self, peer: str | None) -> int:
        """Return after how many seconds `peer` may try; 0: now."""
        count, last = self._failures.get(_network(peer), (0, 0.0))
        passed = self._clock() - last
        if count < FREE or passed >= FORGET_SECONDS:
            return 0
        # Cut before it is a number that no float holds.
        doublings = min(count - FREE, 30)
        return max(math.ceil(min(FIRST_SECONDS * 2.0**doublings, LONGEST_SECONDS) - passed), 0)

    def failed(self, peer: str | None) -> None:
        """Hold a failure against `peer`."""
        network, now = _network(peer), self._clock()
        count, last = self._failures.pop(network, (0, now))
        if now - last >= FORGET_SECONDS:
            count = 0
        self._failures[network] = (count + 1, now)
        while len(self._failures) > MOST_PEERS:
            self._failures.popitem(last=False)

    def passed(self, peer: str | None) -> None:
        """Hold nothing against `peer` any more."""
        self._failures.pop(_network(peer), None)


def _network(peer: str | None) -> str:
    """Return what peers have in common that are likely one."""
    try:
        address = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return peer or ""
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))
