"""Databases of both kinds, and a plugin whose models and migrations a test writes."""

from __future__ import annotations

import importlib
import itertools
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import hookimpl
from actionhero_db import Database, DbSettings, Models
from actionhero_db.migrations.engine import Engine, engine_of
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_db.url import DatabaseUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

HEAD = """
from __future__ import annotations

from tortoise import fields
from tortoise.fields.db_defaults import Now
from tortoise.indexes import Index
from tortoise.models import Model

"""
_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def each_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a test an empty database of each kind, one after the other."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite://{tmp_path / 'test.sqlite3'}"


class Notebook:
    """A plugin with models that change from version to version, and a database.

    Args:
        folder: Where its packages are written.
        url: The database.
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
        """The folder of the migrations."""
        return self.folder / f"{self.name}_migrations"

    def write(self, models: str, *, migrations: bool = True) -> None:
        """Be at a version with these models."""
        module = f"{self.name}_v{next(self._versions)}"
        text = HEAD + textwrap.dedent(models)
        (self.folder / f"{module}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        package = f"{self.name}_migrations" if migrations else None
        self.models = Models(self.label, [module], package)

    def write_migration(self, name: str, operations: str, *, head: str = "") -> None:
        """Write a migration by hand."""
        before = sorted(path.stem for path in self.migrations.glob("0*.py"))
        needed = f"[({self.label!r}, {before[-1]!r})]" if before else "[]"
        lines = [
            "from tortoise import fields, migrations",
            "from tortoise.migrations import operations as ops",
            "class Migration(migrations.Migration):",
            f"    dependencies = {needed}",
            *(f"    {line}" for line in head.splitlines()),
            f"    operations = [{operations}]",
        ]
        (self.migrations / f"{name}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
        importlib.invalidate_caches()

    def beside(self, other: Models) -> None:
        """Have another plugin's models in the same database."""
        self._others.append(other)

    def database(self, **settings: Any) -> Database:
        """Return the database, with the models as they are now."""
        url = DatabaseUrl.parse(self.url)
        database = Database(url, [self.models, *self._others], DbSettings(**settings))
        self._open.append(database)
        return database

    def engine(self, **settings: Any) -> Engine:
        """Return what makes and runs migrations, with the models as they are now."""
        return engine_of(self.database(**settings), DbSettings(**settings))

    async def make(self, models: str, name: str) -> str:
        """Change the models, write a migration for that, and return its text."""
        self.write(models)
        path = await self.engine().make(self.label, name)
        assert path is not None
        return path.read_text(encoding="utf-8")

    async def migrate(self) -> list[str]:
        """Run all migrations, and return what was reported."""
        lines: list[str] = []
        await self.engine().migrate(None, None, lines.append)
        return lines

    async def rollback(self, name: str | None = None) -> list[str]:
        """Undo migrations, and return what was reported."""
        lines: list[str] = []
        await self.engine().rollback(self.label, name, lines.append)
        return lines

    async def run(self, sql: str) -> list[dict[str, Any]]:
        """Run a statement, and return its rows."""
        connection = await self.database().connection()
        _, rows = await connection.execute_query(sql)
        return [dict(row) for row in rows]

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        rows = await self.run(f'SELECT count(*) AS number FROM "{table}"')
        return int(rows[0]["number"])

    async def indexes(self, table: str) -> set[tuple[str, ...]]:
        """Return the columns of each index of a table, whatever the indexes are called."""
        if self.url.startswith("sqlite"):
            rows = await self.run(f'PRAGMA index_list("{table}")')
            found = [await self.run(f'PRAGMA index_info("{row["name"]}")') for row in rows]
            return {tuple(column["name"] for column in columns) for columns in found}
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
    """Give a folder from which modules can be imported, and forget them afterwards."""
    folder = tmp_path / "packages"
    folder.mkdir()
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
async def notebook(importable: Path, each_url: str) -> AsyncIterator[Notebook]:
    """Give a plugin with models, on a database of each kind."""
    notebook = Notebook(importable, each_url)
    yield notebook
    await notebook.close()


@pytest.fixture
async def sqlite_notebook(importable: Path, tmp_path: Path) -> AsyncIterator[Notebook]:
    """Give a plugin with models, on a SQLite file."""
    notebook = Notebook(importable, f"sqlite://{tmp_path / 'test.sqlite3'}")
    yield notebook
    await notebook.close()


@pytest.fixture
async def postgres_notebook(
    importable: Path,
    postgres_url: str,  # noqa: F811 - the fixture
) -> AsyncIterator[Notebook]:
    """Give a plugin with models, on a PostgreSQL."""
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


class People:
    """A plugin with one model: `Person`."""

    def __init__(self, module: Any) -> None:
        self.Person = module.Person
        self._module = module.__name__

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models(f"label_{self._module}", [self._module])]


@pytest.fixture
def people(importable: Path) -> People:
    """Give a plugin with a model `Person`, which has a unique e-mail address."""
    name = f"people{next(_numbers)}"
    (importable / f"{name}.py").write_text(PEOPLE, encoding="utf-8")
    importlib.invalidate_caches()
    return People(importlib.import_module(name))
