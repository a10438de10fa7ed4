"""Migrations lose no row and no index, for every kind of change."""

from __future__ import annotations

from typing import Any

import pytest

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


def version(*, of_name: str = "", more: str = "", meta: str = "", of_post: str = "") -> str:
    return USER_AND_POST.format(of_name=of_name, more=more, meta=meta, of_post=of_post)


async def begin(notebook: Any) -> None:
    """Create the first version, with one user and two posts."""
    await notebook.make(version(), "initial")
    await notebook.migrate()
    await notebook.run(
        "INSERT INTO member (name, city, email) VALUES ('Ada', 'London', 'ada@example.org')"
    )
    await notebook.run("INSERT INTO post (user_id) VALUES (1)")
    await notebook.run("INSERT INTO post (user_id) VALUES (1)")


async def change(notebook: Any, models: str, *options: str) -> None:
    await notebook.make(models, "change", *options)
    await notebook.migrate()


async def test_the_first_migration_creates_tables_and_indexes(notebook: Any) -> None:
    """They match the models."""
    await begin(notebook)

    assert await notebook.indexes("member") == INITIAL_INDEXES
    assert await notebook.count("post") == 2


@pytest.mark.parametrize(
    ("change_to", "new_indexes"),
    [
        ({"more": "ok = fields.BooleanField(db_default=True)"}, set()),
        ({"more": "nick = fields.CharField(max_length=9, null=True)"}, set()),
        (
            {"more": "nick = fields.CharField(max_length=9, null=True, db_index=True)"},
            {("nick",)},
        ),
        (
            {"more": "nick = fields.CharField(max_length=9, null=True, unique=True)"},
            {("nick",)},
        ),
        ({"more": "seen = fields.DatetimeField(db_default=Now())"}, set()),
        ({"of_name": ", db_index=True"}, {("name",)}),
        ({"of_name": ", null=True"}, set()),
        ({"of_name": ", unique=True"}, {("name",)}),
        ({"meta": 'indexes = [Index(fields=["city", "email"])]'}, {("city", "email")}),
    ],
    ids=[
        "a column with a default",
        "a nullable column",
        "a column with an index",
        "a unique column",
        "a column with the current time as its default",
        "an index on a column",
        "a column made nullable",
        "a column made unique",
        "an index on two columns",
    ],
)
async def test_a_change_keeps_rows_and_indexes(
    notebook: Any,
    change_to: dict[str, str],
    new_indexes: set[tuple[str, ...]],
) -> None:
    """Also the rows of other tables that refer to the changed one."""
    await begin(notebook)

    await change(notebook, version(**change_to))

    assert await notebook.count("member") == 1
    assert await notebook.count("post") == 2
    assert await notebook.indexes("member") == INITIAL_INDEXES | new_indexes


async def test_a_longer_text_keeps_the_rows_that_refer_to_its_table(notebook: Any) -> None:
    """A wider column of a parent deletes neither its children nor its indexes."""
    await begin(notebook)

    await change(
        notebook, version().replace("max_length=20)\n    city", "max_length=99)\n    city")
    )

    assert await notebook.run("SELECT name FROM member") == [{"name": "Ada"}]
    assert await notebook.count("post") == 2
    assert await notebook.indexes("member") == INITIAL_INDEXES


async def test_only_the_undeclared_index_is_dropped(notebook: Any) -> None:
    """The removal of db_index drops one index."""
    await begin(notebook)

    await change(notebook, version().replace(", db_index=True", ""))

    assert await notebook.indexes("member") == INITIAL_INDEXES - {("city",)}
    assert await notebook.count("post") == 2


async def test_a_renamed_column_keeps_its_values_and_its_index(notebook: Any) -> None:
    """A renamed field is the same column."""
    await begin(notebook)

    await change(notebook, version().replace("email =", "mail ="), "User.email:mail")

    assert await notebook.run("SELECT mail FROM member") == [{"mail": "ada@example.org"}]
    assert await notebook.indexes("member") == {("city",), ("mail",), ("name", "city")}


async def test_an_index_of_a_renamed_column_can_be_dropped(notebook: Any) -> None:
    """The name of the index still contains the old name of the column."""
    await begin(notebook)
    await change(notebook, version().replace("city", "town"), "User.city:town")

    await change(notebook, version().replace("city", "town").replace(", db_index=True", ""))

    assert await notebook.indexes("member") == {("email",), ("name", "town")}


