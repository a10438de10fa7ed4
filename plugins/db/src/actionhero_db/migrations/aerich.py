"""`AerichEngine`: aerich's files of migrations, run under our lock and in a transaction.

aerich writes the files; they are run here, because aerich itself takes no lock, and on SQLite
leaves a migration that fails half done.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from aerich.exceptions import NotSupportError  # type: ignore[import-untyped,unused-ignore]
from aerich.migrate import Migrate
from aerich.models import Aerich
from aerich.utils import get_models_describe, import_py_module
from tortoise.transactions import in_transaction

from actionhero import ConfigurationError
from actionhero_db.migrations.editors import statements_in
from actionhero_db.migrations.engine import (
    Engine,
    MigrationFailed,
    MigrationRefused,
    MigrationState,
)
from actionhero_db.migrations.files import migrations_folder
from actionhero_db.migrations.lock import migration_lock
from actionhero_db.migrations.session import Session, has_table
from actionhero_db.migrations.tables import in_order, lacking_tables, make_tables, told
from actionhero_db.orm import close_context, entered, new_context
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path
    from types import ModuleType

    from tortoise.models import Model

    from actionhero_db.migrations.engine import Report

#: The label of aerich's own table of what was run.
OWN_LABEL = "aerich"
#: A column that is added to a table, and that must not be null.
_UNFILLABLE = re.compile(r"""ALTER TABLE \S+ ADD ["`](\w+)["`] .*\bNOT NULL""", re.DOTALL)


class _Work:
    """The connections and files of one run.

    Args:
        session: The connections.
        models: The models of each label, by label.
        folders: Where the files of each label are; none if it has no migrations.
        config: Tortoise's configuration.
    """

    def __init__(
        self,
        session: Session,
        models: dict[str, list[type[Model]]],
        folders: dict[str, Path],
        config: dict[str, Any],
    ) -> None:
        self.session = session
        self.client = session.client
        self.models = models
        self.folders = folders
        self.config = config

    @property
    def labels(self) -> list[str]:
        """The labels that have migrations, each after those that it refers to."""
        ordered = in_order([model for models in self.models.values() for model in models])
        labels = dict.fromkeys(str(model._meta.app) for model in reversed(ordered))
        return [label for label in reversed(labels) if label in self.folders]

    def files(self, label: str) -> dict[str, ModuleType]:
        """Return the migrations of a label by their names, in order."""
        Migrate.app = label
        Migrate.migrate_location = self.folders[label]
        found = Migrate.get_all_version_modules()
        return {module.name: import_py_module(module) for module in found}

    async def applied(self, label: str) -> list[str]:
        """Return the names of what was run, in the order in which it was."""
        if not await has_table(self.client, Aerich._meta.db_table):
            return []
        rows = await Aerich.filter(app=label).order_by("id").values_list("version", flat=True)
        return [str(version).removesuffix(".py") for version in rows]


class AerichEngine(Engine):
    """aerich's migrations, in a folder of the label's name in the package of migrations."""

    async def states(self) -> list[MigrationState]:
        """Return all migrations, in the order in which they run."""
        async with self._work() as work:
            found = []
            for label in work.labels:
                applied = await work.applied(label)
                found += [
                    MigrationState(label, name, name in applied) for name in work.files(label)
                ]
            return found

    async def lacking(self) -> list[str]:
        """Return what a start would refuse."""
        found = [f"{item.label}.{item.name}" for item in await self.states() if not item.applied]
        async with self._work() as work:
            return found + told(await lacking_tables(work.session))

    async def changed(self) -> list[str]:
        """Return nothing: aerich compares models only when it writes a migration."""
        return []

    async def make(self, label: str, name: str) -> Path | None:
        """Write a migration for what has changed in the models of `label`."""
        async with self._work(make=label) as work:
            folder = work.folders[label]
            folder.mkdir(exist_ok=True)
            if not work.files(label):
                return await _write_first(work, label)
            _forget()
            await Migrate.init(work.config, label, str(folder.parent), offline=True)
            try:
                version = await Migrate.migrate(name, empty=False, no_input=True, offline=True)
            except NotSupportError as error:
                raise MigrationRefused(
                    f"aerich cannot do this on {self.database.dialect}: {error}; use the engine "
                    "tortoise, which can"
                ) from error
            if not version:
                return None
            path = folder / version
            statements = statements_in(await work.files(label)[path.stem].upgrade(work.client))
            try:
                self._refuse_hopeless(statements)
            except MigrationRefused:
                path.unlink()
                raise
            return path

    def _refuse_hopeless(self, statements: Iterable[str]) -> None:
        """Refuse what aerich has written, and what would fail wherever there are rows."""
        for statement in statements:
            column = _UNFILLABLE.search(statement)
            if column is not None and " DEFAULT " not in statement:
                raise MigrationRefused(
                    f"the new column {column[1]!r} must not be null and has no default, so rows "
                    "that are there could not be kept; give it default=… (aerich does not know "
                    "db_default=…), or null=True"
                )
            if self.database.dialect is Dialect.SQLITE and " DROP FOREIGN KEY " in statement:
                raise MigrationRefused(
                    "aerich cannot drop a foreign key on sqlite; use the engine tortoise, which can"
                )

    async def migrate(self, label: str | None, name: str | None, report: Report) -> None:
        """Run what was not run yet."""
        async with self._work() as work:
            if label is not None:
                self._know(work, label)
            async with migration_lock(self.database, work.client, self.wait_seconds):
                generator = work.client.schema_generator(work.client)
                await work.client.execute_script(_table(generator, Aerich))
                for own in work.labels if label is None else [label]:
                    files, applied = work.files(own), await work.applied(own)
                    for version, module in files.items():
                        if version not in applied:
                            await self._run(work, own, version, module, backward=False)
                            report(f"{own}.{version}: done")
                        if own == label and name is not None and version.startswith(name):
                            break
                for table in await make_tables(work.session, await lacking_tables(work.session)):
                    report(f"made the table {table!r} as its model is, without a migration")

    async def rollback(self, label: str, name: str | None, report: Report) -> None:
        """Undo migrations of `label`."""
        async with (
            self._work() as work,
            migration_lock(self.database, work.client, self.wait_seconds),
        ):
            self._know(work, label)
            files, applied = work.files(label), await work.applied(label)
            if not applied:
                raise ConfigurationError(
                    f"no migration of {label!r} was run, so there is none to undo"
                )
            for version in list(reversed(applied)):
                if name not in {None, "zero"} and version.startswith(str(name)):
                    break
                await self._run(work, label, version, files[version], backward=True)
                report(f"{label}.{version}: undone")
                if name is None:
                    break

    async def sql(self, label: str, name: str, *, backward: bool) -> list[str]:
        """Return the statements of a migration."""
        async with self._work() as work:
            self._know(work, label)
            files = work.files(label)
            found = [module for version, module in files.items() if version.startswith(name)]
            if len(found) != 1:
                raise ConfigurationError(
                    f"migration {name!r} of {label!r} is not there; there are: "
                    f"{', '.join(files) or 'none'}"
                )
            write = found[0].downgrade if backward else found[0].upgrade
            return statements_in(await write(work.client))

    async def _run(
        self, work: _Work, label: str, version: str, module: ModuleType, *, backward: bool
    ) -> None:
        statement = ""
        try:
            async with in_transaction(work.client.connection_name) as client:
                write = module.downgrade if backward else module.upgrade
                statements = statements_in(await write(client))
                if backward and not statements:
                    raise MigrationFailed("it has no downgrade")
                for statement in statements:
                    await client.execute_query(statement)
                statement = ""
                if self.database.dialect is Dialect.SQLITE:
                    _, broken = await client.execute_query("PRAGMA foreign_key_check")
                    if broken:
                        raise MigrationFailed(
                            f"rows of table {broken[0]['table']!r} would refer to rows of "
                            f"{broken[0]['parent']!r} that are not there"
                        )
                if backward:
                    await Aerich.filter(app=label, version=f"{version}.py").delete()
                else:
                    content = get_models_describe(label)
                    await Aerich.create(version=f"{version}.py", app=label, content=content)
        except Exception as error:
            place = f" at: {statement.splitlines()[0]}" if statement else ""
            left = "nothing of it was kept, and those before it stay"
            if self.database.dialect is Dialect.MYSQL:
                left = "what was done before that stays: mend the tables by hand"
            raise MigrationFailed(
                f"migration {label}.{version} failed{place}: {error}; {left}"
            ) from error

    def _know(self, work: _Work, label: str) -> None:
        if label not in work.folders:
            raise ConfigurationError(
                f"there are no migrations of the label {label!r}; there are: "
                f"{', '.join(work.labels) or 'none'}"
            )

    @contextlib.asynccontextmanager
    async def _work(self, make: str | None = None) -> AsyncIterator[_Work]:
        own: dict[str, Any] = {}
        if self.database.dialect is Dialect.SQLITE:
            own = {"foreign_keys": "OFF"}
        elif self.database.dialect is Dialect.POSTGRES:
            own = {"minsize": 0, "maxsize": 2}
        config = self.database.config(**own)
        labels = list(config["apps"])
        if make is not None and make not in labels:
            raise ConfigurationError(
                f"there are no models of the label {make!r}; there are: {', '.join(labels)}"
            )
        config["apps"][OWN_LABEL] = {
            "models": ["aerich.models"],
            # Only so that its table is not taken for one that lacks them.
            "migrations": OWN_LABEL,
            "default_connection": str(self.database.dialect),
        }
        context = await new_context(config)
        try:
            with entered(context):
                apps = config["apps"]
                folders = {
                    label: migrations_folder(apps[label], make=label == make) / label
                    for label in labels
                    if label == make or "migrations" in apps[label]
                }
                registry = context.apps
                models = {
                    label: list(registry[label].values()) if registry is not None else []
                    for label in labels
                }
                client = context.connections.get(str(self.database.dialect))
                yield _Work(Session(context, client, apps), models, folders, config)
        finally:
            await close_context(context)


async def _write_first(work: _Work, label: str) -> Path:
    """Write the migration that makes all tables of a label, and no others."""
    generator = work.client.schema_generator(work.client)
    models = in_order(work.models[label])
    tables = [table for model in models for table in _tables_of(model)]
    Migrate.app = label
    Migrate.migrate_location = work.folders[label]
    version = await Migrate.generate_version(offline=True)
    text = Migrate.build_migration_file_text(
        upgrade_sql="\n".join(_table(generator, model) for model in models),
        downgrade_sql="\n".join(f'DROP TABLE IF EXISTS "{name}";' for name in reversed(tables)),
        models_state=get_models_describe(label),
    )
    path = work.folders[label] / version
    path.write_text(text, encoding="utf-8")
    return path


def _tables_of(model: type[Model]) -> Iterable[str]:
    yield model._meta.db_table
    for name in sorted(model._meta.m2m_fields):
        field: Any = model._meta.fields_map[name]
        if not field._generated:
            yield str(field.through)


def _table(generator: Any, model: type[Model]) -> str:
    found = generator._get_table_sql(model, True)
    return "\n".join([found["table_creation_string"], *found["m2m_tables"]])


def _forget() -> None:
    """Forget what the last migration was made of: aerich keeps it on its class."""
    for name, value in vars(Migrate).items():
        if isinstance(value, list | dict) and not name.startswith("__"):
            value.clear()
    Migrate._last_version_content = None
