"""Pages by cursor: stable, without a total, and with cursors that are not trusted."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tortoise.functions import Count

from actionhero import Action, InvalidInput
from actionhero.testing import running_app
from actionhero_db import CursorPage, plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MODELS = """
from enum import Enum, IntEnum
from tortoise import fields
from tortoise.models import Model

class Color(Enum):
    RED = "red"
    BLUE = "blue"

class Size(IntEnum):
    SMALL = 1
    LARGE = 2

class Item(Model):
    id = fields.IntField(primary_key=True)
    rank = fields.IntField()
    name = fields.CharField(max_length=100, unique=True)
    at = fields.DatetimeField()
    key = fields.UUIDField()
    price = fields.DecimalField(max_digits=6, decimal_places=2)
    ratio = fields.FloatField()
    color = fields.CharEnumField(Color)
    size = fields.IntEnumField(Size)
    sold = fields.BooleanField()
    day = fields.DateField()
    note = fields.TextField(null=True)
    owner = fields.ForeignKeyField("LABEL.Owner", null=True)

class Owner(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=100)

class Entry(Model):
    id = fields.IntField(primary_key=True)
    rank = fields.IntField()

    class Meta:
        ordering = ["-rank"]
"""
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
COUNT = 11


@dataclass
class ItemRow:
    id: int


@pytest.fixture
async def shop(models_plugin: Callable[[str], Any], each_url: str) -> AsyncIterator[Any]:
    """Return the module of the models of an application with eleven items; many are equal."""
    models = models_plugin(MODELS)
    module = models.module
    async with running_app(plugin, models, environ={"DATABASE_URL": each_url}):
        for number in range(COUNT):
            await add(module, number)
        yield module


async def add(shop: Any, number: int) -> Any:
    return await shop.Item.create(
        rank=number % 3,
        name=f"näme {number:02}",
        at=NOW + timedelta(microseconds=number // 2),
        key=UUID(int=number % 4),
        price=Decimal(number % 5) / 4,
        ratio=(number % 4) / 3,
        color=shop.Color.RED if number % 3 else shop.Color.BLUE,
        size=shop.Size.SMALL if number % 2 else shop.Size.LARGE,
        sold=number % 3 == 0,
        day=NOW.date() + timedelta(days=number % 3),
    )


async def read(query: Any, *, rows: bool, limit: int = 3, key: str = "next") -> list[list[int]]:
    """Return the ids of all pages, from the first or, with `previous`, back from the last."""
    pages: list[list[int]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = CursorPage(cursor=cursor, limit=limit)
        found, pagination = await (page.fetch_rows(query, ItemRow) if rows else page.fetch(query))
        pages.append([item.id for item in found])
        cursor = pagination[key]  # type: ignore[literal-required]
        assert len(pages) < 50
    return pages


@pytest.mark.parametrize("rows", [True, False], ids=["rows", "models"])
@pytest.mark.parametrize(
    "order",
    [
        [],
        ["-id"],
        ["name"],
        ["rank"],
        ["-rank"],
        ["rank", "-at"],
        ["-at", "rank", "id"],
        ["key", "-id"],
        ["-price"],
        ["ratio", "-price", "key"],
        ["color", "-size"],
        ["-sold", "day"],
    ],
    ids=str,
)
async def test_pages_contain_each_row_once_in_order(
    shop: Any, order: list[str], rows: bool
) -> None:
    """Forward and back, with equal values and in mixed directions."""
    query = shop.Item.all().order_by(*order)
    descending = bool(order) and order[-1].startswith("-")
    complete = [*order, "-id" if descending else "id"] if "id" not in str(order) else order
    expected = [item.id for item in await shop.Item.all().order_by(*complete)]

    pages = await read(query, rows=rows)

    assert [id for page in pages for id in page] == expected
    assert [len(page) for page in pages] == [3, 3, 3, 2]


@pytest.mark.parametrize("rows", [True, False], ids=["rows", "models"])
async def test_the_previous_page_is_the_one_before(shop: Any, rows: bool) -> None:
    """Its rows are in the order of the list; the first page has none before it."""
    query = shop.Item.filter(id__gt=0).order_by("-rank")
    ids = [item.id for item in await shop.Item.all().order_by("-rank", "-id")]

    async def page(cursor: str | None) -> tuple[list[int], Any]:
        inputs = CursorPage(cursor=cursor, limit=4)
        found, pagination = await (
            inputs.fetch_rows(query, ItemRow) if rows else inputs.fetch(query)
        )
        return [item.id for item in found], pagination

    first, one = await page(None)
    second, two = await page(one["next"])
    third, three = await page(two["next"])
    back, four = await page(three["previous"])
    start, five = await page(four["previous"])
    forward, _ = await page(five["next"])

    assert [first, second, third] == [ids[:4], ids[4:8], ids[8:]]
    assert [back, start, forward] == [second, first, second]
    assert (one["previous"], three["next"], five["previous"]) == (None, None, None)
    assert one["limit"] == 4


async def test_concurrent_changes_move_no_other_row(shop: Any) -> None:
    """Rows that are added before the position, and the deleted row of the cursor itself."""
    query = shop.Item.all().order_by("-id")
    first, pagination = await CursorPage(limit=3).fetch(query)
    await add(shop, 99)
    await first[-1].delete()

    second, _ = await CursorPage(limit=3, cursor=pagination["next"]).fetch(query)

    assert [item.id for item in second] == [8, 7, 6]


async def test_a_page_without_rows_has_no_neighbours(shop: Any) -> None:
    """The list is empty, or all rows behind the cursor were deleted."""
    query = shop.Item.all().order_by("id")
    _, pagination = await CursorPage(limit=3).fetch(query)
    await shop.Item.filter(id__gt=3).delete()

    for cursor, rows in ((pagination["next"], query), (None, shop.Item.filter(id=0))):
        found, empty = await CursorPage(cursor=cursor).fetch_rows(rows, ItemRow)
        assert (found, empty) == ([], {"limit": 10, "next": None, "previous": None})


async def test_the_default_order_of_a_model_is_used(shop: Any) -> None:
    """It is completed by the primary key, in the same direction."""
    for rank in (1, 2, 1):
        await shop.Entry.create(rank=rank)

    assert await read(shop.Entry.all(), rows=True, limit=1) == [[2], [3], [1]]


@pytest.mark.parametrize(
    "query",
    [
        lambda item: item.all().order_by("note"),
        lambda item: item.all().order_by("owner__name"),
        lambda item: item.all().order_by("owner_id"),
        lambda item: item.annotate(n=Count("id")).order_by("n"),
    ],
)
async def test_orders_without_a_position_are_refused(shop: Any, query: Any) -> None:
    """Nothing is greater than null, and another table has no column of this one."""
    with pytest.raises(TypeError, match=r"a CursorPage of Item cannot be ordered by '\w+'; order"):
        await CursorPage().fetch(query(shop.Item))


def encoded(*content: Any) -> str:
    text = json.dumps(content[0] if len(content) == 1 else content)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("order", "cursor"),
    [
        ("id", ""),
        ("id", "%%%"),
        ("id", "a"),
        ("id", "näme"),
        ("id", base64.urlsafe_b64encode(b"\xff\xfe").decode()),
        ("id", base64.urlsafe_b64encode(b"[" * 9000).decode()),
        ("id", base64.urlsafe_b64encode(b'["n","id",' + b"9" * 5000 + b"]").decode()),
        ("id", base64.urlsafe_b64encode(b'["n","id",NaN]').decode()),
        ("id", encoded({"a": 1})),
        ("id", encoded([])),
        ("id", encoded(7)),
        ("id", encoded("n", "id")),
        ("id", encoded("n", "id", 1, 2)),
        ("id", encoded("x", "id", 1)),
        ("id", encoded([], "id", 1)),
        ("id", encoded({}, "id", 1)),
        ("id", encoded("n", "-id", 1)),
        ("id", encoded("n", "name", "a")),
        ("id", encoded("n", "id", None)),
        ("id", encoded("n", "id", True)),
        ("id", encoded("n", "id", "x")),
        ("id", encoded("n", "id", [1])),
        ("id", encoded("n", "id", 1.5)),
        ("id", encoded("n", "id", 2**31)),
        ("id", encoded("n", "id", 2**64)),
        ("id", encoded("n", "id", 10**400)),
        ("name", encoded("n", "name", "a\x00")),
        ("name", encoded("n", "name", "\ud800")),
        ("name", encoded("n", "name", 7)),
        ("at", encoded("n", "at,id", "yesterday", 1)),
        ("at", encoded("n", "at,id", "2026-01-01", True)),
        ("at", encoded("n", "at,id", 10**30, 1)),
        ("key", encoded("n", "key,id", "no uuid", 1)),
        ("price", encoded("n", "price,id", "NaN", 1)),
        ("color", encoded("n", "color,id", "green", 1)),
        ("sold", encoded("n", "sold,id", "true", 1)),
        ("day", encoded("n", "day,id", "9999999-01-01", 1)),
        ("price", encoded("n", "price,id", "Infinity", 1)),
        ("ratio", base64.urlsafe_b64encode(b'["n","ratio,id",Infinity,1]').decode()),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_invalid_cursors_are_input_errors(shop: Any, order: str, cursor: str) -> None:
    """The error names the field; nothing reaches the database."""
    query = shop.Item.all().order_by(order)
    for page in (CursorPage(cursor=cursor), CursorPage.model_construct(cursor=cursor, limit=3)):
        with pytest.raises(InvalidInput) as raised:
            await page.fetch_rows(query, ItemRow)

        error = raised.value
        assert str(error) == "Input should be a cursor from 'next' or 'previous' of this list"
        assert (error.key, error.value) == ("cursor", cursor)
        assert [problem.pointer for problem in error.problems] == ["/cursor"]


async def test_a_cursor_selects_among_the_rows_of_its_query_only(shop: Any) -> None:
    """A position that a client invents skips rows, and reveals none."""
    query = shop.Item.filter(rank=1).order_by("id")

    found, _ = await CursorPage(cursor=encoded("n", "id", -5), limit=100).fetch(query)

    assert {item.rank for item in found} == {1}


async def test_cursors_are_inputs_of_actions(people: Any) -> None:
    """They are texts that need no quoting in a URL."""

    class ListPeople(Action):
        name = "people"

        async def run(self, inputs: CursorPage) -> Any:
            rows, pagination = await inputs.fetch_rows(people.Person.all(), ItemRow)
            return {"ids": [row.id for row in rows], **pagination}

    async with running_app(plugin, people, ListPeople) as app:
        for number in range(3):
            await people.Person.create(email=f"{number}@example.org")
        first = await app.call("people", limit=2)
        second = await app.call("people", limit=2, cursor=first["next"])

        assert (first["ids"], second["ids"], second["next"]) == ([1, 2], [3], None)
        assert first["next"].replace("-", "").replace("_", "").isalnum()
        with pytest.raises(InvalidInput):
            await app.call("people", cursor="nonsense")


async def test_the_sql_of_each_direction_is_built_once(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cursor changes the parameters only."""
    from actionhero_db import prepared_query

    built: list[Any] = []
    build: Callable[..., Any] = prepared_query._build

    def counted(*arguments: Any) -> Any:
        built.append(arguments)
        return build(*arguments)

    monkeypatch.setattr(prepared_query, "_build", counted)

    pages = await read(shop.Item.all().order_by("-rank", "id"), rows=True, limit=2)

    assert (len(pages), len(built)) == (6, 2)
