"""Cron expressions against a walk of the clock, in the time zones of the world, 2020 to 2030."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zlib import crc32
from zoneinfo import ZoneInfo, available_timezones

import pytest

from actionhero_tasks.cron import Cron

BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
#: Lines with a minute or an hour that begins with `*`, which go by the clock.
BY_CLOCK = ["*/5 * * * *", "0 * * * *", "15 */2 * * *", "*/20 0 * * *", "*/30 1,2,23 * * *"]
#: Lines that run once per local date.
ONCE_A_DATE = ["0 0 * * *", "59 0 * * *", "30 1 * * *", "30 2 * * *", "15 23 * * *"]
#: Their midnight does not exist on some dates, or daylight saving time begins before it.
AT_MIDNIGHT = [
    "Africa/Cairo",
    "America/Asuncion",
    "America/Havana",
    "America/Nuuk",
    "America/Santiago",
    "America/Scoresbysund",
    "Asia/Beirut",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Pacific/Easter",
]


def some_zones(share: int) -> list[str]:
    """Return one in `share` time zones, one of each history of offsets."""
    names: dict[tuple[datetime, ...], str] = {}
    for name in sorted(available_timezones()):
        is_alias = name.startswith(("posix/", "right/")) or name in {"localtime", "Factory"}
        if not is_alias and crc32(name.encode()) % share == 0:
            zone = ZoneInfo(name)
            times = [BEGIN, *changes_of(name)]
            names.setdefault(tuple(at + offset_at(at, zone) for at in times), name)
    return list(names.values())


def offset_at(time: datetime, zone: ZoneInfo) -> timedelta:
    offset = time.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


@cache
def changes_of(name: str) -> list[datetime]:
    """Return the minutes from which on the offset of a time zone is another."""
    zone, changes, step = ZoneInfo(name), [], timedelta(hours=6)
    low, offset = BEGIN, offset_at(BEGIN, zone)
    while low < END:
        high = low + step
        if offset_at(high, zone) != offset:
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) // timedelta(minutes=2) * timedelta(minutes=1)
                low, high = (low, middle) if offset_at(middle, zone) != offset else (middle, high)
            changes.append(high)
            offset = offset_at(high, zone)
        low = high
    return changes


def milliseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1000


def times_between(cron: Cron, begin: datetime, end: datetime) -> list[datetime]:
    times, at = [], milliseconds(begin) - 1
    while (at := cron.after(at)) < milliseconds(end):
        times.append(datetime.fromtimestamp(at / 1000, UTC))
    return times


def matches(expression: str, local: datetime) -> bool:
    """Return whether a local time matches the minute and the hour of a line of `BY_CLOCK`."""
    fields = expression.split()[:2]
    return all(
        value % int(field[2:]) == 0
        if field.startswith("*/")
        else field == "*" or value in map(int, field.split(","))
        for field, value in zip(fields, (local.minute, local.hour), strict=True)
    )


def check(zone: str) -> None:
    """Check all lines around every change of the offset of a time zone."""
    zone_info = ZoneInfo(zone)
    crons = {line: Cron(line, zone) for line in BY_CLOCK + ONCE_A_DATE}
    for change in [BEGIN, *changes_of(zone)]:
        begin = change - timedelta(days=2)
        # Every minute of four days.
        instants = [begin + timedelta(minutes=minute) for minute in range(4 * 1440)]
        walk = [(at, at.astimezone(zone_info)) for at in instants]
        end = instants[-1] + timedelta(minutes=1)
        dates = Counter(local.date() for _, local in walk)
        whole_dates = sorted(dates)[1:-1]
        for line in BY_CLOCK:
            expected = [at for at, local in walk if matches(line, local)]
            assert times_between(crons[line], begin, end) == expected, (zone, line, begin)
        for line in ONCE_A_DATE:
            times = times_between(crons[line], begin, end)
            runs = Counter(at.astimezone(zone_info).date() for at in times)
            assert {day: runs[day] for day in whole_dates} == dict.fromkeys(whole_dates, 1), (
                zone,
                line,
                begin,
            )


@pytest.mark.parametrize("zone", AT_MIDNIGHT)
def test_changes_at_midnight_skip_no_date(zone: str) -> None:
    """A fixed time runs once on each local date; other lines go by the clock."""
    check(zone)


@pytest.mark.parametrize(
    "share", [pytest.param(40, id="some"), pytest.param(1, id="all", marks=pytest.mark.soak)]
)
def test_every_time_zone(share: int) -> None:
    """Around each change of its offset."""
    zones = some_zones(share)

    assert len(zones) > 60 / share
    for zone in zones:
        check(zone)


@pytest.mark.parametrize(
    "zones",
    [
        pytest.param(["Africa/Cairo", "America/Scoresbysund"], id="some"),
        pytest.param(None, id="all", marks=pytest.mark.soak),
    ],
)
def test_every_date_has_one_run(zones: list[str] | None) -> None:
    """Of a fixed time, in eleven years."""
    for zone in some_zones(1) if zones is None else zones:
        hour, minute = divmod(crc32(zone.encode()) % 120 - 30, 60)
        cron = Cron(f"{minute} {hour % 24} * * *", zone)
        times = times_between(cron, BEGIN, END)
        dates = [at.astimezone(ZoneInfo(zone)).date() for at in times]
        first = dates[0]

        assert dates == [first + timedelta(days=day) for day in range(len(dates))], zone
        assert len(dates) >= (END - BEGIN).days - 1


def test_a_wildcard_line_does_not_pause_when_daylight_saving_time_ends() -> None:
    """It did for 65 minutes."""
    cron = Cron("*/5 * * * *", "Europe/Lisbon")
    times = times_between(
        cron, datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)
    )

    assert len(times) == 2 * 288


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 8 13 * fri", [2, 9, 13, 16, 23, 30]),
        ("0 8 13 * *", [13]),
        ("0 8 * * fri", [2, 9, 16, 23, 30]),
        ("0 8 */2 * fri", [9, 23]),
        ("0 8 last * mon-tue", [5, 6, 12, 13, 19, 20, 26, 27, 31]),
    ],
)
def test_a_day_or_a_day_of_week_is_enough(line: str, days: list[int]) -> None:
    """As in crontab(5), unless one of the two begins with an asterisk. October 1 is a Thursday."""
    begin, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)

    assert [at.day for at in times_between(Cron(line, "UTC"), begin, end)] == days


def test_the_last_time_until_a_point_in_time_is_one_of_the_times() -> None:
    """Also on dates without a midnight."""
    for line in ONCE_A_DATE:
        cron = Cron(line, "America/Santiago")
        begin, end = datetime(2024, 8, 1, tzinfo=UTC), datetime(2024, 10, 1, tzinfo=UTC)
        times = [milliseconds(at) for at in times_between(cron, begin, end)]
        for at in random.Random(line).sample(range(times[0], times[-1]), 50):
            expected = max(time for time in times if time <= at)
            assert cron.last_until(times[0] - 1, at) == expected


def test_a_date_that_a_time_zone_leaves_out_has_no_run() -> None:
    """Samoa had no December 30 in 2011."""
    cron = Cron("0 12 * * *", "Pacific/Apia")
    begin, end = datetime(2011, 12, 28, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)
    dates = [
        at.astimezone(ZoneInfo("Pacific/Apia")).date() for at in times_between(cron, begin, end)
    ]

    assert dates == [date(2011, 12, day) for day in (28, 29, 31)] + [date(2012, 1, 1)]


@pytest.mark.parametrize("zone", ["Europe", "../etc", "Moon/Base", ""])
def test_names_that_are_no_time_zone_are_refused(zone: str) -> None:
    """Folders of the zone database too."""
    with pytest.raises(ValueError, match="unknown time zone"):
        Cron("0 0 * * *", zone)


def test_time_zones_exist_without_the_zone_database_of_the_system() -> None:
    """The package `tzdata` has them."""
    code = "from actionhero_tasks.cron import Cron; Cron('0 0 * * *', 'Europe/Lisbon').after(0)"
    environ = {**os.environ, "PYTHONTZPATH": ""}

    subprocess.run([sys.executable, "-c", code], env=environ, check=True)
