"""`RevocationNotices`: informs the open connections of this process of ended credentials."""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero_auth.credential_cache import CredentialCache

logger = logging.getLogger("actionhero.auth")

#: The largest number of credentials whose expiry is announced.
MAX_EXPIRING: Final = 100_000
#: The longest delay of the timer: the clock of the system may be set meanwhile.
MAX_DELAY_SECONDS: Final = 60.0


class RevocationNotices:
    """The identifiers of credentials that are revoked or expire, for every transport.

    Each call is checked by itself; the notices end subscriptions, which outlive a call.

    Args:
        cache: The verified credentials of this process.
    """

    def __init__(self, cache: CredentialCache) -> None:
        self._cache = cache
        self._listeners: list[asyncio.Queue[str | None]] = []
        self._expiring: list[tuple[float, str]] = []
        self._expiring_ids: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_overflow_logged = False

    def publish(self, credential_id: str | None) -> None:
        """Announce credentials that have ended; `None` stands for all."""
        for listener in self._listeners:
            listener.put_nowait(credential_id)

    def publish_at(self, credential_id: str, expires: float) -> None:
        """Announce credentials when they expire, if a transport listens.

        Args:
            credential_id: The public identifier of the credentials.
            expires: The time from which they are refused, in seconds since the epoch. It may have
                passed since they were verified.
        """
        if not self._listeners or credential_id in self._expiring_ids:
            return
        if len(self._expiring_ids) >= MAX_EXPIRING:
            if not self._is_overflow_logged:
                self._is_overflow_logged = True
                logger.warning(
                    "more than %d credentials were verified that expire later; subscriptions with "
                    "further ones do not end when these expire",
                    MAX_EXPIRING,
                )
            return
        self._expiring_ids.add(credential_id)
        heapq.heappush(self._expiring, (expires, credential_id))
        self._set_timer()

    async def listen(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifiers, and `None` first: earlier notices were missed."""
        listener: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.append(listener)
        try:
            yield None
            while True:
                yield await listener.get()
        finally:
            self._listeners.remove(listener)
            if not self._listeners:
                self._expiring.clear()
                self._expiring_ids.clear()
                self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._expiring:
            delay = min(max(self._expiring[0][0] - time.time(), 0), MAX_DELAY_SECONDS)
            self._timer = asyncio.get_running_loop().call_later(delay, self._publish_expired)

    def _publish_expired(self) -> None:
        now = time.time()
        while self._expiring and self._expiring[0][0] <= now:
            _, credential_id = heapq.heappop(self._expiring)
            self._expiring_ids.discard(credential_id)
            # Its clock does not follow that of the system, which may have been set.
            self._cache.remove(credential_id)
            self.publish(credential_id)
        self._set_timer()
