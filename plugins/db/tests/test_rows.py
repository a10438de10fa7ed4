"""Rows of queries: typed, without instances of models, with SQL that is built once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel
from tortoise.expressions import Q
from tortoise.functions import Count

from actionhero.testing import running_app
from actionhero_db import Column, fetch_rows, plugin, prepared_query
from actionhero_db.page import Page
from actionhero_db.prepared_query import prepare_count, prepare_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

MODELS = """
from enum import Enum
from tortoise import fields
from tortoise.models import Model

class Color(Enum):
    RED = "red"

class Author(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=100, source_field="full_name")

class Post(Model):
    id = fields.IntField(primary_key=True)
    title = fields.CharField(max_length=100)
    author = fields.ForeignKeyField("LABEL.Author", null=True)
    at = fields.DatetimeField()
    key = fields.UUIDField()
    price = fields.DecimalField(max_digits=10, decimal_places=2)
    color = fields.CharEnumField(Color)
    data = fields.JSONField()
    pinned = fields.BooleanField(default=False)
    note = fields.TextField(null=True)
    day = fields.DateField(null=True)
"""
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def upper(value: str) -> str:
    return value.upper()


class PostRow(TypedDict):
    id: int
    title: str
    author_name: Annotated[str | None, Column("author__name")]
    heading: NotRequired[Annotated[str, Column("title", upper)]]


class WholeRow(TypedDict):
    id: int
    at: datetime
    key: UUID
    price: Decimal
    color: Any
    data: Any
    pinned: bool
    note: Annotated[str | None, Column("note", upper)]
    day: Any
    author_id: int | None


@dataclass
class PostData:
    id: int
    title: str
    kind: ClassVar[str] = "post"


class PostTuple(NamedTuple):
    title: str
    id: int


class PostModel(BaseModel):
    model_config = {"extra": "forbid"}

    id: int
    title: str


@pytest.fixture
async def blog(models_plugin: Callable[[str], Any], each_url: str) -> AsyncIterator[Any]:
    """Return the module of the models of an application with three posts."""
    models = models_plugin(MODELS)
    module = models.module
    async with running_app(plugin, models, environ={"DATABASE_URL": each_url}):
        ada = await module.Author.create(name="Ada")
        for number in range(3):
            await module.Post.create(
                title=f"post {number}",
                author=ada if number else None,
                at=NOW,
                key=UUID(int=number),
                price=Decimal("1.50"),
                color=module.Color.RED,
                data={"n": number},
                pinned=number == 1,
                note="a" if number else None,
            )
        yield module


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with the SQL of each query that is built."""
    queries: list[str] = []
    build = prepared_query._build

    def counted(*arguments: Any) -> Any:
        prepared, parameters = build(*arguments)
        queries.append(prepared.sql)
        return prepared, parameters

    monkeypatch.setattr(prepared_query, "_build", counted)
    return queries


async def test_rows_are_typed_dictionaries_with_joined_columns(blog: Any) -> None:
    """Converted values, columns of relations, and a column that is read twice."""
    rows = await fetch_rows(blog.Post.all().order_by("-id").limit(2), PostRow)
    first = await fetch_rows(blog.Post.filter(id=1), PostRow)

    assert rows == [
        {"id": 3, "title": "post 2", "author_name": "Ada", "heading": "POST 2"},
        {"id": 2, "title": "post 1", "author_name": "Ada", "heading": "POST 1"},
    ]
    assert first[0]["author_name"] is None


async def test_values_are_those_of_the_models(blog: Any) -> None:
    """Every type of column, on each database, the first time and from prepared SQL."""
    for _ in range(2):
        rows = await fetch_rows(blog.Post.all().order_by("id"), WholeRow)

        models = await blog.Post.all().order_by("id")
        assert rows == [
            {
                name: getattr(post, name).upper()
                if name == "note" and post.note
                else getattr(post, name)
                for name in WholeRow.__annotations__
            }
            for post in models
        ]
        assert {name: type(value) for name, value in rows[1].items()} == {
            name: type(getattr(models[1], name)) for name in WholeRow.__annotations__
        }


