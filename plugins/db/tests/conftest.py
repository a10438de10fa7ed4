"""Databases of both kinds, and a plugin with generated models and migrations."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import secrets
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import asyncmy
import pytest

from actionhero import hookimpl
from actionhero_db import Database, DbSettings, Models
from actionhero_db.migrations.decisions import Decisions
from actionhero_db.migrations.factory import create_engine
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_db.url import DatabaseUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from actionhero_db.migrations.engine import Engine

HEAD = """
from __future__ import annotations

from tortoise import fields
from tortoise.fields.db_defaults import Now
from tortoise.indexes import Index
from tortoise.models import Model

"""
#: The administrator of a new server.
MYSQL_USER = "root"
_numbers = itertools.count(1)


class MySqlServer:
    """A MySQL or MariaDB server, and the databases that tests have created on it.

    Args:
        url: The URL of the server, without a database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._names: list[str] = []

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE `{name}`")
        self._names.append(name)
        return f"{self.url}/{name}"

    def drop_databases(self) -> None:
        """Drop the databases."""
        for name in self._names:
            self.run(f"DROP DATABASE IF EXISTS `{name}`")

    def run(self, *statements: str) -> None:
        """Run statements, from a thread that may have a running event loop."""

        async def run() -> None:
            options = DatabaseUrl.parse(f"{self.url}/mysql").credentials
            connection = await asyncmy.connect(**{**options, "password": options["password"] or ""})
            try:
                async with connection.cursor() as cursor:
                    for statement in statements:
                        await cursor.execute(statement)
            finally:
                await connection.ensure_closed()

        with ThreadPoolExecutor(1) as executor:
            executor.submit(lambda: asyncio.run(run())).result()


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MySqlServer]:
    """Return a server that runs on this machine, or that ACTIONHERO_TEST_MYSQL names.

    Without one, the test is skipped; it fails if `CI` is set.
    """
    url = os.environ.get("ACTIONHERO_TEST_MYSQL") or f"mysql://{MYSQL_USER}@127.0.0.1:3306"
    server = MySqlServer(url.rstrip("/"))
    try:
        server.run("SELECT 1")
    except (OSError, asyncmy.errors.Error) as error:
        reason = f"no MySQL or MariaDB can be used at {url}: {error}"
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)(reason)
    yield server
    server.drop_databases()


