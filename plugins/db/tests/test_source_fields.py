"""Columns that get another name together with other changes."""

from __future__ import annotations

from typing import Any

import pytest

NOTE = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    stars = fields.{field}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("IntField(default=2)", "IntField(db_default=2, source_field='z')"),
        ("IntField(default=2)", "IntField(db_index=True, source_field='z')"),
        ("IntField(default=2)", "IntField(null=True, source_field='z')"),
        ("IntField(unique=True)", "IntField(source_field='z')"),
        ("BigIntField(null=True)", "BigIntField(null=True, source_field='z', description='x')"),
        ("CharField(max_length=20)", "CharField(max_length=30, unique=True, source_field='z')"),
        ("CharField(max_length=20)", "CharField(max_length=30, source_field='z')"),
    ],
    ids=["default", "index", "null", "not unique", "comment", "type and unique", "type"],
)
async def test_a_column_is_renamed_before_its_other_changes(
    notebook: Any, old: str, new: str
) -> None:
    """The values stay, forward and backward."""
    await notebook.make(NOTE.format(field=old), "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (stars) VALUES ('5')")

    await notebook.make(NOTE.format(field=new), "changed")

    for _ in range(2):
        await notebook.migrate()
        assert [str(row["z"]) for row in await notebook.run("SELECT z FROM note")] == ["5"]
        await notebook.rollback()
        assert [str(row["stars"]) for row in await notebook.run("SELECT stars FROM note")] == ["5"]


async def test_a_reference_is_renamed_before_its_other_changes(notebook: Any) -> None:
    """Its column can get another name, and its rows another action, at once."""
    models = """
class Owner(Model):
    id = fields.IntField(primary_key=True)


class Note(Model):
    id = fields.IntField(primary_key=True)
    owner = fields.ForeignKeyField("notes.Owner", related_name="notes", {options})
"""
    await notebook.make(models.format(options="on_delete=fields.CASCADE"), "initial")
    await notebook.make(
        models.format(options="null=True, on_delete=fields.SET_NULL, source_field='z'"), "changed"
    )

    for _ in range(2):
        await notebook.migrate()
        assert await notebook.run("SELECT z FROM note") == []
        await notebook.rollback()
        assert await notebook.run("SELECT owner_id FROM note") == []
