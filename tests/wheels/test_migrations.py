"""Migrations come in the wheel of whoever has the models: up, down and up again, rows kept."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from tests.conftest import Place
from tests.wheels.test_wheels import Environment, build

from actionhero_db.testing import postgres_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero_db.testing import ThrowAwayPostgres

PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "actionhero-library"
    version = "3.0"
    requires-python = ">=3.11"
    dependencies = ["actionhero-db>=0.1,<1"]

    [project.entry-points.actionhero]
    library = "actionhero_library.plugin"

    [tool.hatch.build.targets.wheel]
    packages = ["src/actionhero_library"]
"""

PLUGIN = '''
    """What this package adds to ActionHero."""

    from __future__ import annotations

    from actionhero import hookimpl


    @hookimpl
    def actionhero_db_models():
        from actionhero_db import Models

        return [
            Models(
                "library", ["actionhero_library.models"], migrations="actionhero_library.migrations"
            )
        ]
'''

HEAD = """
from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

"""

#: The models of each version; each comes with one migration more.
VERSIONS = {
    "initial": """
class Book(Model):
    id = fields.IntField(primary_key=True)
    title = fields.CharField(max_length=20)

    class Meta:
        table = "book"
""",
    "loans": """
class Book(Model):
    id = fields.IntField(primary_key=True)
    title = fields.CharField(max_length=20, db_index=True)
    shelf = fields.CharField(max_length=10, db_default="A1")

    class Meta:
        table = "book"


class Loan(Model):
    id = fields.IntField(primary_key=True)
    book = fields.ForeignKeyField("library.Book", related_name="loans")

    class Meta:
        table = "loan"
""",
    "longer": """
class Book(Model):
    id = fields.IntField(primary_key=True)
    title = fields.CharField(max_length=200, db_index=True)
    shelf = fields.CharField(max_length=10, db_default="A1")

    class Meta:
        table = "book"


class Loan(Model):
    id = fields.IntField(primary_key=True)
    book = fields.ForeignKeyField("library.Book", related_name="loans")

    class Meta:
        table = "loan"
""",
}


@dataclass(frozen=True)
class Shipped:
    """A distribution that brings models and migrations.

    Attributes:
        name: Its name.
        label: That of its models.
        oldest: Its first migration.
        write: Writes a row as soon as the first has run.
        read: Reads that row, whatever else has run.
    """

    name: str
    label: str
    oldest: str
    write: str
    read: str


SHIPPED = (
    Shipped(
        "actionhero-library",
        "library",
        "0001_initial",
        "INSERT INTO book (title) VALUES ('Momo')",
        "SELECT title FROM book",
    ),
    Shipped(
        "actionhero-chat",
        "chat",
        "0001_initial",
        "INSERT INTO users (name, email, password_hash, created_at, updated_at) "
        "VALUES ('Ada', 'ada@example.org', '', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
        "SELECT email FROM users WHERE name = 'Ada'",
    ),
)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a test an empty database, once on each that there is."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'shipped.sqlite3'}"
    server: ThrowAwayPostgres = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture(scope="module")
def installed(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    wheel_folder: Path,
) -> Environment:
    """Give a fresh environment with a distribution and what it needs, from nothing but wheels."""
    name = request.param.name
    folder = tmp_path_factory.mktemp(name)
    environment = Environment(folder / "environment", wheel_folder)
    environment.install("actionhero-db", "actionhero-web")
    if name == "actionhero-library":
        environment.install(str(library(environment, folder)))
    else:
        environment.install(name)
    return environment


