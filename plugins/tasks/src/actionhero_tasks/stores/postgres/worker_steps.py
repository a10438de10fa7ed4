"""`WorkerSteps`: the numbers of the steps of workers."""

from __future__ import annotations

import time


class WorkerSteps:
    """Numbers the steps of each worker.

    A step without a reply is repeated with its number, so that its claims are returned again, and
    so that a late execution of the first request claims nothing.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def current(self, worker_id: str) -> int:
        """Return the number of the current step of a worker."""
        # Larger than those of an earlier store object of the same worker.
        return self._numbers.setdefault(worker_id, time.time_ns())

    def end(self, worker_id: str) -> None:
        """Begin the next step of a worker: there was a reply."""
        if worker_id in self._numbers:
            self._numbers[worker_id] += 1

    def forget(self, worker_id: str) -> None:
        """Forget a worker that has ended."""
        self._numbers.pop(worker_id, None)
