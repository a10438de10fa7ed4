"""`Cron`: the times of a cron expression. APScheduler parses it, and computes dates and hours.

The local times of one date are converted to instants here: APScheduler skips some dates on which
daylight saving time begins at midnight, and holds back every line when it ends.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY: Final = timedelta(days=1)
_HOUR_MS: Final = 3_600_000
#: The periods that are searched for a missed time, from the shortest to the longest.
_WINDOWS_MS: Final = (_HOUR_MS, 48 * _HOUR_MS, 60 * 24 * _HOUR_MS, 5 * 366 * 24 * _HOUR_MS)
#: How many dates keep their instants: those of a check, and of a search for a missed time.
_CACHED_DATES: Final = 64


class Cron:
    """The times of a cron expression in a time zone.

    As in cron(8), a minute or hour that begins with `*` goes by the clock: local times that are
    skipped when daylight saving time begins have no run, and those that occur twice have two.
    Other times occur once per local date: one that is skipped is replaced by the same time in the
    offset before, or in the offset after if that is another date; one that occurs twice counts the
    first time.

    As in crontab(5), a date matches if the day or the day of week matches, unless one of the two
    begins with `*`: then both must match.

    Args:
        expression: Minute, hour, day, month and day of week.
        timezone: The name of a time zone.

    Raises:
        ValueError: The expression or the time zone is invalid.
    """

    def __init__(self, expression: str, timezone: str) -> None:
        fields = expression.split()
        if len(fields) != 5:
            raise ValueError(
                f"it has {len(fields)} fields, and requires five: minute, hour, day, month and "
                "day of week"
            )
        minute, hour, day, month, weekday = fields
        if any(character.isdigit() for character in weekday):
            # 0 is Sunday for cron, and Monday for APScheduler.
            raise ValueError("write days of the week by name: mon, tue, wed, thu, fri, sat, sun")
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"unknown time zone {timezone!r}; write a region and a city, as in 'Europe/Lisbon'"
            ) from error
        if day.startswith("*") or weekday.startswith("*"):
            dates = [{"day": day, "day_of_week": weekday}]
        else:
            dates = [{"day": day}, {"day_of_week": weekday}]
        self._dates = [_trigger(month=month, hour="0", **fields) for fields in dates]
        self._times = _times_of_day(minute, hour)
        self._by_clock = minute.startswith("*") or hour.startswith("*")
        self._cache: dict[date, list[int]] = {}

    def after(self, milliseconds: int) -> int:
        """Return the first time after a point in time."""
        local = datetime.fromtimestamp(milliseconds / 1000, self._zone).date()
        # When the clock is set back across midnight, two dates alternate.
        day = local - _DAY
        while True:
            nearby = [self._first(day + _DAY * number, milliseconds) for number in range(3)]
            times = [time for time in nearby if time is not None]
            if times:
                return min(times)
            # The next date that matches becomes the middle one of the three.
            day = self._next_date(day + _DAY * 3) - _DAY

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

    def _first(self, day: date, after: int) -> int | None:
        """Return the first time of a local date that is after a point in time."""
        times = self._cache.get(day)
        if times is None:
            times = self._times_of_date(day) if self._next_date(day) == day else []
            if len(self._cache) >= _CACHED_DATES:
                self._cache.clear()
            self._cache[day] = times
        index = bisect_right(times, after)
        return times[index] if index < len(times) else None

    def _next_date(self, day: date) -> date:
        """Return the first date from `day` on that matches."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        fire_times = [trigger.get_next_fire_time(None, start) for trigger in self._dates]
        dates: list[date] = [time.date() for time in fire_times if time is not None]
        if not dates:
            raise ValueError("it never occurs again")
        return min(dates)

    def _times_of_date(self, day: date) -> list[int]:
        """Return the times of a local date, which differ in number where its offset changes."""
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local time
        begin = midnight.replace(tzinfo=self._zone)
        end = (midnight + _DAY).replace(tzinfo=self._zone, fold=1)
        if begin.utcoffset() == end.utcoffset():
            base = int(begin.timestamp() * 1000)
            return [base + time // timedelta(milliseconds=1) for time in self._times]
        instants: set[datetime] = set()
        for time in self._times:
            instants |= self._instants(midnight + time)
        return sorted(int(instant.timestamp() * 1000) for instant in instants)

    def _instants(self, local: datetime) -> set[datetime]:
        """Return the instants of a local time on a date on which the offset changes."""
        first, second = (
            local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        localized = [at.astimezone(self._zone).replace(tzinfo=None) for at in (first, second)]
        if localized[0] == local:
            return {first, second} if self._by_clock else {first}
        if self._by_clock:
            return set()
        # `fold=0` has the offset before the change, and `fold=1` the one after it.
        for at, other in zip((first, second), localized, strict=True):
            if other.date() == local.date():
                return {at}
        return set()


def _trigger(**fields: str) -> Any:
    # Most processes have no schedules.
    from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]

    return CronTrigger(**fields, timezone=UTC)


def _times_of_day(minute: str, hour: str) -> list[timedelta]:
    """Return the times of a day that match, in a day without a change of the offset."""
    hours = _values(_trigger(hour=hour), timedelta(hours=1), 24)
    minutes = _values(_trigger(minute=minute), timedelta(minutes=1), 60)
    return [timedelta(hours=one, minutes=other) for one in hours for other in minutes]


def _values(trigger: Any, unit: timedelta, limit: int) -> list[int]:
    """Return the values of a trigger's field below `limit`."""
    start = datetime(2000, 1, 1, tzinfo=UTC)
    values: list[int] = []
    at = trigger.get_next_fire_time(None, start)
    while at is not None and (value := (at - start) // unit) < limit:
        values.append(value)
        at = trigger.get_next_fire_time(None, at + timedelta(milliseconds=1))
    return values
