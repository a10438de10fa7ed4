"""Copies of a SQLite file, before migrations that may damage it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from actionhero_db.migrations.backup import back_up
from actionhero_db.migrations.errors import MigrationFailed

ONE = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)
    {more}

    class Meta:
        table = "note"
"""
NICK = ONE.format(more="nick = fields.TextField(null=True)")


async def begin(notebook: Any) -> None:
    """Create the first version, with one row."""
    await notebook.make(ONE.format(more=""), "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('hello')")


def copies_in(lines: list[str]) -> list[str]:
    """Return the paths of copies that lines report."""
    return [line.rpartition(" ")[2] for line in lines if line.startswith("copied the SQLite file")]


def reason(copy: str) -> str:
    return copy.partition(".sqlite3.before-")[2]


def restrict(file: Path) -> None:
    """Make a file private."""
    file.chmod(0o600)


def copies_of(file: Path) -> dict[str, int]:
    """Return the reason of each copy of a file, with the permissions of the copy."""
    copies = file.parent.glob(f"{file.name}.before-*")
    return {reason(str(copy)): copy.stat().st_mode & 0o777 for copy in copies}


async def test_a_file_is_copied_before_a_table_is_rebuilt(sqlite_notebook: Any) -> None:
    """The copy contains the rows, and its path is reported first."""
    notebook = sqlite_notebook
    await begin(notebook)
    await notebook.make(ONE.format(more="").replace("=20)", "=20, null=True)"), "change")

    lines = await notebook.migrate()

    (copy,) = copies_in(lines[:1])
    assert reason(copy) == "migrate-notes-0002_change"
    notebook.url = f"sqlite://{copy}"
    assert await notebook.count("note") == 1


async def test_a_file_is_copied_before_rows_are_deleted(sqlite_notebook: Any) -> None:
    """Also when no table is rebuilt: a rollback of the first migration drops all of them."""
    notebook = sqlite_notebook
    await begin(notebook)

    deletion, *lines = await notebook.rollback()

    assert "deletes the rows of notes.Note" in deletion
    notebook.url = f"sqlite://{copies_in(lines)[0]}"
    assert await notebook.count("note") == 1


async def test_no_copy_is_replaced(sqlite_notebook: Any) -> None:
    """After a rollback, the only values of a column are those in its copy."""
    notebook = sqlite_notebook
    await begin(notebook)
    await notebook.make(NICK, "nick")
    await notebook.migrate()
    values, copies = ["Ada", "Grace", "Edsger"], []

    for value in values:
        await notebook.run(f"UPDATE note SET nick = '{value}', text = '{value}'")
        copies += copies_in([*await notebook.rollback(), *await notebook.migrate()])

    assert [reason(copy) for copy in copies] == [
        "rollback-notes-0002_nick",
        "migrate-notes-0002_nick.2",
        "rollback-notes-0002_nick.2",
        "migrate-notes-0002_nick.3",
        "rollback-notes-0002_nick.3",
        "migrate-notes-0002_nick.4",
    ]
    for value, copy in zip(values, copies[::2], strict=True):
        notebook.url = f"sqlite://{copy}"
        assert await notebook.run("SELECT nick FROM note") == [{"nick": value}]


async def test_attempts_of_a_failing_migration_share_a_copy(sqlite_notebook: Any) -> None:
    """In development, each start is an attempt. The copy is as private as the file."""
    notebook = sqlite_notebook
    await begin(notebook)
    file = Path(notebook.url.removeprefix("sqlite://"))
    restrict(file)
    notebook.write_migration("0002_fail", 'ops.RunSQL("UPDATE nowhere SET x = 1", "")')

    for _ in range(3):
        with pytest.raises(MigrationFailed, match="nowhere"):
            await notebook.migrate()

    assert copies_of(file) == {"migrate-notes-0002_fail": 0o600}


async def test_an_incomplete_copy_is_deleted(tmp_path: Path) -> None:
    """It would be taken for a complete one."""
    file = tmp_path / "test.sqlite3"
    file.write_bytes(b"not a database" * 100)

    with pytest.raises(sqlite3.DatabaseError):
        await back_up(file, "migrate-notes-0002")

    assert copies_of(file) == {}
