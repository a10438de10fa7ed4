"""aerich as the migration engine: its files, errors and limits."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero import ConfigurationError
from actionhero_db.migrations.aerich_decisions import drops
from actionhero_db.migrations.errors import MigrationFailed, MigrationRefused

ONE = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)

    class Meta:
        table = "note"
"""
TWO = ONE.replace("max_length=20)", "max_length=20)\n    stars = fields.IntField(default=1)")

THREE = TWO.replace("default=1)", "default=1)\n    more = fields.IntField(null=True)")


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
CREATE TRIGGER stars_of_note BEFORE INSERT ON note FOR EACH ROW
IF NEW.stars < 0 THEN SET NEW.stars = 0; SET NEW.text = ''; END IF;
INSERT INTO note (text) VALUES ('it\\'s'), ("2"); -- it's the end
"""


@pytest.mark.parametrize(
    ("each_url", "script"),
    [("postgres", FUNCTIONS), ("mysql", TRIGGERS)],
    ids=["postgres", "mysql"],
    indirect=["each_url"],
)
async def test_scripts_contain_bodies_of_functions_and_triggers(notebook: Any, script: str) -> None:
    """aerich itself runs them whole, so a project may have any of them."""
    await make(notebook, ONE, "init")
    path = await make(notebook, TWO, "stars")
    up, end, down = path.read_text().partition('"""\n\n\nasync def down')
    path.write_text("".join([up, script.replace("\\", "\\\\"), end, down]))

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


@pytest.mark.parametrize("each_url", ["mysql"], indirect=True)
async def test_an_error_of_a_later_statement_is_reported(notebook: Any) -> None:
    """On MySQL, a script is run whole."""
    await make(notebook, ONE, "init")
    path = await make(notebook, TWO, "stars")
    up, end, down = path.read_text().partition('"""\n\n\nasync def down')
    path.write_text(f"{up}UPDATE nowhere SET x = 1; SELECT 1;{end}{down}")

    with pytest.raises(MigrationFailed, match=r"stars failed: .*nowhere.*; its completed state"):
        await migrate(notebook)

    assert await applied_states(notebook) == [True, False]


async def test_a_sqlite_file_is_copied_before_rows_are_deleted(sqlite_notebook: Any) -> None:
    """Backward and forward; a migration that only adds something makes no copy."""
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


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE note DROP stars", "-- none\nUPDATE note SET stars = 0", "DELETE FROM note"],
    ids=["drop", "update", "delete"],
)
async def test_a_sqlite_file_is_copied_before_sql_of_yours(
    sqlite_notebook: Any, statement: str
) -> None:
    """A word such as COLUMN is optional, and statements without a drop delete values as well."""
    notebook = sqlite_notebook
    await make(notebook, ONE, "init")
    await make(notebook, TWO, "stars")
    await migrate(notebook)
    await notebook.run("INSERT INTO note (text, stars) VALUES ('hello', 5)")
    path = await make(notebook, THREE, "more")
    up, end, down = path.read_text().partition('"""\n\n\nasync def down')
    path.write_text(f"{up};\n{statement};{end}{down}")

    lines = await migrate(notebook)

    (copy,) = (line.rpartition(" ")[2] for line in lines if line.startswith("copied"))
    notebook.url = f"sqlite://{copy}"
    assert await notebook.run("SELECT stars FROM note") == [{"stars": 5}]


