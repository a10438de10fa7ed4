"""When an action that recurs is due. Pure: APScheduler computes the times, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from actionhero_tasks.task import Task


_HOUR_MS: Final = 3_600_000
#: How far back is looked for a time that was missed, at first and at most.
_WINDOWS_MS: Final = (_HOUR_MS, 48 * _HOUR_MS, 60 * 24 * _HOUR_MS, 5 * 366 * 24 * _HOUR_MS)


class Times(Protocol):
    """The times of one schedule."""

    def after(self, milliseconds: int) -> int:
        """Return the first time after the given one; both are milliseconds since the epoch."""

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after`, and not after `until`."""


class Every:
    """Times with the same distance, the same on every machine: they are counted from the epoch."""

    def __init__(self, distance: timedelta) -> None:
        self._distance_ms = distance // timedelta(milliseconds=1)

    def after(self, milliseconds: int) -> int:
        """Return the first time after the given one."""
        return (milliseconds // self._distance_ms + 1) * self._distance_ms

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after`, and not after `until`."""
        last = until // self._distance_ms * self._distance_ms
        return last if last > after else None


class Cron:
    """Times by the calendar, in a time zone.

    A time that the clock skips when summer begins comes as long after the one before as ever; one
    that it shows twice when summer ends comes once, the first time.

    Args:
        line: Minute, hour, day, month and day of week.
        timezone: The name of a time zone.

    Raises:
        ValueError: One of them is none; the message says why.
    """

    def __init__(self, line: str, timezone: str) -> None:
        from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]

        fields = line.split()
        if len(fields) != 5:
            raise ValueError(
                f"it has {len(fields)} fields; there are five: minute, hour, day, month and day of "
                "week"
            )
        if any(character.isdigit() for character in fields[4]):
            # For one half of the world 0 is Sunday, for the other Monday.
            raise ValueError("write days of the week by name: mon, tue, wed, thu, fri, sat, sun")
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{timezone!r} is no time zone that is known here") from error
        names = ("minute", "hour", "day", "month", "day_of_week")
        self._zone = zone
        self._trigger: Any = CronTrigger(**dict(zip(names, fields, strict=True)), timezone=zone)

    def after(self, milliseconds: int) -> int:
        """Return the first time after the given one."""
        after = datetime.fromtimestamp(milliseconds / 1000, UTC)
        at = after
        while True:
            at += timedelta(milliseconds=1)
            found: datetime | None = self._trigger.get_next_fire_time(None, at)
            if found is None:
                raise ValueError("it never comes again")
            at = found.astimezone(UTC)
            # The second of two equal times on the clock is none, and neither is one before.
            if at > after and found.fold == 0:
                return int(at.timestamp() * 1000)

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after`, and not after `until`."""
        for window in _WINDOWS_MS:
            # From near to far, for there may be a year of minutes between the two.
            start = max(after, until - window)
            last = None
            at = self.after(start)
            while at <= until:
                last, at = at, self.after(at)
            if last is not None or start == after:
                return last
        return None


def times_of(task: Task) -> Times:
    """Return the times of a task that recurs.

    Raises:
        ValueError: They make no sense.
    """
    if task.every is not None:
        return Every(task.every)
    return Cron(task.cron or "", task.timezone)


def fault_in(task: Task) -> str | None:
    """Return what is wrong with the times of a task, or `None`."""
    try:
        times_of(task).after(0)
    except ValueError as error:
        return f"cron = {task.cron!r}: {error}"
    return None
