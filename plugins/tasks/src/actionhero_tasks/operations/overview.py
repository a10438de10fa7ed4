"""`Overview`: counts, workers and schedules, queried once for all clients of the page."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.worker.scheduler import schedules_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero_tasks.stores.inspection import JobInspection
    from actionhero_tasks.worker.scheduler import Schedule

#: How long a result of the store is reused.
MAX_AGE_SECONDS: Final = 1.0
#: The number of samples in memory, which are some minutes of an open page.
MAX_SAMPLES: Final = 300


class Overview:
    """The current counts, workers and schedules, and recent samples of the counts.

    The store is queried only while the page is open. The totals only increase, so the rate between
    any two samples can be computed.

    Args:
        app: The application.
        use: Calls a function with the store, and returns its result.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(
        self,
        app: Application,
        use: Callable[[Callable[[JobInspection], Any]], Awaitable[Any]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._use = use
        self._clock = clock
        self._schedules = schedules_of(app)
        self._samples: deque[list[int]] = deque(maxlen=MAX_SAMPLES)
        self._result: dict[str, Any] = {}
        self._queried_at: float | None = None
        self._lock = asyncio.Lock()

    async def snapshot(self, since_ms: int) -> dict[str, Any]:
        """Return the current state, and the samples after a time.

        Args:
            since_ms: The time of the client's last sample, by the clock of the store.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        async with self._lock:
            now = self._clock()
            if self._queried_at is None or now - self._queried_at >= MAX_AGE_SECONDS:
                self._result = await self._use(_query)
                self._queried_at = now
                self._samples.append(_sample(self._result))
        now_ms = self._result["now"]
        return {
            **self._result,
            "schedules": [_schedule(schedule, now_ms) for schedule in self._schedules],
            "samples": [sample for sample in self._samples if sample[0] > since_ms],
        }

    def expire(self) -> None:
        """Query the store again for the next call: something has changed."""
        self._queried_at = None


def _query(store: JobInspection) -> dict[str, Any]:
    totals = store.totals()
    return {
        "queues": [
            {
                "queue": counts.queue,
                "ready": counts.ready,
                "running": counts.running,
                "delayed": counts.delayed,
                "retrying": counts.retrying,
                "dead": counts.dead,
                "oldest_ms": counts.oldest_ms,
            }
            for counts in store.counts()
        ],
        "paused": store.paused_queues(),
        "totals": {"done": totals.done, "failed": totals.failed},
        "workers": [
            {"name": name, "running": count} for name, count in store.worker_loads().items()
        ],
        "now": store.now_ms(),
    }


def _sample(result: dict[str, Any]) -> list[int]:
    """Return the time, the total of done and failed runs, and the number of ready jobs."""
    ready = sum(queue["ready"] for queue in result["queues"])
    return [result["now"], result["totals"]["done"], result["totals"]["failed"], ready]


def _schedule(schedule: Schedule, now_ms: int) -> dict[str, Any]:
    task = schedule.task
    return {
        "action": schedule.name,
        "every_ms": None if task.every is None else int(task.every.total_seconds() * 1000),
        "cron": task.cron,
        "timezone": task.timezone if task.cron else None,
        "queue": task.queue,
        "next": schedule.times.after(now_ms),
    }
