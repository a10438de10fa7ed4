"""Unique fields: `unique=True` is removed and restored, also of renamed columns and tables."""

from __future__ import annotations

from typing import Any

import pytest

UNIQUE = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    code = fields.CharField(max_length=20, unique=True)
"""
ONE_TO_ONE = """
class Owner(Model):
    id = fields.IntField(primary_key=True)


class Note(Model):
    id = fields.IntField(primary_key=True)
    owner = fields.OneToOneField("notes.Owner", null=True, related_name="notes")
"""


def plain(models: str) -> str:
    """Return models without unique fields."""
    return models.replace(", unique=True", "").replace("OneToOneField", "ForeignKeyField")


async def assert_reversible(notebook: Any, table: str, column: str) -> None:
    """Assert that the newest migration makes a column not unique, and its reverse unique again."""
    for _ in range(2):
        await notebook.migrate()
        assert await unique_columns(notebook, table) == set()
        await notebook.rollback()
        assert len(await unique_columns(notebook, table)) == 1
    await notebook.migrate()
    assert await unique_columns(notebook, table) == set()


async def unique_columns(notebook: Any, table: str) -> set[str]:
    """Return the first column of each unique index of a table, without that of its key."""
    if notebook.url.startswith("sqlite"):
        rows = await notebook.run(f'PRAGMA index_list("{table}")')
        names = [row["name"] for row in rows if row["unique"]]
        columns = [await notebook.run(f'PRAGMA index_info("{name}")') for name in names]
        return {rows[0]["name"] for rows in columns}
    if notebook.url.startswith("mysql"):
        rows = await notebook.run(
            "SELECT column_name AS c FROM information_schema.statistics WHERE non_unique = 0 "
            "AND table_schema = database() AND index_name <> 'PRIMARY' "
            f"AND table_name = '{table}'"
        )
    else:
        rows = await notebook.run(
            "SELECT a.attname::text AS c FROM pg_index x JOIN pg_attribute a "
            "ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] WHERE x.indisunique "
            f"AND NOT x.indisprimary AND x.indrelid = to_regclass('{table}')"
        )
    return {row["c"] for row in rows}


@pytest.mark.parametrize(
    ("models", "column"),
    [(UNIQUE, "code"), (ONE_TO_ONE, "owner_id")],
    ids=["a value", "a reference"],
)
async def test_a_field_of_the_first_migration_becomes_not_unique(
    notebook: Any, models: str, column: str
) -> None:
    """The database has named its constraint, with the table."""
    await notebook.make(models, "initial")
    await notebook.migrate()

    await notebook.make(plain(models), "repeated")

    assert await unique_columns(notebook, "note") == {column}
    await assert_reversible(notebook, "note", column)


async def test_a_field_becomes_not_unique_before_any_migration_ran(notebook: Any) -> None:
    """The trial creates the tables itself."""
    await notebook.make(UNIQUE, "initial")
    await notebook.make(plain(UNIQUE), "repeated")

    await assert_reversible(notebook, "note", "code")


async def test_a_field_that_became_unique_later_becomes_not_unique(notebook: Any) -> None:
    """Its constraint has a name from the migration."""
    await notebook.make(plain(UNIQUE), "initial")
    await notebook.make(UNIQUE, "single")
    await notebook.make(plain(UNIQUE), "repeated")

    await assert_reversible(notebook, "note", "code")


@pytest.mark.parametrize(
    ("rename", "table", "column", "at_once"),
    [
        ("Note.code:word", "note", "word", False),
        ("Note.code:word", "note", "word", True),
        ("Note:Memo", "memo", "code", True),
    ],
    ids=["the field", "the field at once", "the model at once"],
)
async def test_a_renamed_field_becomes_not_unique(
    notebook: Any, rename: str, table: str, column: str, at_once: bool
) -> None:
    """The constraint has its old name."""
    renamed = UNIQUE.replace("code", column).replace("Note", table.capitalize())
    await notebook.make(UNIQUE, "initial")
    if not at_once:
        await notebook.make(renamed, "renamed", rename)
        await notebook.migrate()

    await notebook.make(plain(renamed), "repeated", *([rename] if at_once else []))

    await notebook.migrate()
    assert await unique_columns(notebook, table) == set()
    await notebook.rollback()
    await notebook.migrate()
    assert await unique_columns(notebook, table) == set()


@pytest.mark.parametrize("path", ["other, public", "public"])
async def test_a_field_in_another_schema_becomes_not_unique(
    postgres_notebook: Any, path: str
) -> None:
    """The table is found by `Meta.schema`, or by the search path."""
    notebook = postgres_notebook
    models = UNIQUE
    if path == "public":
        models += '\n    class Meta:\n        schema = "other"\n'
    else:
        notebook.write(models)
        await notebook.run("CREATE SCHEMA other")
        database = notebook.url.rpartition("/")[2].partition("?")[0]
        await notebook.run(f'ALTER DATABASE "{database}" SET search_path TO {path}')
        await notebook.close()
    await notebook.make(models, "initial")

    await notebook.make(plain(models), "repeated")

    await assert_reversible(notebook, "other.note", "code")
