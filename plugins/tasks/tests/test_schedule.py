"""When an action that recurs is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actionhero_tasks import Task
from actionhero_tasks.schedule import Cron, Every, fault_in


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


def next_times(times: Any, after: int, count: int) -> list[str]:
    found = []
    for _ in range(count):
        after = times.after(after)
        found.append(datetime.fromtimestamp(after / 1000, UTC).strftime("%d %H:%M"))
    return found


def test_times_with_one_distance_are_the_same_on_every_machine() -> None:
    """Counted from the epoch, and not from when a process began."""
    times = Every(timedelta(minutes=15))

    assert times.after(ms(2026, 5, 1, 8, 1)) == ms(2026, 5, 1, 8, 15)
    assert times.after(ms(2026, 5, 1, 8, 15)) == ms(2026, 5, 1, 8, 30)


def test_the_last_time_that_was_missed_is_found() -> None:
    """However long it is ago; none, if there was none."""
    every, cron = Every(timedelta(seconds=1)), Cron("0 8 * * mon", "UTC")
    monday = ms(2026, 5, 4, 8)

    assert every.last_until(0, monday + 500) == monday
    assert cron.last_until(ms(2020, 1, 1), monday + 3 * 86_400_000) == monday
    assert cron.last_until(monday, monday + 86_400_000) is None
    assert every.last_until(monday, monday + 999) is None


def test_a_time_that_the_clock_skips_comes_all_the_same() -> None:
    """In Lisbon it is 02:00 right after 00:59, on the last Sunday of March: it is 02:30 then."""
    times = Cron("30 1 * * *", "Europe/Lisbon")

    assert next_times(times, ms(2026, 3, 28, 0), 3) == ["28 01:30", "29 01:30", "30 00:30"]


def test_a_time_that_the_clock_shows_twice_comes_once() -> None:
    """In Lisbon it is 01:30 twice on the last Sunday of October; the first counts."""
    times = Cron("30 1 * * *", "Europe/Lisbon")

    assert next_times(times, ms(2026, 10, 24, 12), 2) == ["25 00:30", "26 01:30"]


@pytest.mark.parametrize(
    ("cron", "timezone", "message"),
    [
        ("* * *", "UTC", "it has 3 fields; there are five"),
        ("0 8 * * 1", "UTC", "write days of the week by name"),
        ("99 8 * * *", "UTC", "99"),
        ("0 8 * * *", "Moon/Base", "'Moon/Base' is no time zone"),
        ("0 8 31 2 *", "UTC", "it never comes again"),
    ],
)
def test_times_that_make_no_sense_are_told(cron: str, timezone: str, message: str) -> None:
    """With the line as it was written."""
    fault = fault_in(Task(cron=cron, timezone=timezone))

    assert fault is not None
    assert fault.startswith(f"cron = {cron!r}: ")
    assert message in fault
