"""Migrations are run once, in order, by whoever comes first; and can be undone."""

from __future__ import annotations

import importlib
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ConfigurationError, PluginError
from actionhero_db import Models
from actionhero_db.migrations.engine import MigrationFailed, MigrationRefused, MigrationState

if TYPE_CHECKING:
    from pathlib import Path

ONE = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)

    class Meta:
        table = "note"
"""
TWO = ONE.replace("max_length=20)", "max_length=20)\n    stars = fields.IntField(db_default=1)")


async def test_up_and_down_and_up_again(notebook: Any) -> None:
    """What was run can be undone to the beginning, and run again."""
    await notebook.make(ONE, "initial")
    await notebook.make(TWO, "stars")

    up = await notebook.migrate()
    down = await notebook.rollback("zero")
    again = await notebook.migrate()

    assert [line for line in up if "copied" not in line] == [
        "notes.0001_initial: done",
        "notes.0002_stars: done",
    ]
    assert [line for line in down if "copied" not in line] == [
        "notes.0002_stars: undone",
        "notes.0001_initial: undone",
    ]
    assert [line for line in again if "copied" not in line] == [
        line for line in up if "copied" not in line
    ]
    assert await notebook.engine().states() == [
        MigrationState("notes", "0001_initial", applied=True),
        MigrationState("notes", "0002_stars", applied=True),
    ]


async def test_undoing_one_keeps_rows(notebook: Any) -> None:
    """Without a name the newest is undone, and rows that were there before stay."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    await notebook.make(TWO, "stars")
    await notebook.migrate()

    lines = await notebook.rollback()

    assert lines[-1] == "notes.0002_stars: undone"
    assert await notebook.run("SELECT * FROM note") == [{"id": 1, "text": "hello"}]


async def test_what_was_run_is_not_run_again(notebook: Any) -> None:
    """A second run has nothing to do."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()

    assert await notebook.migrate() == []


async def test_nothing_is_written_for_models_that_have_not_changed(notebook: Any) -> None:
    """`make` says so, and `changed` too."""
    await notebook.make(ONE, "initial")

    assert await notebook.engine().make("notes", "again") is None
    assert await notebook.engine().changed() == []
    notebook.write(TWO)
    assert await notebook.engine().changed() == ["notes"]


async def test_a_migration_of_which_a_step_fails_leaves_nothing(notebook: Any) -> None:
    """The first step is undone with the second, and the message says which one failed."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    notebook.write_migration(
        "0002_two_steps",
        "ops.AddField('Note', 'stars', fields.IntField(db_default=1)), "
        "ops.RunSQL('UPDATE nowhere SET x = 1')",
    )

    with pytest.raises(MigrationFailed) as failed:
        await notebook.migrate()

    assert str(failed.value).startswith(
        "migration notes.0002_two_steps failed at step 2 of 2 (Run SQL): "
    )
    assert str(failed.value).endswith("; nothing of it was kept, and those before it stay")
    assert await notebook.run("SELECT * FROM note") == [{"id": 1, "text": "hello"}]
    states = await notebook.engine().states()
    assert [state.applied for state in states] == [True, False]


