"""aerich as the engine of migrations: the same commands, its own files, and its limits."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero import ConfigurationError
from actionhero_db.migrations.engine import MigrationFailed, MigrationRefused

ONE = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)

    class Meta:
        table = "note"
"""
TWO = ONE.replace("max_length=20)", "max_length=20)\n    stars = fields.IntField(default=1)")


async def make(notebook: Any, models: str, name: str) -> Any:
    notebook.write(models)
    return await notebook.engine(migrations="aerich").make("notes", name)


async def migrate(notebook: Any) -> list[str]:
    lines: list[str] = []
    await notebook.engine(migrations="aerich").migrate(None, None, lines.append)
    return lines


async def test_up_and_down_and_up_again_with_rows(notebook: Any) -> None:
    """A column with a default of Python is added to a table with rows, and taken away again."""
    await make(notebook, ONE, "init")
    first = await migrate(notebook)
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    second_file = await make(notebook, TWO, "stars")
    second = await migrate(notebook)
    starred = await notebook.run("SELECT text, stars FROM note")
    states = await notebook.engine(migrations="aerich").states()
    undone: list[str] = []
    await notebook.engine(migrations="aerich").rollback("notes", "zero", undone.append)
    again = await migrate(notebook)

    assert len(first) == len(second) == 1
    assert second == [f"notes.{second_file.stem}: done"]
    assert starred == [{"text": "hello", "stars": 1}]
    assert [state.applied for state in states] == [True, True]
    assert [line.rpartition(": ")[2] for line in undone] == ["undone", "undone"]
    assert again == first + second


async def test_what_has_not_changed_is_not_written(notebook: Any) -> None:
    """And what was run is not run again."""
    await make(notebook, ONE, "init")
    await migrate(notebook)

    assert await make(notebook, ONE, "again") is None
    assert await migrate(notebook) == []


async def test_a_migration_that_fails_leaves_nothing(notebook: Any) -> None:
    """Also on SQLite, where aerich itself would leave the first statement done."""
    await make(notebook, ONE, "init")
    await migrate(notebook)
    path = await make(notebook, TWO, "stars")
    up, end, down = path.read_text().partition('"""\n\n\nasync def down')
    path.write_text(f"{up};\nUPDATE nowhere SET x = 1;{end}{down}")

    with pytest.raises(MigrationFailed, match=r"failed at: UPDATE nowhere SET x = 1: .* nothing"):
        await migrate(notebook)

    assert await notebook.run("SELECT * FROM note") == []
    states = await notebook.engine(migrations="aerich").states()
    assert [state.applied for state in states] == [True, False]


async def test_what_aerich_cannot_do_on_sqlite_is_refused(sqlite_notebook: Any) -> None:
    """Changing a column needs the other engine."""
    await make(sqlite_notebook, ONE, "init")

    with pytest.raises(MigrationRefused, match=r"aerich cannot do this on sqlite: .*; use the eng"):
        await make(sqlite_notebook, ONE.replace("max_length=20", "max_length=99"), "longer")


async def test_names_that_are_not_there_are_told_with_those_that_are(notebook: Any) -> None:
    """A wrong label and a wrong name each list what there is."""
    path = await make(notebook, ONE, "init")
    engine = notebook.engine(migrations="aerich")

    with pytest.raises(ConfigurationError, match="no migrations of the label 'nots'; there are: n"):
        await engine.migrate("nots", None, print)
    with pytest.raises(ConfigurationError, match=f"is not there; there are: {path.stem}"):
        await engine.sql("notes", "9_", backward=False)
    with pytest.raises(ConfigurationError, match="no migration of 'notes' was run, so there is n"):
        await engine.rollback("notes", None, print)
    assert "CREATE TABLE" in (await engine.sql("notes", "0_", backward=False))[0]


async def test_models_without_migrations_get_their_tables(notebook: Any) -> None:
    """As with the other engine, before there is a first migration."""
    notebook.write(ONE, migrations=False)
    engine = notebook.engine(migrations="aerich")

    lacking = await engine.lacking()
    lines = await migrate(notebook)

    assert lacking == ["tables of 'notes', which has no migrations"]
    assert lines == ["made the table 'note' as its model is, without a migration"]
    assert await notebook.engine(migrations="aerich").lacking() == []
