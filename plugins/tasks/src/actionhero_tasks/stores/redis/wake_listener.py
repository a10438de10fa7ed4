"""`WakeListener`: the subscription by which Redis notifies waiting workers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from redis.exceptions import RedisError

from actionhero.transport import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

#: How long to wait for the end of the listener thread.
JOIN_SECONDS: Final = 5.0
#: The first and the longest delay before the listener reconnects.
RECONNECT_SECONDS: Final = (0.05, 1.0)


class WakeListener(threading.Thread):
    """Notifies waiting workers of messages in a pub/sub channel: there may be ready jobs.

    Args:
        connect: Returns a new client.
        channel: The channel.
        notify: Wakes the workers.
    """

    def __init__(
        self, connect: Callable[[], redis.Redis], channel: str, notify: Callable[[], None]
    ) -> None:
        super().__init__(name="actionhero-tasks-wake", daemon=True)
        self._connect = connect
        self._channel = channel
        self._notify = notify
        self._stopped = threading.Event()

    def run(self) -> None:
        """Listen until `stop`, and reconnect."""
        backoff = Backoff(*RECONNECT_SECONDS)
        while not self._stopped.is_set():
            try:
                with self._connect() as client, client.pubsub() as subscriber:
                    subscriber.subscribe(self._channel)
                    # There may have been messages before.
                    self._notify()
                    backoff.reset()
                    while not self._stopped.is_set():
                        if subscriber.get_message(timeout=0.2) is not None:
                            self._notify()
            except (RedisError, OSError):
                self._stopped.wait(backoff.next_seconds())

    def stop(self) -> None:
        """Stop listening, and wait for the end of the thread."""
        self._stopped.set()
        if self.is_alive():
            self.join(JOIN_SECONDS)