@pytest.mark.parametrize(
    ("statement", "deleted"),
    [
        ("DROP TABLE a, IF_B , `c` CASCADE", ["a", "IF_B", "c"]),
        ('drop table if exists "s"."a b"', ["s.a b"]),
        ("ALTER TABLE a DROP b", ["a.b"]),
        (
            'ALTER TABLE IF EXISTS ONLY "a" DROP COLUMN IF EXISTS "b", DROP c CASCADE',
            ["a.b", "a.c"],
        ),
        ("ALTER TABLE a ADD x numeric(9, 2), DROP COLUMN b", ["a.b"]),
        ("ALTER TABLE a DROP key, DROP index CASCADE", ["a.key", "a.index"]),
        ("ALTER TABLE [a] DROP [b]", ["a.b"]),
        ("ALTER TABLE a DROP CONSTRAINT IF EXISTS b, DROP PRIMARY KEY, DROP  KEY b", []),
        ("ALTER TABLE a DROP INDEX `b`, DROP FOREIGN KEY `b`, DROP CHECK b", []),
        ("ALTER TABLE a ALTER b DROP NOT NULL, ALTER COLUMN b DROP DEFAULT", []),
    ],
)
def test_deletions_are_recognized(statement: str, deleted: list[str]) -> None:
    """Those of tables and columns, in the notations of all databases."""
    assert drops([statement]) == [
        f"deletes the values of column {name.split('.')[1]!r} of table {name.split('.')[0]!r}"
        if statement.startswith("ALTER")
        else f"deletes the rows of table {name!r}"
        for name in deleted
    ]


#: Python code that adds 1 to all stars, in the ways to reach the database.
CODE = {
    "client": "await db.execute_query('UPDATE note SET stars = stars + 1')",
    "model": "await Note.filter(id__gt=0).update(stars=F('stars') + 1)",
    "transaction": (
        "async with in_transaction() as inner:\n"
        "        await inner.execute_query('UPDATE note SET stars = stars + 1')"
    ),
    "handled": (
        "with suppress(Exception):\n"
        "        await Note.filter(id=0).count()\n"
        "    await Note.filter(id__gt=0).update(stars=F('stars') + 1)"
    ),
    "task": (
        "async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(add())\n\n"
        "async def add():\n"
        "    await Note.filter(id__gt=0).update(stars=F('stars') + 1)"
    ),
}
IMPORTS = """
import asyncio
from contextlib import suppress
from tortoise.expressions import F
from tortoise.transactions import in_transaction
from MODULE import Note
"""


async def make_with_code(notebook: Any, code: str) -> Any:
    """Apply a migration, insert a row, and write a migration with Python code."""
    await make(notebook, TWO, "init")
    await migrate(notebook)
    await notebook.run("INSERT INTO note (text, stars) VALUES ('hello', 5)")
    path = await make(notebook, THREE, "more")
    code, _, function = code.partition("\n\n")
    head, upgrade, rest = path.read_text().partition("async def upgrade")
    rest = rest.replace("    return", f"    {code}\n    return", 1)
    imports = IMPORTS.replace("MODULE", notebook.models.modules[0])
    path.write_text(f"{imports}{head}{function}\n\n{upgrade}{rest}")
    return path


@pytest.mark.parametrize("code", CODE.values(), ids=list(CODE))
async def test_python_code_of_a_file_runs_once(notebook: Any, code: str) -> None:
    """It does not run when a file is only read, as for the status."""
    path = await make_with_code(notebook, code)
    engine = notebook.engine(migrations="aerich")

    destructive = await engine.destructive()
    sql = await engine.sql("notes", "1_", backward=False)
    before = await notebook.run("SELECT stars FROM note")
    *copied, last = await migrate(notebook)

    assert destructive == []
    assert sql == ["-- (Python code that uses the database)"]
    assert before == [{"stars": 5}]
    assert len(copied) == notebook.url.startswith("sqlite")
    assert last == f"notes.{path.stem}: done"
    assert await notebook.run("SELECT stars FROM note") == [{"stars": 6}]


async def test_the_trial_runs_python_code_in_its_own_database(notebook: Any) -> None:
    """Code that uses the models changes nothing in the tables of the application."""
    await make_with_code(notebook, CODE["model"])
    models = THREE.replace("null=True)", "null=True)\n    other = fields.IntField(null=True)")

    assert await make(notebook, models, "other") is not None
    assert await notebook.run("SELECT stars FROM note") == [{"stars": 5}]


async def applied_states(notebook: Any) -> list[bool]:
    """Return whether each migration is applied."""
    return [state.applied for state in await notebook.engine(migrations="aerich").states()]
