"""`Outage`: the state of a store that cannot be reached."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from actionhero import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("actionhero.limits")

#: How often a store that could not be reached is asked again.
RETRY_SECONDS: Final = 1.0
#: How often the log has a warning.
WARNING_SECONDS: Final = 60.0


class Outage:
    """Allows or refuses calls while the store cannot be reached.

    Args:
        refuses: Whether calls are refused.
        clock: The time, in seconds.
    """

    def __init__(self, *, refuses: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._refuses = refuses
        self._clock = clock
        #: Whether the store could not be reached the last time.
        self.has_begun = False
        self._next_attempt = 0.0
        self._next_warning = 0.0
        #: The unchecked calls since the last warning.
        self._unchecked = 0
        self._reason = ""

    def begin_attempt(self) -> bool:
        """Return whether to ask the store during an outage; one call per second does.

        Others would wait for its timeout.

        Raises:
            ServiceUnavailable: The store cannot be reached, and calls are refused.
        """
        now = self._clock()
        if now >= self._next_attempt:
            self._next_attempt = now + RETRY_SECONDS
            return True
        self._count(now)
        return False

    def succeeded(self) -> None:
        """End the outage."""
        self.has_begun = False
        logger.info("the store of rate limits can be reached again")

    def failed(self, error: Exception) -> None:
        """Begin or continue the outage.

        Raises:
            ServiceUnavailable: Calls are refused.
        """
        now = self._clock()
        self.has_begun = True
        self._next_attempt = now + RETRY_SECONDS
        self._reason = str(error) or type(error).__name__
        self._count(now)

    def _count(self, now: float) -> None:
        self._unchecked += 1
        if now >= self._next_warning:
            self._next_warning = now + WARNING_SECONDS
            logger.warning(
                "the store of rate limits cannot be reached: %s; calls %s without a check since "
                "the last warning: %d (limits.on_failure)",
                self._reason,
                "refused" if self._refuses else "allowed",
                self._unchecked,
            )
            self._unchecked = 0
        if self._refuses:
            raise ServiceUnavailable(
                "A service that this action needs is not available", retry_after_seconds=1
            )


def is_transient(error: Exception) -> bool:
    """Return whether an error of the store ends without a change to the application."""
    from actionhero_redis import is_transient as is_transient_in_redis

    return isinstance(error, ServiceUnavailable) or is_transient_in_redis(error)
