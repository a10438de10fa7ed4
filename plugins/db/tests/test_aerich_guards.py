"""With aerich a migration loses no row and no index, or it is refused: every change, with rows."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero_db.migrations.engine import MigrationFailed, MigrationRefused

USER_AND_POST = """
class User(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=20{of_name})
    city = fields.CharField(max_length=20, db_index=True)
    email = fields.CharField(max_length=50, unique=True)
    {more}

    class Meta:
        table = "member"
        unique_together = (("name", "city"),)
        {meta}


class Post(Model):
    id = fields.IntField(primary_key=True)
    user = fields.ForeignKeyField("notes.User", related_name="posts")
    {of_post}

    class Meta:
        table = "post"
"""
#: What the table of users has from the beginning.
FROM_THE_BEGINNING = {("city",), ("email",), ("name", "city")}
ROWS = (
    "INSERT INTO member (name, city, email) VALUES ('Ada', 'London', 'ada@example.org')",
    "INSERT INTO post (user_id) VALUES (1)",
    "INSERT INTO post (user_id) VALUES (1)",
)


def version(*, of_name: str = "", more: str = "", meta: str = "", of_post: str = "") -> str:
    return USER_AND_POST.format(of_name=of_name, more=more, meta=meta, of_post=of_post)


LONGER = version().replace("max_length=20)\n    city", "max_length=99)\n    city")
RENAMED = version().replace("email =", "mail =")
UNRELATED = version(of_post="text = fields.TextField(null=True)").replace(
    'user = fields.ForeignKeyField("notes.User", related_name="posts")', ""
)
FEWER = version().replace("email = fields.CharField(max_length=50, unique=True)", "")


async def begin(notebook: Any) -> None:
    """Have the first version, with one user and two posts of theirs."""
    await make(notebook, version(), "init")
    await migrate(notebook)
    for row in ROWS:
        await notebook.run(row)


async def make(notebook: Any, models: str, name: str) -> Any:
    notebook.write(models)
    return await notebook.engine(migrations="aerich").make("notes", name)


async def migrate(notebook: Any) -> None:
    await notebook.engine(migrations="aerich").migrate(None, None, lambda _: None)


async def assert_all_is_kept(notebook: Any, indexes: set[tuple[str, ...]]) -> None:
    assert await notebook.count("member") == 1
    assert await notebook.count("post") == 2
    assert await notebook.indexes("member") == indexes


@pytest.mark.parametrize(
    ("models", "indexes"),
    [
        (version(more="ok = fields.BooleanField(default=True)"), FROM_THE_BEGINNING),
        (version(more="nick = fields.CharField(max_length=9, null=True)"), FROM_THE_BEGINNING),
        (
            version(more="nick = fields.CharField(max_length=9, null=True, db_index=True)"),
            FROM_THE_BEGINNING | {("nick",)},
        ),
        (
            version(more="nick = fields.CharField(max_length=9, null=True, unique=True)"),
            FROM_THE_BEGINNING | {("nick",)},
        ),
        (version(of_name=", db_index=True"), FROM_THE_BEGINNING | {("name",)}),
        (version().replace(", db_index=True", ""), FROM_THE_BEGINNING - {("city",)}),
        (
            version(meta='indexes = [Index(fields=["city", "email"])]'),
            FROM_THE_BEGINNING | {("city", "email")},
        ),
        (RENAMED, {("city",), ("mail",), ("name", "city")}),
    ],
    ids=[
        "a column with a default",
        "a column that may be null",
        "a column with an index",
        "a unique column",
        "an index on a column",
        "an index less",
        "an index on two columns",
        "a column of another name",
    ],
)
async def test_a_change_keeps_rows_and_indexes(
    notebook: Any, models: str, indexes: set[tuple[str, ...]]
) -> None:
    """On both databases, as the other engine does."""
    await begin(notebook)

    await make(notebook, models, "change")
    await migrate(notebook)

    await assert_all_is_kept(notebook, indexes)


@pytest.mark.parametrize(
    ("models", "indexes"),
    [
        (LONGER, FROM_THE_BEGINNING),
        (version(of_name=", null=True"), FROM_THE_BEGINNING),
        (UNRELATED, FROM_THE_BEGINNING),
        (FEWER, FROM_THE_BEGINNING - {("email",)}),
    ],
    ids=["a longer text", "a column that may be null", "no foreign key", "a column less"],
)
async def test_postgresql_takes_what_sqlite_does_not(
    postgres_notebook: Any, models: str, indexes: set[tuple[str, ...]]
) -> None:
    """A column is changed or dropped, and nothing else with it."""
    await begin(postgres_notebook)

    await make(postgres_notebook, models, "change")
    await migrate(postgres_notebook)

    await assert_all_is_kept(postgres_notebook, indexes)


@pytest.mark.parametrize(
    "models",
    [LONGER, version(of_name=", null=True"), UNRELATED],
    ids=["a longer text", "a column that may be null", "no foreign key"],
)
async def test_what_aerich_cannot_do_on_sqlite_is_refused_before_it_is_written(
    sqlite_notebook: Any, models: str
) -> None:
    """The message names the engine that can."""
    await begin(sqlite_notebook)
    files = set(sqlite_notebook.migrations.rglob("*.py"))

    with pytest.raises(MigrationRefused, match=r"sqlite.*; use the engine tortoise, which can"):
        await make(sqlite_notebook, models, "change")

    assert set(sqlite_notebook.migrations.rglob("*.py")) == files
    await assert_all_is_kept(sqlite_notebook, FROM_THE_BEGINNING)


async def test_a_unique_column_that_sqlite_does_not_drop_leaves_all_as_it_was(
    sqlite_notebook: Any,
) -> None:
    """aerich drops its index first; that is undone."""
    await begin(sqlite_notebook)
    await make(sqlite_notebook, FEWER, "change")

    with pytest.raises(
        MigrationFailed, match=r"cannot drop UNIQUE column.* nothing of it was kept"
    ):
        await migrate(sqlite_notebook)

    await assert_all_is_kept(sqlite_notebook, FROM_THE_BEGINNING)


@pytest.mark.parametrize(
    "field",
    [
        "ok = fields.BooleanField(db_default=True)",
        "nick = fields.CharField(max_length=9)",
        'friend = fields.ForeignKeyField("notes.User", related_name="friends")',
    ],
)
async def test_a_column_that_rows_have_no_value_for_is_refused_before_it_is_written(
    notebook: Any, field: str
) -> None:
    """Of the two kinds of defaults aerich knows the other one."""
    await begin(notebook)
    files = set(notebook.migrations.rglob("*.py"))

    with pytest.raises(MigrationRefused) as refused:
        await make(notebook, version(more=field), "change")

    name = field.partition(" ")[0].replace("friend", "friend_id")
    assert str(refused.value) == (
        f"the new column {name!r} must not be null and has no default, so rows that are there "
        "could not be kept; give it default=… (aerich does not know db_default=…), or null=True"
    )
    assert set(notebook.migrations.rglob("*.py")) == files
    await assert_all_is_kept(notebook, FROM_THE_BEGINNING)
