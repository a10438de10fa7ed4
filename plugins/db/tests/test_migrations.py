"""Migrations: their order, rollback, errors and files."""

from __future__ import annotations

import importlib
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ConfigurationError, PluginError
from actionhero_db import Models
from actionhero_db.migrations.engine import MigrationState
from actionhero_db.migrations.errors import MigrationFailed, MigrationRefused

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
#: The first step succeeds, the second one fails.
TWO_STEPS = (
    "ops.AddField('Note', 'stars', fields.IntField(db_default=1)), "
    "ops.RunSQL('UPDATE nowhere SET x = 1')"
)


async def test_migrations_run_forward_backward_and_forward_again(notebook: Any) -> None:
    """All migrations can be undone, and run again."""
    await notebook.make(ONE, "initial")
    await notebook.make(TWO, "stars")

    forward = await notebook.migrate()
    backward = await notebook.rollback("zero")
    again = await notebook.migrate()

    assert [line for line in forward if "copied" not in line] == [
        "notes.0001_initial: done",
        "notes.0002_stars: done",
    ]
    assert [line for line in backward if "copied" not in line] == [
        "notes.0002_stars: deletes the values of notes.Note.stars (column 'stars' of table 'note')",
        "notes.0001_initial: deletes the rows of notes.Note (table 'note')",
        "notes.0002_stars: undone",
        "notes.0001_initial: undone",
    ]
    assert [line for line in again if "copied" not in line] == [
        line for line in forward if "copied" not in line
    ]
    assert await notebook.engine().states() == [
        MigrationState("notes", "0001_initial", applied=True),
        MigrationState("notes", "0002_stars", applied=True),
    ]


async def test_a_rollback_of_one_migration_keeps_rows(notebook: Any) -> None:
    """Without a name, the newest migration is undone."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    await notebook.make(TWO, "stars")
    await notebook.migrate()

    lines = await notebook.rollback()

    assert lines[-1] == "notes.0002_stars: undone"
    assert await notebook.run("SELECT * FROM note") == [{"id": 1, "text": "hello"}]


async def test_applied_migrations_are_not_run_again(notebook: Any) -> None:
    """The second run reports nothing."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()

    assert await notebook.migrate() == []


async def test_unchanged_models_make_no_migration(notebook: Any) -> None:
    """`changed_labels` is empty too."""
    await notebook.make(ONE, "initial")

    assert await notebook.engine().make("notes", "again") is None
    assert await notebook.engine().changed_labels() == []
    notebook.write(TWO)
    assert await notebook.engine().changed_labels() == ["notes"]


@pytest.mark.parametrize("each_url", ["sqlite", "postgres"], indirect=True)
async def test_a_failed_migration_is_rolled_back(notebook: Any) -> None:
    """The first step is undone with the second, and the message names the failed one."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    notebook.write_migration("0002_two_steps", TWO_STEPS)

    with pytest.raises(MigrationFailed) as raised:
        await notebook.migrate()

    assert str(raised.value).startswith(
        "migration notes.0002_two_steps failed at step 2 of 2 (Run SQL): "
    )
    assert str(raised.value).endswith("; it was rolled back, and earlier migrations stay applied")
    assert await notebook.run("SELECT * FROM note") == [{"id": 1, "text": "hello"}]
    states = await notebook.engine().states()
    assert [state.applied for state in states] == [True, False]


@pytest.mark.parametrize("each_url", ["mysql"], indirect=True)
async def test_a_failed_migration_on_mysql_lists_its_completed_steps(notebook: Any) -> None:
    """The server commits every change of a table."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    notebook.write_migration("0002_two_steps", TWO_STEPS)

    with pytest.raises(MigrationFailed) as raised:
        await notebook.migrate()

    assert "so its completed steps stay: Add field stars to Note;" in str(raised.value)
    states = await notebook.engine().states()
    assert [state.applied for state in states] == [True, False]


