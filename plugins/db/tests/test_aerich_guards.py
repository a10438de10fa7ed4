"""Migrations of aerich lose no row and no index, or are refused."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero_db.migrations.decisions import Decisions
from actionhero_db.migrations.errors import MigrationRefused

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
#: The indexes of the first version of the table of users.
INITIAL_INDEXES = {("city",), ("email",), ("name", "city")}
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

#: The options for these versions.
OPTIONS = {RENAMED: ["User.email:mail"], UNRELATED: ["Post.user"], FEWER: ["User.email"]}


async def begin(notebook: Any) -> None:
    """Create the first version, with one user and two posts."""
    await make(notebook, version(), "init")
    await migrate(notebook)
    for row in ROWS:
        await notebook.run(row)


async def make(notebook: Any, models: str, name: str, *options: str) -> Any:
    notebook.write(models)
    decisions = Decisions.parse(
        [option for option in options if ":" in option],
        [option for option in options if ":" not in option],
    )
    return await notebook.engine(migrations="aerich").make("notes", name, decisions)


async def migrate(notebook: Any) -> None:
    await notebook.engine(migrations="aerich").migrate(None, None, lambda _: None)


async def assert_unchanged(notebook: Any, indexes: set[tuple[str, ...]]) -> None:
    assert await notebook.count("member") == 1
    assert await notebook.count("post") == 2
    assert await notebook.indexes("member") == indexes


@pytest.mark.parametrize(
    ("models", "indexes"),
    [
        (version(more="ok = fields.BooleanField(default=True)"), INITIAL_INDEXES),
        (version(more="nick = fields.CharField(max_length=9, null=True)"), INITIAL_INDEXES),
        (
            version(more="nick = fields.CharField(max_length=9, null=True, db_index=True)"),
            INITIAL_INDEXES | {("nick",)},
        ),
        (
            version(more="nick = fields.CharField(max_length=9, null=True, unique=True)"),
            INITIAL_INDEXES | {("nick",)},
        ),
        (version(of_name=", db_index=True"), INITIAL_INDEXES | {("name",)}),
        (version().replace(", db_index=True", ""), INITIAL_INDEXES - {("city",)}),
        (
            version(meta='indexes = [Index(fields=["city", "email"])]'),
            INITIAL_INDEXES | {("city", "email")},
        ),
        (RENAMED, {("city",), ("mail",), ("name", "city")}),
    ],
    ids=[
        "a column with a default",
        "a nullable column",
        "a column with an index",
        "a unique column",
        "an index on a column",
        "a removed index",
        "an index on two columns",
        "a renamed column",
    ],
)
async def test_a_change_keeps_rows_and_indexes(
    notebook: Any, models: str, indexes: set[tuple[str, ...]]
) -> None:
    """On both databases, as with the other engine."""
    await begin(notebook)

    await make(notebook, models, "change", *OPTIONS.get(models, []))
    await migrate(notebook)

    await assert_unchanged(notebook, indexes)


@pytest.mark.parametrize(
    ("models", "indexes"),
    [
        (LONGER, INITIAL_INDEXES),
        (version(of_name=", null=True"), INITIAL_INDEXES),
        (UNRELATED, INITIAL_INDEXES),
        (FEWER, INITIAL_INDEXES - {("email",)}),
    ],
    ids=["a longer text", "a nullable column", "no foreign key", "a removed column"],
)
async def test_postgresql_supports_more_changes_than_sqlite(
    postgres_notebook: Any, models: str, indexes: set[tuple[str, ...]]
) -> None:
    """A column is changed or dropped, and nothing else."""
    await begin(postgres_notebook)

    await make(postgres_notebook, models, "change", *OPTIONS.get(models, []))
    await migrate(postgres_notebook)

    await assert_unchanged(postgres_notebook, indexes)


@pytest.mark.parametrize(
    "models",
    [LONGER, version(of_name=", null=True"), UNRELATED],
    ids=["a longer text", "a nullable column", "no foreign key"],
)
async def test_no_migration_is_written_for_unsupported_changes_on_sqlite(
    sqlite_notebook: Any, models: str
) -> None:
    """The message names the engine that supports the change."""
    await begin(sqlite_notebook)
    files = set(sqlite_notebook.migrations.rglob("*.py"))

    with pytest.raises(MigrationRefused, match=r"sqlite.*; use the engine tortoise, which does"):
        await make(sqlite_notebook, models, "change", *OPTIONS.get(models, []))

    assert set(sqlite_notebook.migrations.rglob("*.py")) == files
    await assert_unchanged(sqlite_notebook, INITIAL_INDEXES)


async def test_a_unique_column_cannot_be_dropped_on_sqlite(sqlite_notebook: Any) -> None:
    """The statement of aerich fails in the trial, so no file is written."""
    await begin(sqlite_notebook)
    files = set(sqlite_notebook.migrations.rglob("*.py"))

    with pytest.raises(MigrationRefused, match=r"cannot drop UNIQUE column.*; use the engine"):
        await make(sqlite_notebook, FEWER, "change", "User.email")

    assert set(sqlite_notebook.migrations.rglob("*.py")) == files
    await assert_unchanged(sqlite_notebook, INITIAL_INDEXES)


async def test_a_rename_is_never_guessed(notebook: Any) -> None:
    """aerich alone takes a removed and an added column of the same type for a rename."""
    await begin(notebook)

    with pytest.raises(MigrationRefused) as raised:
        await make(notebook, RENAMED, "change")

    assert str(raised.value) == (
        "notes.User.email is gone from the models, and mail new: --rename User.email:mail to keep "
        "its values, or --drop User.email to delete its values; repeat the command with these "
        "options, or run it in a terminal, where it asks"
    )


async def test_a_rename_that_aerich_does_not_make_is_refused(notebook: Any) -> None:
    """It would drop the column, and add another one. The file that aerich wrote is deleted."""
    await begin(notebook)
    files = set(notebook.migrations.rglob("*.py"))
    models = RENAMED.replace(
        "mail = fields.CharField(max_length=50", "mail = fields.CharField(max_length=60"
    )

    with pytest.raises(MigrationRefused, match=r"aerich does not rename notes.User.email to mail"):
        await make(notebook, models, "change", "User.email:mail")

    assert set(notebook.migrations.rglob("*.py")) == files


@pytest.mark.parametrize(
    "field",
    [
        "ok = fields.BooleanField(db_default=True)",
        "nick = fields.CharField(max_length=9)",
        'friend = fields.ForeignKeyField("notes.User", related_name="friends")',
    ],
)
async def test_no_migration_is_written_for_a_column_without_a_value_for_existing_rows(
    notebook: Any, field: str
) -> None:
    """aerich ignores database defaults."""
    await begin(notebook)
    files = set(notebook.migrations.rglob("*.py"))

    with pytest.raises(MigrationRefused) as raised:
        await make(notebook, version(more=field), "change")

    name = field.partition(" ")[0].replace("friend", "friend_id")
    assert str(raised.value) == (
        f"the new column {name!r} is not nullable and has no default, so existing rows would have "
        "no value; set default=… (aerich ignores db_default=…), or null=True"
    )
    assert set(notebook.migrations.rglob("*.py")) == files
    await assert_unchanged(notebook, INITIAL_INDEXES)
