"""`Scheduler`: enqueues recurring actions, exactly once with any number of schedulers.

Every scheduler tries to claim every time in the store, and the first succeeds. So there is no
leader, and no failover. The time is that of the store's clock.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero import ServiceUnavailable, TypedError
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.schedule import times_of
from actionhero_tasks.task import task_of
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_tasks.schedule import Times
    from actionhero_tasks.task import Task

logger = logging.getLogger("actionhero.tasks")

#: The longest pause, and so the delay until a change of the clock is noticed.
POLL_SECONDS: Final = 1.0
#: A time is missed if it is later than this. Times that are not missed are all enqueued.
LATE_MS: Final = 5_000
#: How long a schedule is not checked after an error.
PAUSE_MS: Final = 30_000
#: How far a last time may be ahead of the clock of the store after it was set back a little.
MAX_AHEAD_MS: Final = 3 * 3_600_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """A recurring action and its times."""

    action: RegisteredAction
    task: Task
    times: Times

    @property
    def name(self) -> str:
        """The name under which times are claimed in the store."""
        return self.action.name


class Scheduler:
    """Enqueues due actions from `run` until it is cancelled.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._tasks = app.get(Tasks)
        self.schedules = schedules_of(app)
        #: The last time of each schedule that is known to be claimed or skipped.
        self._last: dict[str, int] = {}
        #: When each schedule that has failed is checked again.
        self._paused_until: dict[str, int] = {}

    async def run(self) -> None:
        """Enqueue due actions until cancelled."""
        while True:
            try:
                seconds = await self.enqueue_due()
            except ServiceUnavailable as error:
                logger.warning("the job store cannot be reached: %s", error.__cause__ or error)
                seconds = POLL_SECONDS
            except Exception:
                logger.exception("the schedules could not be checked; trying again")
                seconds = PAUSE_MS / 1000
            await asyncio.sleep(seconds)

    async def enqueue_due(self) -> float:
        """Enqueue the actions that are due, and return the seconds until the next check.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        now = await self._tasks.use(lambda store: store.now_ms())
        waits = [await self._try_check(schedule, now) for schedule in self.schedules]
        return min([POLL_SECONDS, *(max(wait, 1) / 1000 for wait in waits)])

    async def _try_check(self, schedule: Schedule, now: int) -> int:
        """Call `_check`; after an error, which affects no other schedule, not for a while."""
        paused_until = self._paused_until.get(schedule.name, 0)
        if now < paused_until <= now + PAUSE_MS:
            return paused_until - now
        try:
            return await self._check(schedule, now)
        except Exception as error:
            if isinstance(error.__cause__, StoreUnavailable):
                raise
            logger.exception("%s could not be enqueued; trying again", schedule.name)
            self._paused_until[schedule.name] = now + PAUSE_MS
            return PAUSE_MS

    async def _check(self, schedule: Schedule, now: int) -> int:
        """Enqueue one action if it is due, and return the milliseconds until its next time."""
        last = self._last.get(schedule.name)
        if last is None or last > now or schedule.times.after(last) <= now:
            last = await self._tasks.use(lambda store: store.last_fire_time(schedule.name, now))
            if is_ahead(schedule.times, last, now):
                last = await self._begin_anew(schedule, last, now)
            for due in due_times(schedule.times, last, now, catch_up=schedule.task.catch_up):
                await self._enqueue(schedule, due)
                last = due
            last = schedule.times.last_until(last, now) or last
            self._last[schedule.name] = last
        return schedule.times.after(last) - now

    async def _begin_anew(self, schedule: Schedule, last: int, now: int) -> int:
        """Continue a schedule whose last time was stored by a wrong clock."""
        name = schedule.name
        if await self._tasks.use(lambda store: store.reset_fire_time(name, last, now)):
            logger.warning(
                "the last time of %s was %d s ahead of the clock of the job store, which was set "
                "back; its schedule begins anew",
                name,
                (last - now) // 1000,
            )
            return now
        return await self._tasks.use(lambda store: store.last_fire_time(name, now))

    async def _enqueue(self, schedule: Schedule, due: int) -> None:
        try:
            added = await self._tasks.enqueue_scheduled(
                schedule.action, due, overlap=schedule.task.overlap
            )
        except ServiceUnavailable:
            raise
        except TypedError as error:
            # Of a middleware around enqueueing. Its next time is tried again.
            logger.warning("%s was not enqueued at its time: %s", schedule.name, error)
            return
        logger.debug("%s at %d: %s", schedule.name, due, "enqueued" if added else "skipped")


def is_ahead(times: Times, last: int, now: int) -> bool:
    """Return whether a last time is so far ahead of the clock that a wrong clock has stored it.

    That is further than one period, and at most three hours.
    """
    return last > now and last - now > min(times.after(last) - last, MAX_AHEAD_MS)


def due_times(times: Times, last: int, now: int, *, catch_up: str) -> list[int]:
    """Return the times after `last` and until `now` that are to be enqueued.

    If no time was missed, these are all of them. Otherwise it is the newest one, for all of them;
    with `catch_up="skip"`, only if the newest one was not missed.
    """
    if times.last_until(last, now - LATE_MS - 1) is not None:
        newest = times.last_until(last, now)
        if newest is None or (catch_up == "skip" and now - newest > LATE_MS):
            return []
        return [newest]
    due: list[int] = []
    while (next_time := times.after(due[-1] if due else last)) <= now:
        due.append(next_time)
    return due


def schedules_of(app: Application) -> list[Schedule]:
    """Return the recurring actions of an application, by name."""
    return [
        Schedule(action, task, times_of(task))
        for action in app.actions
        if (task := task_of(action)).recurs
    ]