async def test_a_migration_that_is_not_atomic_says_what_was_done(notebook: Any) -> None:
    """Its author asked for no transaction, so the first step stays, and is named."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    notebook.write_migration(
        "0002_two_steps",
        "ops.AddField('Note', 'stars', fields.IntField(db_default=1)), "
        "ops.RunSQL('UPDATE nowhere SET x = 1')",
        head="atomic = False",
    )

    with pytest.raises(MigrationFailed) as failed:
        await notebook.migrate()

    assert str(failed.value).endswith(
        "; it is not atomic, so what was done stays: Add field stars to Note; of the step that "
        "failed a part may be done. Mend the tables by hand, or go back to a backup"
    )


async def test_a_migration_may_not_leave_references_to_nothing(sqlite_notebook: Any) -> None:
    """Foreign keys are off while it runs, so they are looked at before it is kept."""
    notebook = sqlite_notebook
    models = ONE + textwrap.dedent(
        """
        class Reply(Model):
            id = fields.IntField(primary_key=True)
            note = fields.ForeignKeyField("notes.Note")

            class Meta:
                table = "reply"
        """
    )
    await notebook.make(models, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    await notebook.run("INSERT INTO reply (note_id) VALUES (1)")
    notebook.write_migration("0002_forget", "ops.RunSQL('DELETE FROM note')")

    with pytest.raises(
        MigrationFailed, match="rows of table 'reply' would refer to rows of 'note' that are not"
    ):
        await notebook.migrate()

    assert await notebook.count("note") == 1


async def test_a_column_that_no_model_knows_is_not_lost(sqlite_notebook: Any) -> None:
    """Making a table anew would drop it, so the migration is refused."""
    notebook = sqlite_notebook
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("ALTER TABLE note ADD COLUMN theirs text")
    await notebook.make(ONE.replace("max_length=20", "max_length=99"), "longer")

    with pytest.raises(
        MigrationFailed,
        match="table 'note' has the column 'theirs', which no migration knows of, and which would "
        "be lost; add it to the model, or drop it yourself",
    ):
        await notebook.migrate()


async def test_what_cannot_be_undone_says_so(notebook: Any) -> None:
    """SQL without its reverse is refused before anything is done."""
    await notebook.make(ONE, "initial")
    notebook.write_migration("0002_fill", "ops.RunSQL(\"INSERT INTO note (text) VALUES ('x')\")")
    await notebook.migrate()

    with pytest.raises(
        MigrationFailed,
        match=r"migration notes\.0002_fill cannot be undone: Run SQL has no reverse; nothing was",
    ):
        await notebook.rollback()


async def test_statements_with_semicolons_in_them_are_whole(sqlite_notebook: Any) -> None:
    """A default with a semicolon is one text."""
    notebook = sqlite_notebook
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    await notebook.make(
        ONE.replace("20)", "20)\n    mood = fields.CharField(max_length=9, db_default='a;b')"), "m"
    )

    await notebook.migrate()

    assert await notebook.run("SELECT mood FROM note") == [{"mood": "a;b"}]


async def test_names_that_are_not_there_are_told_with_those_that_are(notebook: Any) -> None:
    """A wrong label and a wrong name each list what there is."""
    await notebook.make(ONE, "initial")

    with pytest.raises(ConfigurationError) as no_label:
        await notebook.engine().migrate("nots", None, print)
    with pytest.raises(ConfigurationError) as no_name:
        await notebook.engine().migrate("notes", "0009", print)
    with pytest.raises(ConfigurationError) as nothing_run:
        await notebook.rollback()

    assert str(no_label.value) == "there are no models of the label 'nots'; there are: notes"
    assert str(no_name.value) == (
        "migration '0009' of 'notes' is not there; there are: 0001_initial"
    )
    assert str(nothing_run.value) == ("no migration of 'notes' was run, so there is none to undo")


async def test_a_broken_file_names_what_is_wrong(sqlite_notebook: Any) -> None:
    """One that needs a migration that is not there is told before anything is run."""
    notebook = sqlite_notebook
    notebook.write(ONE)
    (notebook.migrations / "0002_late.py").write_text(
        "from tortoise import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('notes', '0001_gone')]\n"
    )

    with pytest.raises(PluginError, match=r"migrations cannot be read: .*notes\.0001_gone"):
        await notebook.migrate()


async def test_the_sql_of_a_migration_is_shown_without_a_database(notebook: Any) -> None:
    """`sql` needs no connection, forwards and back."""
    await notebook.make(ONE, "initial")
    await notebook.make(TWO.replace("max_length=20", "max_length=99"), "stars")
    notebook.url = notebook.url.replace("test", "not_there")

    forward = "\n".join(await notebook.engine().sql("notes", "0002", backward=False))
    backward = "\n".join(await notebook.engine().sql("notes", "0001_initial", backward=True))

    assert "stars" in forward
    assert "-- Alter field text on Note" in forward
    assert "DROP TABLE" in backward


async def test_models_of_two_plugins_migrate_in_the_order_of_their_references(
    notebook: Any, importable: Path
) -> None:
    """A plugin's table that refers to another plugin's is made after it."""
    await notebook.make(ONE, "initial")
    name = f"{notebook.name}_reader"
    (importable / f"{name}.py").write_text(
        textwrap.dedent(
            """
            from tortoise import fields
            from tortoise.models import Model

            class Reader(Model):
                id = fields.IntField(primary_key=True)
                note = fields.ForeignKeyField("notes.Note")
            """
        )
    )
    (importable / f"{name}_migrations").mkdir()
    (importable / f"{name}_migrations" / "__init__.py").touch()
    importlib.invalidate_caches()
    notebook.beside(Models("a_reader", [name], f"{name}_migrations"))
    await notebook.engine().make("a_reader", "initial")

    lines = await notebook.migrate()
    sql = await notebook.engine().sql("a_reader", "0001_initial", backward=False)
    undone = await notebook.rollback()

    assert lines == ["notes.0001_initial: done", "a_reader.0001_initial: done"]
    assert any("REFERENCES" in line for line in sql)
    assert undone == ["a_reader.0001_initial: undone", "notes.0001_initial: undone"]


async def test_models_without_migrations_get_their_tables(notebook: Any) -> None:
    """Before there is a first migration, tables that are not there are made as the models say."""
    notebook.write(ONE, migrations=False)

    lines = await notebook.migrate()

    assert lines == ["made the table 'note' as its model is, without a migration"]
    assert await notebook.count("note") == 0
    assert await notebook.migrate() == []


async def test_a_first_migration_takes_over_tables_that_are_there(notebook: Any) -> None:
    """Tables made without migrations keep their rows when the first migration comes."""
    notebook.write(ONE, migrations=False)
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    await notebook.make(ONE.replace("max_length=20", "max_length=20, db_index=True"), "initial")

    lines = await notebook.migrate()

    assert lines[0] == "notes.0001_initial: tables were there already"
    assert await notebook.count("note") == 1
    assert ("text",) in await notebook.indexes("note")


async def test_a_first_migration_does_not_take_over_a_table_of_other_columns(
    notebook: Any,
) -> None:
    """What it would have made is not what is there."""
    await notebook.make(ONE, "initial")
    await notebook.run("CREATE TABLE note (id integer)")

    with pytest.raises(MigrationFailed, match="'note' has other columns; make it the same as the"):
        await notebook.migrate()


async def test_migrations_have_a_place_or_are_not_written(
    sqlite_notebook: Any, tmp_path: Path
) -> None:
    """Models in no package have none, and what is installed would be replaced."""
    notebook = sqlite_notebook
    notebook.write(ONE, migrations=False)

    with pytest.raises(MigrationRefused, match="are in no package, so there is no place for their"):
        await notebook.engine().make("notes", "initial")

    installed = tmp_path / "site-packages"
    (installed / "shop" / "migrations").mkdir(parents=True)
    for folder in ("shop", "shop/migrations"):
        (installed / folder / "__init__.py").touch()
    (installed / "shop" / "models.py").write_text(
        (notebook.folder / f"{notebook.models.modules[0]}.py").read_text()
    )
    sys.path.insert(0, str(installed))
    try:
        notebook.models = Models("shop", ["shop.models"], "shop.migrations")
        with pytest.raises(MigrationRefused, match="which the next installation replaces; make"):
            await notebook.engine().make("shop", "initial")
    finally:
        sys.path.remove(str(installed))
        for name in ("shop", "shop.models", "shop.migrations"):
            sys.modules.pop(name, None)
