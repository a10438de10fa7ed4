"""`actionhero db …`, run as a command in a project."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg  # type: ignore[import-untyped]
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONHERO = Path(sys.executable).with_name("actionhero")
MODELS = """
from tortoise import fields
from tortoise.models import Model


class Entry(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)
    tags = fields.ManyToManyField("book.Tag")


class Tag(Model):
    id = fields.IntField(primary_key=True)
"""
ACTIONS = """
from actionhero import Action
from book.models import Entry


class Sign(Action):
    \"\"\"Sign the book.\"\"\"

    name = "sign"

    async def run(self) -> int:
        await Entry.create(text="hello")
        return await Entry.all().count()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create an application with models and an action, without migrations."""
    package = tmp_path / "book"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(MODELS)
    (package / "actions.py").write_text(ACTIONS)
    settings = '[app]\npackage = "book"\n[plugins]\nenabled = ["db"]\n'
    (tmp_path / "actionhero.toml").write_text(settings)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `actionhero` in the project."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(project),
            "NO_COLOR": "1",
            # Models of the same size that are rewritten within a second would not be compiled.
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }
        return subprocess.run(
            [ACTIONHERO, *arguments],
            cwd=project,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_a_new_project_is_migrated_in_production(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path, postgres_url: str
) -> None:
    """Development creates tables by itself; production starts after `db migrate`."""
    first = run("call", "sign")
    made = run("db", "make", "initial")
    listed = run("db", "status", "--format", "json")
    adopted = run("db", "migrate")
    repeated = run("db", "migrate")
    again = run("call", "sign")
    production = {
        "ACTIONHERO_ENV": "production",
        "DATABASE_URL": postgres_url,
        "ACTIONHERO_APP__SECRET_KEY": "x" * 32,
    }
    process = run("call", "sign", **production)
    migrated = run("db", "migrate", **production)
    signed = run("call", "sign", **production)
    cleared = run("db", "clear", "--yes", **production)

    assert (first.returncode, first.stdout) == (0, "1\n"), first.stderr
    assert made.stdout.strip() == str(project / "book" / "migrations" / "0001_initial.py")
    assert json.loads(listed.stdout) == [
        {"label": "book", "name": "0001_initial", "applied": False, "file": True}
    ]
    assert listed.returncode == 1
    assert adopted.stdout == "book.0001_initial: tables already exist\n"
    assert (repeated.stdout, repeated.stderr) == ("", "there are no pending migrations\n")
    assert again.stdout == "2\n", again.stderr
    assert process.returncode == 78
    assert "pending: book.0001_initial; run: actionhero db migrate" in process.stderr
    assert migrated.stdout == "book.0001_initial: done\n", migrated.stderr
    assert signed.stdout == "1\n", signed.stderr
    assert cleared.returncode == 78
    assert "'db clear' would delete every row, and is refused in production" in cleared.stderr


def test_clear_deletes_every_row(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """It asks for confirmation, unless `--yes` is set."""
    run("call", "sign")
    unconfirmed = run("db", "clear")
    cleared = run("db", "clear", "--yes")
    signed = run("call", "sign")

    assert unconfirmed.returncode == 1
    assert "Delete every row in sqlite://" in unconfirmed.stderr
    assert cleared.stdout == "cleared entry, entry_tag, tag\n", cleared.stderr
    assert signed.stdout == "1\n"


FILL = """
from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("book", "0001_initial")]
    operations = [
        ops.RunSQL("-- a comment\\nUPDATE entry SET text = 'a'"),
        ops.RunSQL("UPDATE entry SET text = 'b'"),
    ]