@pytest.mark.parametrize("row_type", [PostData, PostTuple, PostModel])
async def test_rows_are_instances_of_other_types(blog: Any, row_type: Any) -> None:
    """Dataclasses, named tuples and pydantic models."""
    [row] = await fetch_rows(blog.Post.filter(id=2), row_type)

    assert isinstance(row, row_type)
    assert (row.id, row.title) == (2, "post 1")


@pytest.mark.parametrize(
    "queries",
    [
        lambda post: [post.all(), post.all()],
        lambda post: [post.filter(id=1), post.filter(id=2)],
        lambda post: [post.filter(title="post 1", id__gt=n).order_by("-at", "id") for n in (0, 1)],
        lambda post: [post.filter(Q(id__lt=a) | Q(pinned=b, id=c)) for a, b, c in
                      ((2, True, 3), (3, False, 1))],
        lambda post: [post.exclude(id__gte=a).exclude(title=b) for a, b in
                      ((3, "post 0"), (2, "post 1"))],
        lambda post: [post.filter(at__lte=NOW, key=UUID(int=n), price=Decimal("1.5"), author_id=1)
                      for n in (1, 2)],
    ],
)  # fmt: skip
async def test_the_sql_of_a_shape_is_built_once(blog: Any, built: list[str], queries: Any) -> None:
    """Values become parameters, in the order of the conditions."""
    for query in queries(blog.Post):
        rows = await fetch_rows(query, PostData)

        expected = await query.values("id", "title")
        assert [(row.id, row.title) for row in rows] == [(e["id"], e["title"]) for e in expected]

    assert len(built) == 1


@pytest.mark.parametrize(
    "query",
    [
        lambda post: post.filter(title__icontains="POST 1"),
        lambda post: post.filter(id__in=[1, 2]),
        lambda post: post.filter(note=None),
        lambda post: post.filter(note__isnull=True),
        lambda post: post.filter(author__name="Ada"),
        lambda post: post.filter(id__not=1),
        lambda post: post.all().distinct(),
        lambda post: post.annotate(n=Count("id")).filter(n=1),
        lambda post: post.filter(data={"n": 1}),
    ],
)
async def test_other_queries_are_built_each_time(blog: Any, built: list[str], query: Any) -> None:
    """They return the same rows as Tortoise."""
    for _ in range(2):
        rows = await fetch_rows(query(blog.Post).order_by("id"), PostData)

        expected = await query(blog.Post).order_by("id").values("id", "title")
        assert [(row.id, row.title) for row in rows] == [(e["id"], e["title"]) for e in expected]

    assert len(built) == 2


async def test_the_type_of_a_value_belongs_to_the_shape(blog: Any, built: list[str]) -> None:
    """`None` is another operator, and the rows of one are not those of the other."""
    some = await fetch_rows(blog.Post.filter(note="a"), PostData)
    none = await fetch_rows(blog.Post.filter(note=None), PostData)
    again = await fetch_rows(blog.Post.filter(note="b"), PostData)

    assert [len(rows) for rows in (some, none, again)] == [2, 1, 0]
    assert len(built) == 2


async def test_limits_and_offsets_are_parameters(blog: Any, built: list[str]) -> None:
    """A limit of zero returns no rows."""
    query = blog.Post.all().order_by("id")

    pages = [await fetch_rows(query.limit(n).offset(m), PostData) for n, m in ((1, 1), (2, 1))]
    none = await fetch_rows(query.limit(0), PostData)

    assert [[row.id for row in page] for page in pages] == [[2], [2, 3]]
    assert none == []
    assert len(built) == 1


