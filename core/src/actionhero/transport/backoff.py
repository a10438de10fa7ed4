"""Exponential back-off: `Backoff` counts failures, `backoff_seconds` computes one delay."""

from __future__ import annotations

import random
from typing import Final

#: More doublings are never needed: a first delay of a microsecond is over an hour by then.
MAX_DOUBLINGS: Final = 32


def backoff_seconds(
    first_seconds: float,
    max_seconds: float,
    failures: int,
    *,
    jitter: tuple[float, float] = (1.0, 1.0),
) -> float:
    """Return the delay after so many failures in a row: it doubles with each, up to the maximum.

    Args:
        first_seconds: The delay after the first failure.
        max_seconds: The longest delay, before jitter.
        failures: How many attempts have failed, at least one.
        jitter: The delay is multiplied by a random number between these two, so that clients that
            lost one server do not return to it at the same moment.
    """
    doublings = min(max(failures, 1) - 1, MAX_DOUBLINGS)
    delay = min(first_seconds * 2.0**doublings, max_seconds)
    low, high = jitter
    return delay * random.uniform(low, high)  # noqa: S311 - no secret depends on it


class Backoff:
    """The delays between the attempts of one operation.

    Args:
        first_seconds: The delay after the first failure.
        max_seconds: The longest delay, before jitter.
        jitter: See `backoff_seconds`.
    """

    def __init__(
        self,
        first_seconds: float,
        max_seconds: float,
        *,
        jitter: tuple[float, float] = (0.5, 1.0),
    ) -> None:
        self._first_seconds = first_seconds
        self._max_seconds = max_seconds
        self._jitter = jitter
        #: How many attempts have failed in a row.
        self.failures = 0

    def next_seconds(self) -> float:
        """Count a failure, and return the delay before the next attempt."""
        self.failures += 1
        return backoff_seconds(
            self._first_seconds, self._max_seconds, self.failures, jitter=self._jitter
        )

    def reset(self) -> None:
        """Forget the failures: an attempt has succeeded."""
        self.failures = 0