"""


def test_sql_and_rollback(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """`sql` changes nothing and ends each statement, `rollback` undoes the newest migration."""
    run("db", "make", "initial")
    run("db", "migrate")

    sql = run("db", "sql", "book", "0001")
    undone = run("db", "rollback", "book")
    status = run("db", "status")
    unchanged = run("db", "make", "again")
    written = project / "book" / "migrations" / "0002_fill.py"
    written.write_text(FILL)
    filled = run("db", "sql", "book", "0002")

    assert filled.stdout.splitlines() == [
        "-- Run SQL",
        "-- a comment",
        "UPDATE entry SET text = 'a';",
        "-- Run SQL",
        "UPDATE entry SET text = 'b';",
    ]
    assert 'CREATE TABLE "entry"' in sql.stdout
    *deletions, copied, last = undone.stdout.splitlines()
    assert deletions == [
        "book.0001_initial: deletes the rows of book.Entry (table 'entry', 'entry_tag')",
        "book.0001_initial: deletes the rows of book.Tag (table 'tag')",
    ], undone.stderr
    assert copied.startswith("copied the SQLite file to ")
    assert last == "book.0001_initial: undone"
    assert status.returncode == 1
    assert "0001_initial" in status.stdout
    assert unchanged.stderr == "the models of 'book' have not changed\n"


def test_a_migration_that_would_fail_is_not_written(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """The exit code is 1, and the message contains the remedy."""
    run("db", "make", "initial")
    models = project / "book" / "models.py"
    models.write_text(
        models.read_text().replace(
            "max_length=20)", "max_length=20)\n    ok = fields.BooleanField(default=True)"
        )
    )

    process = run("db", "make", "ok")

    assert process.returncode == 1
    assert "the new field book.Entry.ok is not nullable and has no db_default" in process.stderr
    assert not list((project / "book" / "migrations").glob("0002*"))


def test_a_broken_file_is_named_by_every_command(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """It was written by hand, or imports a class that is gone."""
    run("db", "make", "initial")
    file = project / "book" / "migrations" / "0002_broken.py"
    file.write_text("from nowhere import Color\n")

    for arguments in (["status"], ["make", "x"], ["migrate"], ["sql", "book", "0001"]):
        process = run("db", *arguments)

        assert process.returncode == 78, arguments
        assert file.name in process.stderr
        assert "ModuleNotFoundError: No module named 'nowhere'" in process.stderr
        assert "Traceback" not in process.stderr


RENAMED = MODELS.replace("    text =", "    body =")


def test_renames_without_a_terminal_are_stated(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """The refusal contains the options, and the deletion is listed by every command."""
    run("db", "make", "initial")
    run("db", "migrate")
    (project / "book" / "models.py").write_text(RENAMED)

    refused = run("db", "make", "body")
    malformed = run("db", "make", "body", "--rename", "Entry.text")
    dropped = run("db", "make", "body", "--drop", "Entry.text")
    status = run("db", "status")

    assert refused.returncode == 1
    assert "--rename Entry.text:body to keep its values" in refused.stderr
    assert malformed.returncode == 78
    assert "is not in the form Model.old:new" in malformed.stderr
    assert dropped.returncode == 1
    assert "the new field book.Entry.body is not nullable" in dropped.stderr
    assert status.returncode == 1

    renamed = run("db", "make", "body", "--rename", "Entry.text:body")
    migrated = run("db", "migrate")

    assert renamed.returncode == 0, renamed.stderr
    assert migrated.stdout == "book.0002_body: done\n"


def test_questions_are_asked_in_a_terminal(project: Path) -> None:
    """Standard input is a terminal, and standard output may be a file."""
    (project / "book" / "migrations").mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(project), "NO_COLOR": "1"}

    def make(name: str, answers: str) -> tuple[int, str, str]:
        ours, theirs = pty.openpty()
        os.write(ours, answers.encode())
        try:
            process = subprocess.run(
                [ACTIONHERO, "db", "make", name],
                cwd=project,
                env=environ,
                stdin=theirs,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        return process.returncode, process.stdout, process.stderr

    make("initial", "")
    models = project / "book" / "models.py"
    models.write_text(RENAMED.replace("max_length=20", "max_length=20, null=True"))

    declined = make("body", "n\nn\n")
    confirmed = make("body", "n\ny\n")

    assert declined[0] == 1
    assert "Was book.Entry.text renamed to body?" in declined[2]
    assert "The migration deletes the values of book.Entry.text (column 'text'" in declined[2]
    assert "Write it? [y/N]" in declined[2]
    assert "no migration was written" in declined[2]
    assert (confirmed[0], Path(confirmed[1].strip()).name) == (0, "0002_body.py"), confirmed


def test_migrations_of_a_newer_release_are_reported(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """By the status, and by the check of a deployment."""
    run("db", "make", "initial")
    run("db", "migrate")
    models = project / "book" / "models.py"
    models.write_text(
        MODELS.replace("    tags", "    stars = fields.IntField(null=True)\n    tags")
    )
    run("db", "make", "stars")
    run("db", "migrate")
    (project / "book" / "migrations" / "0002_stars.py").unlink()
    models.write_text(MODELS)

    status = run("db", "status", "--format", "json")
    doctor = run("doctor", "--deploy", "--format", "json")

    sentence = (
        "migration book.0002_stars is applied, and this release has no file for it: the tables "
        "are those of a newer release"
    )
    assert status.returncode == 1
    assert status.stderr == f"{sentence}\n"
    assert json.loads(status.stdout)[1] == {
        "label": "book",
        "name": "0002_stars",
        "applied": True,
        "file": False,
    }
    findings = {item["check"]: item for item in json.loads(doctor.stdout)}
    assert findings["db.migrations"]["finding"] == "warning"
    assert findings["db.migrations"]["message"] == sentence


def test_an_unavailable_server_is_exit_code_69(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Both for a command and for a call."""
    unavailable = {"DATABASE_URL": "postgres://ada:s3cret@127.0.0.1:1/book"}

    status = run("db", "status", **unavailable)
    call = run("call", "sign", **unavailable)

    assert (status.returncode, call.returncode) == (69, 69)
    assert "postgres://ada:******@127.0.0.1:1/book cannot be used" in status.stderr
    assert "s3cret" not in status.stderr + call.stderr