async def test_the_prepared_queries_are_limited(
    blog: Any, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that clients choose fills no memory."""
    monkeypatch.setattr(prepared_query, "_prepared", {})
    monkeypatch.setattr(prepared_query, "_MAX_PREPARED", 2)

    for order in ("id", "-id", "title", "-title"):
        await fetch_rows(blog.Post.all().order_by(order), PostData)

    assert len(prepared_query._prepared) == 2


async def test_pages_contain_rows(blog: Any, built: list[str]) -> None:
    """With the same pagination as `fetch`."""
    query = blog.Post.all().order_by("-id")
    for number in (1, 2, 3, 2**60):
        page = Page(page=number, limit=2)

        rows, pagination = await page.fetch_rows(query, PostData)

        models, expected = await page.fetch(query)
        assert pagination == expected
        assert [row.id for row in rows] == [model.id for model in models]
        assert (pagination["total"], pagination["pages"]) == (3, 2)


async def test_a_page_of_a_simple_query_is_one_statement(
    blog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The total is part of it, with the same conditions."""
    client = blog.Post._meta.db
    statements: list[str] = []
    run = type(client).execute_query

    async def counted(self: Any, query: str, values: Any = None) -> Any:
        statements.append(query)
        return await run(self, query, values)

    monkeypatch.setattr(type(client), "execute_query", counted)
    simple = blog.Post.filter(id__lt=3, title__gte="post").order_by("-id")
    annotated = blog.Post.annotate(n=Count("id")).filter(n=1).order_by("id")
    none = blog.Post.annotate(n=Count("id")).filter(n=7).order_by("id")
    pages = [
        await Page(limit=1, page=number).fetch_rows(query, PostData)
        for query, number in ((simple, 1), (simple, 2), (simple, 9), (annotated, 2), (none, 1))
    ]

    assert [([row.id for row in rows], p["total"]) for rows, p in pages] == [
        ([2], 2),
        ([1], 2),
        ([], 2),
        ([2], 3),
        ([], 0),
    ]
    assert len(statements) == 1 + 1 + 2 + 2 + 2


async def test_the_total_of_a_limited_query_is_limited(blog: Any) -> None:
    """As with `count` of Tortoise."""
    _, pagination = await Page().fetch_rows(blog.Post.all().limit(2), PostData)

    assert pagination["total"] == 2


@dataclass
class Unknown:
    subject: str


@dataclass
class Relation:
    author: str


class Empty:
    pass


class Unresolved(TypedDict):
    at: Sequence[int]


@pytest.mark.parametrize(
    ("row_type", "message"),
    [
        (Unknown, "the fields 'subject' cannot be read from Post: Unknown field \"subject\""),
        (Relation, "the fields 'author' cannot be read from Post: Selecting relation"),
        (Empty, "Empty has no annotated fields; use a TypedDict"),
        (Unresolved, "the annotations of Unresolved cannot be evaluated: name 'Sequence' is not"),
    ],
)
async def test_types_that_do_not_fit_are_refused(blog: Any, row_type: Any, message: str) -> None:
    """The error names the type or the field, and the remedy."""
    with pytest.raises(TypeError) as raised:
        await fetch_rows(blog.Post.all(), row_type)

    assert str(raised.value).startswith(message)


async def test_locks_and_prefetched_relations_are_refused(blog: Any, each_url: str) -> None:
    """Without models, they would have no effect."""
    queries = [blog.Post.all().prefetch_related("author")]
    if each_url.startswith("postgres"):
        queries.append(blog.Post.all().select_for_update())

    for query in queries:
        with pytest.raises(TypeError, match="rows cannot be locked or have prefetched relations"):
            await fetch_rows(query, PostData)


async def test_the_parts_of_a_query_are_those_of_tortoise(blog: Any) -> None:
    """A part that an upgrade adds is not covered, so its queries are built each time."""
    assert {slot for slot in prepared_query._OTHERS if slot.startswith("_select_for_update")} == {
        f"_select_for_update{suffix}"
        for suffix in ("", "_nowait", "_skip_locked", "_of", "_no_key")
    }
    query = blog.Post.filter(id=1).filter(title="a").limit(5)
    _, parameters = prepare_rows(query, {"id": "id"}, 5, 7)

    assert parameters == [1, "a", 5, 7]
    assert prepare_count(query)[1] == [1, "a"]
