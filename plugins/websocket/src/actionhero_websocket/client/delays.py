"""`ReconnectDelays`: the delays before the attempts to reconnect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import WSCloseCode

from actionhero.transport import Backoff, backoff_seconds

if TYPE_CHECKING:
    from actionhero_websocket.client.options import ClientOptions

#: Full jitter: it spreads the reconnects of clients that lost their connections together.
JITTER: Final = (0.0, 1.0)


class ReconnectDelays:
    """The delays before the attempts to reconnect: exponential back-off with full jitter.

    Args:
        options: The options of the client.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._max_seconds = options.max_backoff.total_seconds()
        self._backoff = Backoff(
            options.min_backoff.total_seconds(), self._max_seconds, jitter=JITTER
        )
        self._online_since: float | None = None

    def note_success(self) -> None:
        """Record that the client is online."""
        self._online_since = asyncio.get_running_loop().time()

    def next_seconds(self, code: int | None) -> float:
        """Return the delay before the next attempt, in seconds.

        Args:
            code: The close code of the last connection.
        """
        now = asyncio.get_running_loop().time()
        if self._online_since is not None and now - self._online_since >= self._max_seconds:
            # The last connection was stable, unlike those of a server that closes them at once.
            self._backoff.reset()
        self._online_since = None
        delay = self._backoff.next_seconds()
        if code == WSCloseCode.POLICY_VIOLATION:
            return backoff_seconds(self._max_seconds, self._max_seconds, 1, jitter=JITTER)
        return delay
