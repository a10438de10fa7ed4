"""Migrations are in the wheel of their models: up, down and up again, without losing rows."""

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
    """The contributions of this package to ActionHero."""

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

#: The models of each version; each adds a migration.
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
    """A distribution with models and migrations.

    Attributes:
        name: Its name.
        label: The label of its models.
        oldest: Its first migration.
        write: The statement that writes a row, valid after the first migration.
        read: The statement that reads that row, valid at every version.
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
    Shipped(
        "actionhero-auth",
        "actionhero_auth",
        "0001_initial",
        'INSERT INTO actionhero_api_keys (id, digest, name, "user", kind, created_at) '
        "VALUES ('a', 'b', 'Ada', '7', 'user', CURRENT_TIMESTAMP)",
        "SELECT name FROM actionhero_api_keys WHERE id = 'a'",
    ),
)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database: SQLite, and PostgreSQL."""
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
    """Return a fresh environment with a distribution and its dependencies, from wheels only."""
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
    """Build a third-party plugin, as its author would, and return the wheel."""
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
        command = author.run("db", "make", "--label", "library", name)
        assert command.code == 0, command
    environment.uninstall("actionhero-library")
    return build(project)


@pytest.fixture
def project(installed: Environment, place: Place) -> Place:
    """Return a folder in which the `actionhero` of that environment runs."""
    place.program = (str(installed.program),)
    # An empty list enables all installed plugins.
    place.enabled = []
    return place


EACH = pytest.mark.parametrize(
    ("installed", "shipped"),
    [pytest.param(shipped, shipped, id=shipped.label) for shipped in SHIPPED],
    indirect=["installed"],
)


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement with a client of the database, and return its rows."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite://"))
        try:
            with connection:
                return connection.execute(statement).fetchall()
        finally:
            connection.close()

    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def tables(url: str) -> set[str]:
    """Return the names of all tables."""
    if url.startswith("sqlite"):
        return {row[0] for row in query(url, "SELECT name FROM sqlite_master WHERE type='table'")}
    rows = query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows}


def db(place: Place, url: str, *arguments: str) -> str:
    """Run `actionhero db …`, which has to succeed, and return its output."""
    command = place.run("db", *arguments, DATABASE_URL=url)
    assert command.code == 0, command
    return command.stdout


def applied(place: Place, url: str, label: str) -> dict[str, bool]:
    """Return the migrations of a label, and whether each is applied."""
    command = place.run("db", "status", "--format", "json", DATABASE_URL=url)
    rows = json.loads(command.stdout)
    states = {row["name"]: row["applied"] for row in rows if row["label"] == label}
    assert command.code == (0 if all(row["applied"] for row in rows) else 1), command
    return states


@EACH
def test_migrations_run_up_down_and_up_again(project: Place, url: str, shipped: Shipped) -> None:
    """Each step with the command, and a row in a table of every version."""
    names = list(applied(project, url, shipped.label))
    assert names[0] == shipped.oldest

    db(project, url, "migrate", shipped.label, shipped.oldest)
    query(url, shipped.write)
    row = query(url, shipped.read)
    db(project, url, "migrate")
    newest = tables(url)

    assert query(url, shipped.read) == row != []
    assert set(applied(project, url, shipped.label).values()) == {True}

    db(project, url, "rollback", shipped.label, shipped.oldest)

    assert query(url, shipped.read) == row
    assert [name for name, run in applied(project, url, shipped.label).items() if run] == names[:1]

    db(project, url, "migrate")

    assert query(url, shipped.read) == row
    assert tables(url) == newest

    db(project, url, "rollback", shipped.label, "zero")

    assert set(applied(project, url, shipped.label).values()) == {False}

    db(project, url, "migrate")

    assert tables(url) == newest
    assert query(url, shipped.read) == []
    assert db(project, url, "migrate") == ""


@EACH
def test_two_starting_processes_run_migrations_once(
    project: Place, url: str, shipped: Shipped
) -> None:
    """Both serve, and only one of them logs a migration."""
    names = list(applied(project, url, shipped.label))

    started = [project.start("start", "--port", "0", DATABASE_URL=url) for _ in range(2)]
    for running in started:
        running.wait_for(r"listening on http://[\w.]+:(\d+)")
    commands = [running.stop() for running in started]

    assert [command.code for command in commands] == [0, 0]
    log = "".join(command.stderr for command in commands)
    for name in names:
        assert log.count(f"{shipped.label}.{name}: done") == 1, log
    assert set(applied(project, url, shipped.label).values()) == {True}