@pytest.mark.parametrize("each_url", ["mysql"], indirect=True)
async def test_a_repeated_migration_on_mysql_mentions_the_steps_of_the_first_run(
    notebook: Any,
) -> None:
    """It fails at the first step, which the first run has completed."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    notebook.write_migration("0002_two_steps", TWO_STEPS)

    with pytest.raises(MigrationFailed):
        await notebook.migrate()
    with pytest.raises(MigrationFailed) as raised:
        await notebook.migrate()

    assert "failed at step 1 of 2 (Add field stars to Note): " in str(raised.value)
    assert str(raised.value).endswith(
        "; it is not atomic, and this run completed no step; those that an earlier failed run "
        "completed stay; the failed step may be partially applied. Fix the tables by hand, or "
        "restore a backup"
    )


@pytest.mark.parametrize("each_url", ["mysql"], indirect=True)
async def test_migrations_on_mysql_log_no_warnings(
    notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the first time, nor when the table of applied migrations exists."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    notebook.write_migration("0002_nothing", "ops.RunSQL('SELECT 1')")

    await notebook.migrate()

    assert [record.getMessage() for record in caplog.records if record.levelno > 20] == []


async def test_a_failed_migration_that_is_not_atomic_lists_its_completed_steps(
    notebook: Any,
) -> None:
    """Without a transaction the first step stays."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    notebook.write_migration("0002_two_steps", TWO_STEPS, head="atomic = False")

    with pytest.raises(MigrationFailed) as raised:
        await notebook.migrate()

    assert str(raised.value).endswith(
        "; it is not atomic, so its completed steps stay: Add field stars to Note; the failed step "
        "may be partially applied. Fix the tables by hand, or restore a backup"
    )


async def test_a_migration_with_broken_references_is_rolled_back(sqlite_notebook: Any) -> None:
    """Foreign keys are off while it runs, and checked before the commit."""
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
        MigrationFailed, match="rows of table 'reply' would refer to missing rows of 'note'"
    ):
        await notebook.migrate()

    assert await notebook.count("note") == 1


async def test_an_unknown_column_is_not_lost(sqlite_notebook: Any) -> None:
    """The rebuilt table would lack it, so the migration fails."""
    notebook = sqlite_notebook
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("ALTER TABLE note ADD COLUMN theirs text")
    await notebook.make(ONE.replace("max_length=20", "max_length=99"), "longer")

    with pytest.raises(
        MigrationFailed,
        match="table 'note' has the column 'theirs', which is in no migration and would be lost; "
        "add it to the model, or drop it yourself",
    ):
        await notebook.migrate()


async def test_the_rollback_of_an_irreversible_migration_is_refused(notebook: Any) -> None:
    """SQL without its reverse; nothing is changed."""
    await notebook.make(ONE, "initial")
    notebook.write_migration("0002_fill", "ops.RunSQL(\"INSERT INTO note (text) VALUES ('x')\")")
    await notebook.migrate()

    with pytest.raises(
        MigrationFailed,
        match=r"migration notes\.0002_fill cannot be undone: Run SQL has no reverse; nothing was",
    ):
        await notebook.rollback()


async def test_semicolons_in_strings_do_not_split_statements(sqlite_notebook: Any) -> None:
    """A default may contain a semicolon."""
    notebook = sqlite_notebook
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    await notebook.make(
        ONE.replace("20)", "20)\n    mood = fields.CharField(max_length=9, db_default='a;b')"), "m"
    )

    await notebook.migrate()

    assert await notebook.run("SELECT mood FROM note") == [{"mood": "a;b"}]


async def test_unknown_names_list_the_available_ones(notebook: Any) -> None:
    """Both an unknown label and an unknown migration."""
    await notebook.make(ONE, "initial")

    with pytest.raises(ConfigurationError) as unknown_label:
        await notebook.engine().migrate("nots", None, print)
    with pytest.raises(ConfigurationError) as unknown_name:
        await notebook.engine().migrate("notes", "0009", print)
    with pytest.raises(ConfigurationError) as nothing_applied:
        await notebook.rollback()

    assert str(unknown_label.value) == "no models have the label 'nots'; did you mean 'notes'?"
    assert str(unknown_name.value) == (
        "migration '0009' of 'notes' does not exist; available: 0001_initial"
    )
    assert str(nothing_applied.value) == "no migration of 'notes' is applied, so none can be undone"


