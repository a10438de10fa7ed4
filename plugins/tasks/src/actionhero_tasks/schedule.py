"""The times of a recurring action. Pure; APScheduler computes the times of cron expressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from actionhero_tasks.task import Task


_HOUR_MS: Final = 3_600_000
#: The periods that are searched for a missed time, from the shortest to the longest.
_WINDOWS_MS: Final = (_HOUR_MS, 48 * _HOUR_MS, 60 * 24 * _HOUR_MS, 5 * 366 * 24 * _HOUR_MS)


class Times(Protocol):
    """The times of a schedule, in milliseconds since the epoch."""

    def after(self, milliseconds: int) -> int:
        """Return the first time after a point in time."""

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after` and not after `until`."""


class Every:
    """Times at a fixed interval, counted from the epoch and so equal on every machine."""

    def __init__(self, interval: timedelta) -> None:
        self._interval_ms = interval // timedelta(milliseconds=1)

    def after(self, milliseconds: int) -> int:
        """Return the first time after a point in time."""
        return (milliseconds // self._interval_ms + 1) * self._interval_ms

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after` and not after `until`."""
        last = until // self._interval_ms * self._interval_ms
        return last if last > after else None


class Cron:
    """The times of a cron expression in a time zone.

    A local time that is skipped when daylight saving time begins is replaced by the same time in
    the offset before. A local time that occurs twice when it ends counts once, the first time.

    Args:
        expression: Minute, hour, day, month and day of week.
        timezone: The name of a time zone.

    Raises:
        ValueError: The expression or the time zone is invalid.
    """

    def __init__(self, expression: str, timezone: str) -> None:
        from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]

        fields = expression.split()
        if len(fields) != 5:
            raise ValueError(
                f"it has {len(fields)} fields, and requires five: minute, hour, day, month and "
                "day of week"
            )
        if any(character.isdigit() for character in fields[4]):
            # 0 is Sunday for cron, and Monday for APScheduler.
            raise ValueError("write days of the week by name: mon, tue, wed, thu, fri, sat, sun")
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {timezone!r}") from error
        names = ("minute", "hour", "day", "month", "day_of_week")
        self._zone = zone
        self._trigger: Any = CronTrigger(**dict(zip(names, fields, strict=True)), timezone=zone)

    def after(self, milliseconds: int) -> int:
        """Return the first time after a point in time."""
        after = datetime.fromtimestamp(milliseconds / 1000, UTC)
        at = after
        while True:
            at += timedelta(milliseconds=1)
            fire_time: datetime | None = self._trigger.get_next_fire_time(None, at)
            if fire_time is None:
                raise ValueError("it never occurs again")
            at = fire_time.astimezone(UTC)
            # Skip the second of two equal local times, and times before the point in time.
            if at > after and fire_time.fold == 0:
                return int(at.timestamp() * 1000)

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after` and not after `until`."""
        for window in _WINDOWS_MS:
            # The shortest window first: there may be a year of minutes between the two.
            start = max(after, until - window)
            last = None
            at = self.after(start)
            while at <= until:
                last, at = at, self.after(at)
            if last is not None or start == after:
                return last
        return None


def times_of(task: Task) -> Times:
    """Return the times of a recurring task.

    Raises:
        ValueError: They are invalid.
    """
    if task.every is not None:
        return Every(task.every)
    return Cron(task.cron or "", task.timezone)


def schedule_error(task: Task) -> str | None:
    """Return the error in the times of a task, or `None`."""
    try:
        times_of(task).after(0)
    except ValueError as error:
        return f"cron = {task.cron!r}: {error}"
    return None
