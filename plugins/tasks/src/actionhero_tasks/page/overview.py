"""`Overview`: what the page shows of all jobs, asked of the store once for all who look."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.scheduler import schedules_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero_tasks.scheduler import Schedule
    from actionhero_tasks.store import JobStore

#: For how long what the store said is told to others who ask.
FRESH_SECONDS: Final = 1.0
#: How many samples are kept for whoever opens the page: minutes, as long as somebody looks.
MOST_SAMPLES: Final = 300


class Overview:
    """Counts, workers and schedules, and how the counts have been.

    Nothing is asked while nobody looks. The totals only grow, so that whoever has two of them
    knows the rate between, however long that was.

    Args:
        app: The application.
        use: Returns what a function makes of the store.
        clock: Returns seconds that only grow.
    """

    def __init__(
        self,
        app: Application,
        use: Callable[[Callable[[JobStore], Any]], Awaitable[Any]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._use = use
        self._clock = clock
        self._schedules = schedules_of(app)
        self._samples: deque[list[int]] = deque(maxlen=MOST_SAMPLES)
        self._last: dict[str, Any] = {}
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()

    async def told(self, since_ms: int) -> dict[str, Any]:
        """Return what there is now, and the samples after a time.

        Args:
            since_ms: The time of the last sample that is known already, by the store's clock.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        async with self._looking:
            now = self._clock()
            if self._looked_at is None or now - self._looked_at >= FRESH_SECONDS:
                self._last = await self._use(_look)
                self._looked_at = now
                self._samples.append(_sample(self._last))
        now_ms = self._last["now"]
        return {
            **self._last,
            "schedules": [_schedule(schedule, now_ms) for schedule in self._schedules],
            "samples": [sample for sample in self._samples if sample[0] > since_ms],
        }


def _look(store: JobStore) -> dict[str, Any]:
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
        "totals": {"done": totals.done, "failed": totals.failed},
        "workers": [{"name": name, "running": count} for name, count in store.loads().items()],
        "now": store.now_ms(),
    }


def _sample(look: dict[str, Any]) -> list[int]:
    """Return the time, the runs done and failed since ever, and the jobs that are ready."""
    ready = sum(queue["ready"] for queue in look["queues"])
    return [look["now"], look["totals"]["done"], look["totals"]["failed"], ready]


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
