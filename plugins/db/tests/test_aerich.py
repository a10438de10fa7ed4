"""aerich as the migration engine: its files, errors and limits."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero import ConfigurationError
from actionhero_db.migrations.errors import MigrationFailed, MigrationRefused

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


async def test_migrations_run_forward_backward_and_forward_again(notebook: Any) -> None:
    """A column with a Python default is added to a table with rows, and removed again."""
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
    assert [line.rpartition(": ")[2] for line in undone if "copied" not in line] == [
        "deletes the values of column 'stars' of table 'note'",
        "deletes the rows of table 'note'",
        "undone",
        "undone",
    ]
    assert again == first + second


async def test_unchanged_models_make_no_migration(notebook: Any) -> None:
    """Applied migrations are not run again either."""
    await make(notebook, ONE, "init")
    await migrate(notebook)

    assert await make(notebook, ONE, "again") is None
    assert await migrate(notebook) == []


# MySQL rolls back no change of a table.
@pytest.mark.parametrize("each_url", ["sqlite", "postgres"], indirect=True)
async def test_a_failed_migration_is_rolled_back(notebook: Any) -> None:
    """Also on SQLite, where aerich itself would keep the first statement."""
    await make(notebook, ONE, "init")
    await migrate(notebook)
    path = await make(notebook, TWO, "stars")
    up, end, down = path.read_text().partition('"""\n\n\nasync def down')
    path.write_text(f"{up};\nUPDATE nowhere SET x = 1;{end}{down}")

    with pytest.raises(MigrationFailed, match=r"failed at: UPDATE nowhere SET x = 1: .* it was"):
        await migrate(notebook)

    assert await notebook.run("SELECT * FROM note") == []
    states = await notebook.engine(migrations="aerich").states()
    assert [state.applied for state in states] == [True, False]


async def test_unsupported_changes_on_sqlite_are_refused(sqlite_notebook: Any) -> None:
    """A change of a column needs the other engine."""
    await make(sqlite_notebook, ONE, "init")

    with pytest.raises(MigrationRefused, match=r"does not support this change on sqlite: .*; use"):
        await make(sqlite_notebook, ONE.replace("max_length=20", "max_length=99"), "longer")


async def test_unknown_names_list_the_available_ones(notebook: Any) -> None:
    """Both an unknown label and an unknown migration."""
    path = await make(notebook, ONE, "init")
    engine = notebook.engine(migrations="aerich")

    with pytest.raises(ConfigurationError, match="no migrations have the label 'nots'; available:"):
        await engine.migrate("nots", None, print)
    with pytest.raises(ConfigurationError, match=f"does not exist; available: {path.stem}"):
        await engine.sql("notes", "9_", backward=False)
    with pytest.raises(ConfigurationError, match="no migration of 'notes' is applied, so none can"):
        await engine.rollback("notes", None, print)
    assert "CREATE TABLE" in (await engine.sql("notes", "0_", backward=False))[0]


async def test_tables_of_models_without_migrations_are_created(notebook: Any) -> None:
    """As with the other engine, before the first migration."""
    notebook.write(ONE, migrations=False)
    engine = notebook.engine(migrations="aerich")

    pending = await engine.pending()
    lines = await migrate(notebook)

    assert pending == ["tables of 'notes', which has no migrations"]
    assert lines == ["created the table 'note' from its model, without a migration"]
    assert await notebook.engine(migrations="aerich").pending() == []


async def test_a_rollback_ends_at_a_name(notebook: Any) -> None:
    """The migration with that name remains."""
    first = await make(notebook, ONE, "init")
    second = await make(notebook, TWO, "stars")
    await migrate(notebook)
    lines: list[str] = []

    await notebook.engine(migrations="aerich").rollback("notes", first.stem, lines.append)

    assert [line for line in lines if "copied" not in line] == [
        f"notes.{second.stem}: deletes the values of column 'stars' of table 'note'",
        f"notes.{second.stem}: undone",
    ]
    assert await applied_states(notebook) == [True, False]


async def test_an_unknown_name_runs_and_undoes_nothing(notebook: Any) -> None:
    """Nor does one that several migrations begin with, or the name of a pending one."""
    first = await make(notebook, ONE, "init")
    second = await make(notebook, TWO, "stars")
    engine = notebook.engine(migrations="aerich")

    with pytest.raises(ConfigurationError, match=rf"'1_strs' of 'notes' does not .*{first.stem}"):
        await engine.migrate("notes", "1_strs", print)
    assert await applied_states(notebook) == [False, False]

    await engine.migrate("notes", "0_", print)
    assert await applied_states(notebook) == [True, False]
    with pytest.raises(ConfigurationError, match=rf"notes\.{second.stem} is not applied, so a"):
        await engine.rollback("notes", second.stem, print)
    with pytest.raises(ConfigurationError, match=r"'' of 'notes' is ambiguous; available: "):
        await engine.rollback("notes", "", print)
    with pytest.raises(ConfigurationError, match=r"'1_strs' of 'notes' does not exist; available"):
        await engine.rollback("notes", "1_strs", print)
    assert await applied_states(notebook) == [True, False]


async def test_a_rollback_below_a_migration_without_a_file_is_refused(notebook: Any) -> None:
    """A newer release has applied it."""
    await make(notebook, ONE, "init")
    path = await make(notebook, TWO, "stars")
    await migrate(notebook)
    path.unlink()

    with pytest.raises(ConfigurationError) as raised:
        await notebook.engine(migrations="aerich").rollback("notes", "zero", print)

    assert str(raised.value) == (
        f"migration notes.{path.stem} is applied, and this release has no file for it; run the "
        "rollback with the release that has it"
    )
    assert await applied_states(notebook) == [True, True]


