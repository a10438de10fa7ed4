"""Dates and times: filters on their parts, time zones, and times of day."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg  # type: ignore[import-untyped]
import pytest
import tortoise.filters
from pypika_tortoise.enums import DatePart

from actionhero.testing import running_app
from actionhero_db import plugin
from actionhero_db.backends import date_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MODELS = """
from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Event(Model):
    id = fields.IntField(primary_key=True)
    at = fields.DatetimeField()
    day = fields.DateField()
    clock = fields.TimeField(null=True)
"""
EAST = datetime.timezone(datetime.timedelta(hours=14))
WEST = datetime.timezone(datetime.timedelta(hours=-11, minutes=-30))
#: Days around the ends of ISO years, leap days, and times that are on another day in UTC.
MOMENTS = [
    datetime.datetime(2020, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
    datetime.datetime(2021, 1, 1, 0, 0, tzinfo=datetime.UTC),
    datetime.datetime(2021, 1, 3, 23, 0, tzinfo=datetime.UTC),
    datetime.datetime(2021, 1, 4, 1, 2, 3, tzinfo=datetime.UTC),
    datetime.datetime(2024, 2, 29, 12, 30, 1, 500, tzinfo=datetime.UTC),
    datetime.datetime(2024, 12, 30, 6, 7, 8, 500000, tzinfo=datetime.UTC),
    datetime.datetime(2025, 1, 1, 9, 30, tzinfo=EAST),
    datetime.datetime(2024, 6, 30, 20, 30, 59, tzinfo=WEST),
    datetime.datetime(1969, 7, 20, 20, 17, 40, tzinfo=datetime.UTC),
]


def parts_of(moment: datetime.datetime) -> dict[str, Any]:
    """Return the parts of a moment as PostgreSQL extracts them, in UTC."""
    moment = moment.astimezone(datetime.UTC)
    microsecond = moment.second * 1_000_000 + moment.microsecond
    return {
        "year": moment.year,
        "quarter": (moment.month + 2) // 3,
        "month": moment.month,
        "week": moment.isocalendar().week,
        "day": moment.day,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": Decimal(microsecond) / 1_000_000 if moment.microsecond else moment.second,
        "microsecond": microsecond,
    }


@pytest.fixture
async def events(models_plugin: Callable[[str], Any], each_url: str) -> AsyncIterator[Any]:
    """Return the model of events, with one for each moment."""
    models = models_plugin(MODELS)
    if each_url.startswith("postgres"):
        # Otherwise that of the machine.
        connection = await asyncpg.connect(each_url)
        name = each_url.rpartition("/")[2]
        await connection.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'UTC'")
        await connection.close()
    async with running_app(plugin, models, environ={"DATABASE_URL": each_url}):
        for moment in MOMENTS:
            day = moment.astimezone(datetime.UTC).date()
            await models.module.Event.create(at=moment, day=day)
        yield models.module.Event


@pytest.mark.parametrize("part", [part.name for part in DatePart])
async def test_a_part_of_a_time_is_that_of_postgresql(events: Any, part: str) -> None:
    """Each moment is matched by the values of its own parts only."""
    expected = {moment: parts_of(moment)[part] for moment in MOMENTS}

    for value in set(expected.values()):
        matches = await events.filter(**{f"at__{part}": value}).values_list("at", flat=True)

        assert set(matches) == {moment for moment, own in expected.items() if own == value}


@pytest.mark.parametrize("part", ["year", "quarter", "month", "week", "day"])
async def test_a_part_of_a_day_is_that_of_postgresql(events: Any, part: str) -> None:
    """A date has no time zone."""
    expected = [(m.astimezone(datetime.UTC).date(), parts_of(m)[part]) for m in MOMENTS]

    for value in {own for _, own in expected}:
        matches = await events.filter(**{f"day__{part}": value}).values_list("day", flat=True)

        assert sorted(matches) == sorted(day for day, own in expected if own == value)


async def test_parts_can_be_negated_combined_and_compared_with_texts(events: Any) -> None:
    """As every other filter."""
    leap_days = events.filter(at__year="2024", at__month=2, at__day=29.0)

    assert await leap_days.count() == 1
    assert await events.exclude(at__year=2024).count() == 5
    assert await events.filter(at__year=2024).filter(day__quarter=4).count() == 2


def test_every_filter_of_tortoise_on_a_part_is_replaced_on_sqlite() -> None:
    """This fails if an upgrade adds a part, or renames one."""
    names = {name for name in dir(tortoise.filters) if name.startswith("extract_")}

    assert names == {f"extract_{part.name}_equal" for part in DatePart}
    assert set(date_parts.SQLITE_FILTERS) == {getattr(tortoise.filters, name) for name in names}


async def test_times_of_another_zone_are_compared_as_moments(events: Any) -> None:
    """SQLite stores texts."""
    moment = MOMENTS[4]

    for zone in (EAST, WEST):
        local = moment.astimezone(zone)
        second = datetime.timedelta(seconds=1)

        assert await events.get(at=local)
        assert await events.filter(at__gt=local - second, at__lt=local + second).count() == 1
        assert await events.filter(at=moment).update(at=local) == 1
        assert await events.filter(at=moment).count() == 1


async def test_times_of_day_are_stored(events: Any) -> None:
    """Tortoise has no adapter for SQLite."""
    clock = datetime.time(9, 30, 15, 250000, tzinfo=datetime.UTC)

    event = await events.create(at=MOMENTS[0], day=MOMENTS[0].date(), clock=clock)

    assert (await events.get(id=event.id)).clock == clock
    assert await events.filter(clock=clock).count() == 1
