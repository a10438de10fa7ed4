"""`Outage`: an outage of a broker, during which it is not called."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from actionhero.transport import Backoff

logger = logging.getLogger("actionhero.tasks")

#: The first and the longest time for which an unavailable broker is not called.
BACKOFF_SECONDS: Final = (0.1, 2.0)


class Outage:
    """An outage of a broker, during which it is not called; true while it is.

    Its beginning and its end are logged once.

    Args:
        title: The name of the broker in messages.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._lock = threading.Lock()
        self._backoff = Backoff(*BACKOFF_SECONDS)
        self._until = 0.0

    def __bool__(self) -> bool:
        return self.remaining_seconds > 0

    @property
    def remaining_seconds(self) -> float:
        """How long the broker is not called."""
        return self._until - time.monotonic()

    def begin(self, error: Exception) -> None:
        """Note that a call has failed."""
        with self._lock:
            if not self._backoff.failures:
                logger.warning(
                    "%s cannot be reached; jobs are stored, and sent later: %s", self._title, error
                )
            self._until = time.monotonic() + self._backoff.next_seconds()

    def end(self) -> None:
        """Note that a call has succeeded."""
        if self._backoff.failures:
            with self._lock:
                if self._backoff.failures:
                    logger.warning("%s can be reached again", self._title)
                self._backoff.reset()
                self._until = 0.0