def library(environment: Environment, folder: Path) -> Path:
    """Make the plugin of somebody else, as they would, and return its wheel."""
    project = folder / "actionhero-library"
    package = project / "src" / "actionhero_library"
    author = Place(folder, folder / "site", enabled=[], program=(str(environment.program),))
    author.write(f"{project}/pyproject.toml", PYPROJECT)
    author.write(f"{package}/__init__.py", "")
    author.write(f"{package}/plugin.py", PLUGIN)
    author.write(f"{package}/migrations/__init__.py", "")
    environment.install_from(project)
    for name, models in VERSIONS.items():
        author.write(f"{package}/models.py", HEAD + models)
        made = author.run("db", "make", "--label", "library", name)
        assert made.code == 0, made
    environment.uninstall("actionhero-library")
    return build(project)


@pytest.fixture
def at(installed: Environment, place: Place) -> Place:
    """Give a folder in which the `actionhero` of that environment is run."""
    place.program = (str(installed.program),)
    # All that is installed is switched on.
    place.enabled = []
    return place


EACH = pytest.mark.parametrize(
    ("installed", "shipped"),
    [pytest.param(shipped, shipped, id=shipped.label) for shipped in SHIPPED],
    indirect=["installed"],
)


def asked(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as a client of the database itself, and return its rows."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite://"))
        try:
            with connection:
                return connection.execute(statement).fetchall()
        finally:
            connection.close()

    async def ask() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def tables(url: str) -> set[str]:
    """Return the names of all tables."""
    if url.startswith("sqlite"):
        return {row[0] for row in asked(url, "SELECT name FROM sqlite_master WHERE type='table'")}
    rows = asked(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows}


def ran(place: Place, url: str, *arguments: str) -> str:
    """Run `actionhero db …`, which is to succeed, and return what it printed."""
    ended = place.run("db", *arguments, DATABASE_URL=url)
    assert ended.code == 0, ended
    return ended.stdout


def applied(place: Place, url: str, label: str) -> dict[str, bool]:
    """Return the migrations of a label, and whether each was run."""
    listed = place.run("db", "status", "--format", "json", DATABASE_URL=url)
    rows = json.loads(listed.stdout)
    states = {row["name"]: row["applied"] for row in rows if row["label"] == label}
    assert listed.code == (0 if all(row["applied"] for row in rows) else 1), listed
    return states


@EACH
def test_from_empty_to_newest_down_and_up_again(at: Place, url: str, shipped: Shipped) -> None:
    """Each step by the command, with a row in the table that is there at every version."""
    names = list(applied(at, url, shipped.label))
    assert names[0] == shipped.oldest

    ran(at, url, "migrate", shipped.label, shipped.oldest)
    asked(url, shipped.write)
    row = asked(url, shipped.read)
    ran(at, url, "migrate")
    newest = tables(url)

    assert asked(url, shipped.read) == row != []
    assert set(applied(at, url, shipped.label).values()) == {True}

    ran(at, url, "rollback", shipped.label, shipped.oldest)

    assert asked(url, shipped.read) == row
    assert [name for name, run in applied(at, url, shipped.label).items() if run] == names[:1]

    ran(at, url, "migrate")

    assert asked(url, shipped.read) == row
    assert tables(url) == newest

    ran(at, url, "rollback", shipped.label, "zero")

    assert set(applied(at, url, shipped.label).values()) == {False}

    ran(at, url, "migrate")

    assert tables(url) == newest
    assert asked(url, shipped.read) == []
    assert ran(at, url, "migrate") == ""


@EACH
def test_two_processes_that_start_at_once_run_them_once(
    at: Place, url: str, shipped: Shipped
) -> None:
    """Both serve, and only one of them tells that it has run something."""
    names = list(applied(at, url, shipped.label))

    started = [at.start("start", "--port", "0", DATABASE_URL=url) for _ in range(2)]
    for running in started:
        running.wait_for(r"listening on http://[\w.]+:(\d+)")
    ended = [running.stop() for running in started]

    assert [end.code for end in ended] == [0, 0]
    told = "".join(end.stderr for end in ended)
    for name in names:
        assert told.count(f"{shipped.label}.{name}: done") == 1, told
    assert set(applied(at, url, shipped.label).values()) == {True}