@pytest.fixture
def mysql_url(mysql_server: MySqlServer) -> str:
    """Return the URL of an empty database of MySQL or MariaDB."""
    return mysql_server.new_database()


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def each_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each kind in turn."""
    if request.param != "sqlite":
        url: str = request.getfixturevalue(f"{request.param}_url")
        return url
    return f"sqlite://{tmp_path / 'test.sqlite3'}"


class Notebook:
    """A plugin whose models change from version to version, and its database.

    Args:
        folder: The folder for its packages.
        url: The URL of the database.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.name = f"notebook{next(_numbers)}"
        self.folder = folder
        self.url = url
        self.label = "notes"
        self.models = Models(self.label, [])
        self._others: list[Models] = []
        self._versions = itertools.count(1)
        self._open: list[Database] = []
        (folder / f"{self.name}_migrations").mkdir()
        (folder / f"{self.name}_migrations" / "__init__.py").touch()

    @property
    def migrations(self) -> Path:
        """The folder with the migrations."""
        return self.folder / f"{self.name}_migrations"

    def write(self, models: str, *, migrations: bool = True) -> None:
        """Write a new version of the models."""
        module = f"{self.name}_v{next(self._versions)}"
        text = HEAD + textwrap.dedent(models)
        (self.folder / f"{module}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        package = f"{self.name}_migrations" if migrations else None
        self.models = Models(self.label, [module], package)

    def write_migration(self, name: str, operations: str, *, head: str = "") -> None:
        """Write a migration by hand."""
        existing = sorted(path.stem for path in self.migrations.glob("0*.py"))
        dependencies = f"[({self.label!r}, {existing[-1]!r})]" if existing else "[]"
        lines = [
            "from tortoise import fields, migrations",
            "from tortoise.migrations import operations as ops",
            "class Migration(migrations.Migration):",
            f"    dependencies = {dependencies}",
            *(f"    {line}" for line in head.splitlines()),
            f"    operations = [{operations}]",
        ]
        (self.migrations / f"{name}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
        importlib.invalidate_caches()

    def add_models(self, other: Models) -> None:
        """Add the models of another plugin to the same database."""
        self._others.append(other)

    def database(self, **settings: Any) -> Database:
        """Return the database with the current models."""
        url = DatabaseUrl.parse(self.url)
        database = Database(url, [self.models, *self._others], DbSettings(**settings))
        self._open.append(database)
        return database

    def engine(self, **settings: Any) -> Engine:
        """Return the migration engine for the current models."""
        return create_engine(self.database(**settings), DbSettings(**settings))

    async def make(self, models: str, name: str, *options: str) -> str:
        """Change the models, make a migration, and return its text.

        Args:
            models: The new version of the models.
            name: The name of the migration.
            options: Renames, as `Note.text:body`, and fields or models to drop, as `Note.text`.
        """
        self.write(models)
        decisions = Decisions.parse(
            [option for option in options if ":" in option],
            [option for option in options if ":" not in option],
        )
        path = await self.engine().make(self.label, name, decisions)
        assert path is not None
        return path.read_text(encoding="utf-8")

    async def migrate(self) -> list[str]:
        """Run all migrations, and return the reported lines."""
        lines: list[str] = []
        await self.engine().migrate(None, None, lines.append)
        return lines

    async def rollback(self, name: str | None = None) -> list[str]:
        """Undo migrations, and return the reported lines."""
        lines: list[str] = []
        await self.engine().rollback(self.label, name, lines.append)
        return lines

    async def run(self, sql: str) -> list[dict[str, Any]]:
        """Run a statement, and return its rows."""
        connection = await self.database().connection()
        _, rows = await connection.execute_query(sql)
        return [dict(row) for row in rows]

    async def count(self, table: str) -> int:
        """Return the number of rows in a table."""
        quote = "`" if self.url.startswith("mysql") else '"'
        rows = await self.run(f"SELECT count(*) AS number FROM {quote}{table}{quote}")
        return int(rows[0]["number"])

    async def indexes(self, table: str) -> set[tuple[str, ...]]:
        """Return the columns of each index of a table."""
        if self.url.startswith("sqlite"):
            rows = await self.run(f'PRAGMA index_list("{table}")')
            indexes = [await self.run(f'PRAGMA index_info("{row["name"]}")') for row in rows]
            return {tuple(column["name"] for column in columns) for columns in indexes}
        if self.url.startswith("mysql"):
            rows = await self.run(
                "SELECT group_concat(column_name ORDER BY seq_in_index) AS c "
                "FROM information_schema.statistics WHERE table_schema = database() "
                f"AND table_name = '{table}' AND index_name <> 'PRIMARY' GROUP BY index_name"
            )
            return {tuple(row["c"].split(",")) for row in rows}
        rows = await self.run(
            "SELECT ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY k(n, o) "
            "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.n ORDER BY k.o) AS c "
            f"FROM pg_index x WHERE x.indrelid = to_regclass('\"{table}\"') AND NOT x.indisprimary"
        )
        return {tuple(row["c"]) for row in rows}

    async def close(self) -> None:
        """Close every connection."""
        for database in self._open:
            await database.close()


@pytest.fixture
def importable(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on `sys.path`; its modules are unloaded afterwards."""
    folder = tmp_path / "packages"
    folder.mkdir()
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def notebook_of(importable: Path) -> Callable[[str], Notebook]:
    """Return a function that returns a new plugin with models, on the database at a URL."""
    return lambda url: Notebook(importable, url)


@pytest.fixture
async def notebook(importable: Path, each_url: str) -> AsyncIterator[Notebook]:
    """Return a plugin with models, on a database of each kind in turn."""
    notebook = Notebook(importable, each_url)
    yield notebook
    await notebook.close()


@pytest.fixture
async def second_notebook(
    request: pytest.FixtureRequest, importable: Path, each_url: str, tmp_path: Path
) -> AsyncIterator[Notebook]:
    """Return another plugin, on an empty database of the same kind as that of `notebook`."""
    url = f"sqlite://{tmp_path / 'second.sqlite3'}"
    if not each_url.startswith("sqlite"):
        server = f"{each_url.partition(':')[0]}_server"
        url = request.getfixturevalue(server).new_database()
    notebook = Notebook(importable, url)
    yield notebook
    await notebook.close()


@pytest.fixture
async def sqlite_notebook(importable: Path, tmp_path: Path) -> AsyncIterator[Notebook]:
    """Return a plugin with models, on a SQLite file."""
    notebook = Notebook(importable, f"sqlite://{tmp_path / 'test.sqlite3'}")
    yield notebook
    await notebook.close()


@pytest.fixture
async def postgres_notebook(
    importable: Path,
    postgres_url: str,  # noqa: F811 - the fixture
) -> AsyncIterator[Notebook]:
    """Return a plugin with models, on PostgreSQL."""
    notebook = Notebook(importable, postgres_url)
    yield notebook
    await notebook.close()


PEOPLE = """
from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Person(Model):
    id = fields.IntField(primary_key=True)
    email = fields.CharField(max_length=200, unique=True)
    age = fields.IntField(default=0)
"""


class ModelsPlugin:
    """A plugin with the models of one module.

    Args:
        module: The module, whose name is the label of its models.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models(self.module.__name__, [self.module.__name__])]


@pytest.fixture
def models_plugin(importable: Path) -> Callable[[str], ModelsPlugin]:
    """Return a function that makes a plugin of a text of models; `LABEL` is their label."""

    def create(models: str) -> ModelsPlugin:
        name = f"models{next(_numbers)}"
        (importable / f"{name}.py").write_text(models.replace("LABEL", name), encoding="utf-8")
        importlib.invalidate_caches()
        return ModelsPlugin(importlib.import_module(name))

    return create


class People(ModelsPlugin):
    """A plugin with one model, `Person`."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.Person = module.Person


@pytest.fixture
def people(models_plugin: Callable[[str], ModelsPlugin]) -> People:
    """Return a plugin with the model `Person`, which has a unique e-mail address."""
    return People(models_plugin(PEOPLE).module)
