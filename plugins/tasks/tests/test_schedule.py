"""The times of recurring actions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actionhero_tasks import Task
from actionhero_tasks.cron import Cron
from actionhero_tasks.schedule import Every, schedule_error


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


def next_times(times: Any, after: int, count: int) -> list[str]:
    texts = []
    for _ in range(count):
        after = times.after(after)
        texts.append(datetime.fromtimestamp(after / 1000, UTC).strftime("%d %H:%M"))
    return texts


def test_intervals_are_counted_from_the_epoch() -> None:
    """And so are equal in every process."""
    times = Every(timedelta(minutes=15))

    assert times.after(ms(2026, 5, 1, 8, 1)) == ms(2026, 5, 1, 8, 15)
    assert times.after(ms(2026, 5, 1, 8, 15)) == ms(2026, 5, 1, 8, 30)


def test_the_last_missed_time_is_returned() -> None:
    """However long ago it was; `None` if no time was missed."""
    every, cron = Every(timedelta(seconds=1)), Cron("0 8 * * mon", "UTC")
    monday = ms(2026, 5, 4, 8)

    assert every.last_until(0, monday + 500) == monday
    assert cron.last_until(ms(2020, 1, 1), monday + 3 * 86_400_000) == monday
    assert cron.last_until(monday, monday + 86_400_000) is None
    assert every.last_until(monday, monday + 999) is None


def test_a_local_time_skipped_by_daylight_saving_time_is_replaced() -> None:
    """On the last Sunday of March 02:00 follows 00:59 in Lisbon: the job runs at 02:30."""
    times = Cron("30 1 * * *", "Europe/Lisbon")

    assert next_times(times, ms(2026, 3, 28, 0), 3) == ["28 01:30", "29 01:30", "30 00:30"]


def test_a_local_time_that_occurs_twice_counts_once() -> None:
    """01:30 occurs twice on the last Sunday of October in Lisbon; the first counts."""
    times = Cron("30 1 * * *", "Europe/Lisbon")

    assert next_times(times, ms(2026, 10, 24, 12), 2) == ["25 00:30", "26 01:30"]


@pytest.mark.parametrize(
    ("cron", "timezone", "message"),
    [
        ("* * *", "UTC", "it has 3 fields, and requires five"),
        ("0 8 * * 1", "UTC", "write days of the week by name"),
        ("99 8 * * *", "UTC", "99"),
        ("0 8 * * *", "Moon/Base", "unknown time zone 'Moon/Base'"),
        ("0 8 31 2 *", "UTC", "it never occurs again"),
    ],
)
def test_invalid_times_are_reported(cron: str, timezone: str, message: str) -> None:
    """With the expression."""
    error = schedule_error(Task(cron=cron, timezone=timezone))

    assert error is not None
    assert error.startswith(f"cron = {cron!r}: ")
    assert message in error