def test_the_status_lists_migrations_beside_one_that_cannot_be_loaded(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """By their files; the error and its exit code follow."""
    run("db", "make", "initial")
    run("db", "migrate")
    [initial] = project.rglob("0001_initial.py")
    (initial.parent / "0002_broken.py").write_text("def broken(:")

    status = run("db", "status", "--format", "json")

    assert status.returncode == 78
    states = [(item["name"], item["applied"], item["file"]) for item in json.loads(status.stdout)]
    assert states == [("0001_initial", True, True), ("0002_broken", False, True)]
    assert "0002_broken.py cannot be loaded: SyntaxError" in status.stderr


def test_commands_without_models_are_refused(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """The message names the module for models."""
    (project / "actionhero.toml").write_text('[plugins]\nenabled = ["db"]\n')

    process = run("db", "status")

    assert process.returncode == 78
    assert "no plugin has models; write some in a module 'models'" in process.stderr


def test_doctor_checks_the_database(
    run: Callable[..., subprocess.CompletedProcess[str]], postgres_url: str
) -> None:
    """For a deployment, a file is a warning, and the configuration of a server is checked."""
    plain = run("doctor", "--format", "json")
    file = run("doctor", "--deploy", "--format", "json")
    server = run("doctor", "--deploy", "--format", "json", DATABASE_URL=postgres_url)

    def findings(process: subprocess.CompletedProcess[str]) -> dict[str, str]:
        return {item["check"]: item["finding"] for item in json.loads(process.stdout)}

    assert findings(plain)["db.url"] == "ok"
    assert findings(plain)["database"] == "ok"
    assert findings(file)["db.url"] == "warning"
    assert findings(file)["db.migrations"] == "ok"
    # The server of the tests is configured for speed.
    assert findings(server)["db.synchronous_commit"] == "warning"
    assert findings(server)["db.pool_max"] == "ok"


def test_help_describes_the_limits_of_the_engines(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """It lists the changes that aerich does not support."""
    process = run("db", "--help")

    assert process.returncode == 0
    assert "SQLite it cannot change a column, or drop a unique one." in process.stdout
    for command in ("status", "make", "migrate", "rollback", "sql", "clear"):
        assert f"\n  {command} " in process.stdout


ENUM = """
from enum import Enum, IntEnum, StrEnum

from tortoise import fields
from tortoise.indexes import PartialIndex
from tortoise.models import Model


class Color(Enum):
    RED = "it's red"


class Level(IntEnum):
    LOW = 1


class Mood(StrEnum):
    GOOD = "good"


class Entry(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)
    color = fields.CharEnumField(Color, db_default=Color.RED)
    level = fields.IntEnumField(Level, default=Level.LOW, db_default=Level.LOW)
    mood = fields.CharField(max_length=9, default=Mood.GOOD, db_default=Mood.GOOD)
    data = fields.JSONField(db_default={"moods": [Mood.GOOD]})

    class Meta:
        indexes = [PartialIndex(fields=["text"], condition={"mood": Mood.GOOD}, name="good")]
"""


def test_enums_can_be_removed_with_their_fields(
    run: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """Migrations contain their values, so that every command still works."""
    models = project / "book" / "models.py"
    models.write_text(ENUM)
    assert run("db", "make", "initial").returncode == 0
    text = (project / "book" / "migrations" / "0001_initial.py").read_text()
    first = run("db", "migrate")
    assert first.returncode == 0, first.stderr
    assert run("call", "sign").stdout == "1\n"
    unchanged = run("db", "make", "unchanged")
    models.write_text(MODELS.replace('    tags = fields.ManyToManyField("book.Tag")\n', ""))

    drops = [
        part
        for name in ("Entry.color", "Entry.level", "Entry.mood", "Entry.data")
        for part in ("--drop", name)
    ]
    made = run("db", "make", "plain", *drops)
    migrated = run("db", "migrate")
    status = run("db", "status")
    called = run("call", "sign")
    undone = run("db", "rollback", "book")

    assert not {"Color", "Level", "Mood", "Enum"} & set(re.findall(r"\w+", text))
    assert "book." not in text
    assert "CharField(" in text
    assert "SmallIntField(" in text
    assert len(list((project / "book" / "migrations").glob("0*.py"))) == 2, unchanged.stdout
    for process in (made, migrated, status, called, undone):
        assert process.returncode == 0, process.stderr
    assert called.stdout == "2\n"


LONG = "a_field_with_more_than_the_sixty_three_bytes_of_a_name_in_postgresql"


async def test_errors_of_the_database_and_of_files_have_no_traceback(
    project: Path, run: Callable[..., subprocess.CompletedProcess[str]], postgres_url: str
) -> None:
    """They are one line, which names the model, the database or the file."""
    too_long = run("db", "make", "x" * 300)
    shutil.rmtree(project / "book" / "migrations")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE reader LOGIN")
    await connection.close()
    reader = re.sub("//[^@]*@", "//reader@", postgres_url)
    forbidden = run("db", "migrate", DATABASE_URL=reader)
    fields = "".join(f"    {LONG}_{number} = fields.IntField()\n" for number in (1, 2))
    (project / "book" / "models.py").write_text(MODELS + fields)
    ambiguous = run("db", "migrate", DATABASE_URL=postgres_url)

    assert [process.returncode for process in (too_long, forbidden, ambiguous)] == [70, 70, 70]
    assert re.fullmatch(r"Error: a file cannot be used: .*0001_x+\.py'\n", too_long.stderr)
    assert re.fullmatch(
        r"Error: the database at postgres://.* has refused a statement: permission denied .*\n",
        forbidden.stderr,
    )
    assert re.fullmatch(
        r"Error: the table 'tag' of model 'book.Tag' cannot be created: column .* "
        r"specified more than once; correct the model, or .*\n",
        ambiguous.stderr,
    )