FUNCTIONS = """
CREATE FUNCTION of_note() RETURNS trigger AS $$
BEGIN NEW.text := NEW.text || ';'; RETURN NEW; END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER of_note BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION of_note();
/* a comment; /* and another; */ */
DO $body$ BEGIN INSERT INTO note (text) VALUES (E'it\\'s'); END; $body$;
CREATE FUNCTION two() RETURNS int LANGUAGE sql
BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;
INSERT INTO note (text) VALUES (two()::text); -- it's the end
"""
TRIGGERS = """
# a comment; it's one
CREATE TRIGGER of_note BEFORE INSERT ON note FOR EACH ROW BEGIN
    IF NEW.text <> '' THEN SET NEW.text = CONCAT(NEW.text, ';'); END IF;
    BEGIN SET NEW.text = CASE WHEN TRUE THEN NEW.text END; END;
END;
INSERT INTO note (text) VALUES ('it\\'s'), ("2"); -- it's the end
"""


@pytest.mark.parametrize(
    ("each_url", "script"),
    [("postgres", FUNCTIONS), ("mysql", TRIGGERS)],
    ids=["postgres", "mysql"],
    indirect=["each_url"],
)
async def test_scripts_are_split_by_the_rules_of_their_database(notebook: Any, script: str) -> None:
    """aerich itself runs them whole, so a project may have any of them."""
    await make(notebook, ONE, "init")
    path = await make(notebook, TWO, "stars")
    up, end, down = path.read_text().partition('"""\n\n\nasync def down')
    path.write_text("".join([up, ";", script.replace("\\", "\\\\"), end, down]))

    await migrate(notebook)

    assert await notebook.run("SELECT text FROM note ORDER BY id") == [
        {"text": "it's;"},
        {"text": "2;"},
    ]


async def test_a_file_can_refuse_a_transaction(postgres_notebook: Any) -> None:
    """Its completed statements stay when another one fails."""
    notebook = postgres_notebook
    await make(notebook, ONE, "init")
    path = await make(notebook, TWO, "stars")
    text = path.read_text().replace("RUN_IN_TRANSACTION = True", "RUN_IN_TRANSACTION = False")
    up, end, down = text.partition('"""\n\n\nasync def down')
    index = "CREATE INDEX CONCURRENTLY by_text ON note (text);"
    path.write_text(f"{up}{index} UPDATE nowhere SET x = 1;{end}{down}")

    with pytest.raises(MigrationFailed, match=r"at: UPDATE nowhere .*; its completed statements"):
        await migrate(notebook)
    await notebook.run("DROP INDEX by_text")
    await notebook.run("ALTER TABLE note DROP COLUMN stars")
    path.write_text(f"{up}{index}{end}{down}")
    lines = await migrate(notebook)

    assert lines == [f"notes.{path.stem}: done"]
    assert await notebook.indexes("note") == {("text",)}


async def test_one_connection_of_the_application_suffices(notebook: Any) -> None:
    """The lock holds one, so a run has a pool of its own."""
    await make(notebook, ONE, "init")
    lines: list[str] = []
    engine = notebook.engine(migrations="aerich", pool_max=1, pool_timeout="2s")

    await engine.migrate(None, None, lines.append)

    assert [line.rpartition(": ")[2] for line in lines] == ["done"]


async def test_a_sqlite_file_is_copied_before_rows_are_deleted(sqlite_notebook: Any) -> None:
    """Backward and forward; a migration that deletes nothing makes no copy."""
    notebook = sqlite_notebook
    await make(notebook, ONE, "init")
    path = await make(notebook, TWO, "stars")
    plain = await migrate(notebook)
    await notebook.run("INSERT INTO note (text, stars) VALUES ('hello', 5)")
    lines: list[str] = []

    await notebook.engine(migrations="aerich").rollback("notes", None, lines.append)
    up, end, down = path.read_text().partition('"""\n\n\nasync def down')
    path.write_text(f"{up};\ndrop table if exists seen;{end}{down}")
    lines += await migrate(notebook)

    copies = [line.rpartition(" ")[2] for line in lines if line.startswith("copied")]
    assert [line.rpartition(": ")[2] for line in plain] == ["done", "done"]
    assert [copy.partition(".before-")[2] for copy in copies] == [
        f"{command}-notes-{path.stem}" for command in ("rollback", "migrate")
    ]
    notebook.url = f"sqlite://{copies[0]}"
    assert await notebook.run("SELECT stars FROM note") == [{"stars": 5}]


async def test_python_code_of_a_file_runs_once(notebook: Any) -> None:
    """It does not run when a file is only read, as for the status."""
    await make(notebook, ONE, "init")
    await migrate(notebook)
    path = await make(notebook, TWO, "stars")
    code = "await db.execute_query(\"INSERT INTO note (text) VALUES ('once')\")"
    path.write_text(path.read_text().replace("    return", f"    {code}\n    return", 1))
    engine = notebook.engine(migrations="aerich")

    destructive = await engine.destructive()
    sql = await engine.sql("notes", "1_", backward=False)
    before = await notebook.count("note")
    *copied, last = await migrate(notebook)

    assert destructive == []
    assert sql == ["-- (Python code that uses the database)"]
    assert before == 0
    assert len(copied) == notebook.url.startswith("sqlite")
    assert last == f"notes.{path.stem}: done"
    assert await notebook.count("note") == 1


async def applied_states(notebook: Any) -> list[bool]:
    """Return whether each migration is applied."""
    return [state.applied for state in await notebook.engine(migrations="aerich").states()]