async def test_a_removed_column_keeps_rows_and_other_indexes(notebook: Any) -> None:
    """Also the rows of other tables."""
    await notebook.make(version(more="nick = fields.CharField(max_length=9, null=True)"), "initial")
    await notebook.migrate()
    await notebook.run(
        "INSERT INTO member (name, city, email) VALUES ('Ada', 'London', 'ada@example.org')"
    )
    await notebook.run("INSERT INTO post (user_id) VALUES (1)")

    await change(notebook, version(), "User.nick")

    assert await notebook.count("post") == 1
    assert await notebook.indexes("member") == INITIAL_INDEXES


async def test_a_removed_foreign_key_keeps_all_rows(notebook: Any) -> None:
    """The rows on both sides stay."""
    await begin(notebook)
    text = version(of_post="text = fields.TextField(null=True)")

    await change(
        notebook,
        text.replace('user = fields.ForeignKeyField("notes.User", related_name="posts")', ""),
        "Post.user",
    )

    assert await notebook.count("member") == 1
    assert await notebook.count("post") == 2


async def test_a_column_that_is_no_longer_nullable_is_filled(notebook: Any) -> None:
    """Rows without a value get the database default."""
    nick = "nick = fields.CharField(max_length=9, {})"
    await notebook.make(version(more=nick.format("null=True")), "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO member (name, city, email) VALUES ('Ada', 'London', 'a@b')")

    await change(notebook, version(more=nick.format("db_default='none'")))

    assert await notebook.run("SELECT nick FROM member") == [{"nick": "none"}]


@pytest.mark.parametrize(
    "field",
    [
        "active = fields.BooleanField(default=True)",
        "nick = fields.CharField(max_length=9)",
        'friend = fields.ForeignKeyField("notes.User", related_name="friends")',
    ],
)
async def test_no_migration_is_written_for_a_column_without_a_value_for_existing_rows(
    notebook: Any, field: str
) -> None:
    """A Python default does not fill existing rows."""
    await begin(notebook)
    notebook.write(version(more=field))

    with pytest.raises(MigrationRefused) as raised:
        await notebook.engine().make("notes", "change")

    assert str(raised.value) == (
        f"the new field notes.User.{field.partition(' ')[0]} is not nullable and has no "
        "db_default, so existing rows would have no value; set db_default=…, which the database "
        "stores in them (default=… has no effect in the database), or null=True"
    )
    assert [path.name for path in notebook.migrations.glob("0*.py")] == ["0001_initial.py"]


async def test_undeclared_indexes_triggers_and_views_are_restored(sqlite_notebook: Any) -> None:
    """The rebuilt SQLite table has all of them."""
    notebook = sqlite_notebook
    await begin(notebook)
    await notebook.run("CREATE INDEX theirs ON member (email) WHERE name <> ''")
    await notebook.run("CREATE VIEW londoners AS SELECT * FROM member WHERE city = 'London'")
    await notebook.run("CREATE TABLE seen (name text)")
    await notebook.run(
        "CREATE TRIGGER note_it AFTER UPDATE ON member "
        "BEGIN INSERT INTO seen VALUES (new.name); INSERT INTO seen VALUES (new.city); END"
    )

    await change(notebook, version(of_name=", null=True"))

    names = {row["name"] for row in await notebook.run("SELECT name FROM sqlite_master")}
    assert {"theirs", "note_it", "londoners"} <= names
    assert await notebook.count("londoners") == 1
    await notebook.run("UPDATE member SET name = 'Grace'")
    assert await notebook.count("seen") == 2


async def test_ids_are_not_reused_after_a_table_was_rebuilt(
    sqlite_notebook: Any,
) -> None:
    """A new row does not get the id of a row that was deleted before the migration."""
    notebook = sqlite_notebook
    await begin(notebook)
    await notebook.run("INSERT INTO member (name, city, email) VALUES ('Bob', 'Bath', 'b@c')")
    await notebook.run("DELETE FROM member WHERE name = 'Bob'")

    await change(notebook, version(of_name=", null=True"))
    await notebook.run("INSERT INTO member (name, city, email) VALUES ('Cy', 'Cork', 'c@d')")

    assert await notebook.run("SELECT id FROM member WHERE name = 'Cy'") == [{"id": 3}]
