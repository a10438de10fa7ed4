"""`CheckCounts`: the number of checks of each limit in this process, by result."""

from __future__ import annotations

from collections import Counter
from typing import Final

#: The number of limits that are counted; the names of `Limits.check` are not declared.
CAPACITY: Final = 1000


class CheckCounts:
    """Counts the checks of each limit by their results."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def add(self, limit: str, result: str) -> None:
        """Count a check; those of limits beyond the capacity are not counted."""
        counts = self._counts.get(limit)
        if counts is None:
            if len(self._counts) >= CAPACITY:
                return
            counts = self._counts[limit] = Counter()
        counts[result] += 1

    def by_limit(self) -> dict[str, dict[str, int]]:
        """Return the numbers of checks by limit and result."""
        return {limit: dict(counts) for limit, counts in self._counts.items()}
