"""`Scheduler`: enqueues actions that recur, each time once, however many schedulers there are.

Every one of them tries every time; the store lets the first claim it. So none has to lead, and one
that ends leaves nothing to take over. The time is that of the store's clock.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero import ServiceUnavailable
from actionhero_tasks.schedule import times_of
from actionhero_tasks.task import task_of
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_tasks.schedule import Times
    from actionhero_tasks.task import Task

logger = logging.getLogger("actionhero.tasks")

#: How long it sleeps at most: so long a clock that was set may go unnoticed.
LOOK_SECONDS: Final = 1.0
#: How late a time may be and still be none that was missed: each of those is enqueued.
LATE_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """An action that recurs."""

    action: RegisteredAction
    task: Task
    times: Times

    @property
    def name(self) -> str:
        """By which its times are claimed."""
        return self.action.name


class Scheduler:
    """Enqueues what is due, from `run` to its cancellation.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._tasks = app.get(Tasks)
        self.schedules = schedules_of(app)
        #: The last time of each that we know to be claimed or passed over.
        self._last: dict[str, int] = {}

    async def run(self) -> None:
        """Enqueue what is due, again and again."""
        while True:
            seconds = LOOK_SECONDS
            try:
                seconds = await self.look()
            except ServiceUnavailable as error:
                logger.warning("the store of jobs cannot be reached: %s", error.__cause__)
            await asyncio.sleep(seconds)

    async def look(self) -> float:
        """Enqueue what is due now, and return after how many seconds to look again.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        now = await self._tasks.use(lambda store: store.now_ms())
        waits = [await self._look_at(schedule, now) for schedule in self.schedules]
        return min([LOOK_SECONDS, *(max(wait, 1) / 1000 for wait in waits)])

    async def _look_at(self, schedule: Schedule, now: int) -> int:
        """Enqueue a schedule's action if it is due; return how long it is until the next time."""
        last = self._last.get(schedule.name)
        if last is None or schedule.times.after(last) <= now:
            last = await self._tasks.use(lambda store: store.last_tick(schedule.name, now))
            for due in due_times(schedule.times, last, now, catch_up=schedule.task.catch_up):
                await self._claim(schedule, due)
                last = due
            last = schedule.times.last_until(last, now) or last
            self._last[schedule.name] = last
        return schedule.times.after(last) - now

    async def _claim(self, schedule: Schedule, due: int) -> None:
        kept = await self._tasks.tick(schedule.action, due, overlap=schedule.task.overlap)
        logger.debug("%s at %d: %s", schedule.name, due, "enqueued" if kept else "passed")


def due_times(times: Times, last: int, now: int, *, catch_up: str) -> list[int]:
    """Return which times after `last`, and until `now`, are to be enqueued.

    If none was missed, each of them. If one was, what is due now stands for all of them; or where
    missed ones are skipped, the last of them only if it was not missed itself.
    """
    if times.last_until(last, now - LATE_MS - 1) is not None:
        newest = times.last_until(last, now)
        if newest is None or (catch_up == "skip" and now - newest > LATE_MS):
            return []
        return [newest]
    found: list[int] = []
    while (due := times.after(found[-1] if found else last)) <= now:
        found.append(due)
    return found


def schedules_of(app: Application) -> list[Schedule]:
    """Return the actions of an application that recur, by name."""
    return [
        Schedule(action, task, times_of(task))
        for action in app.actions
        if (task := task_of(action)).recurs
    ]