async def test_a_missing_dependency_is_named(sqlite_notebook: Any) -> None:
    """No migration is run."""
    notebook = sqlite_notebook
    notebook.write(ONE)
    (notebook.migrations / "0002_late.py").write_text(
        "from tortoise import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('notes', '0001_gone')]\n"
    )

    with pytest.raises(PluginError, match=r"migrations cannot be loaded: .*notes\.0001_gone"):
        await notebook.migrate()


async def test_the_sql_of_a_migration_needs_no_database(notebook: Any) -> None:
    """Forward and backward."""
    await notebook.make(ONE, "initial")
    await notebook.make(TWO.replace("max_length=20", "max_length=99"), "stars")
    notebook.url = notebook.url.replace("test", "missing")

    forward = "\n".join(await notebook.engine().sql("notes", "0002", backward=False))
    backward = "\n".join(await notebook.engine().sql("notes", "0001_initial", backward=True))

    assert "stars" in forward
    assert "-- Alter field text on Note" in forward
    assert "DROP TABLE" in backward


async def test_migrations_of_two_plugins_run_in_the_order_of_their_references(
    notebook: Any, importable: Path
) -> None:
    """A table is created after the tables that it refers to."""
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
    notebook.add_models(Models("a_reader", [name], f"{name}_migrations"))
    await notebook.engine().make("a_reader", "initial")

    lines = await notebook.migrate()
    sql = await notebook.engine().sql("a_reader", "0001_initial", backward=False)
    # The file of SQLite is copied.
    undone = [line for line in await notebook.rollback() if not line.startswith("copied ")]

    assert lines == ["notes.0001_initial: done", "a_reader.0001_initial: done"]
    assert any("REFERENCES" in line for line in sql)
    assert undone == [
        "a_reader.0001_initial: deletes the rows of a_reader.Reader (table 'reader')",
        "notes.0001_initial: deletes the rows of notes.Note (table 'note')",
        "a_reader.0001_initial: undone",
        "notes.0001_initial: undone",
    ]


async def test_tables_of_models_without_migrations_are_created(notebook: Any) -> None:
    """Before the first migration, missing tables are created from the models."""
    notebook.write(ONE, migrations=False)

    lines = await notebook.migrate()

    assert lines == ["created the table 'note' from its model, without a migration"]
    assert await notebook.count("note") == 0
    assert await notebook.migrate() == []


async def test_the_first_migration_adopts_existing_tables(notebook: Any) -> None:
    """Tables created without migrations keep their rows."""
    notebook.write(ONE, migrations=False)
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")
    await notebook.make(ONE.replace("max_length=20", "max_length=20, db_index=True"), "initial")

    lines = await notebook.migrate()

    assert lines[0] == "notes.0001_initial: tables already exist"
    assert await notebook.count("note") == 1
    assert ("text",) in await notebook.indexes("note")


async def test_the_first_migration_does_not_adopt_a_table_with_other_columns(
    notebook: Any,
) -> None:
    """The message names the table."""
    await notebook.make(ONE, "initial")
    await notebook.run("CREATE TABLE note (id integer)")

    with pytest.raises(MigrationFailed, match="'note' has other columns; change the table to"):
        await notebook.migrate()


async def test_migrations_are_only_written_into_source_packages(
    sqlite_notebook: Any, tmp_path: Path
) -> None:
    """Not for models outside of a package, and not into an installed package."""
    notebook = sqlite_notebook
    notebook.write(ONE, migrations=False)

    with pytest.raises(MigrationRefused, match="are not in a package, so their migrations cannot"):
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
        with pytest.raises(MigrationRefused, match="which the next installation replaces; run the"):
            await notebook.engine().make("shop", "initial")
    finally:
        sys.path.remove(str(installed))
        for name in ("shop", "shop.models", "shop.migrations"):
            sys.modules.pop(name, None)
