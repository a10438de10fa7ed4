"""`AerichEngine`: aerich's migration files, run under the migration lock and in a transaction.

aerich writes the files only. It takes no lock to run them, and on SQLite it leaves a failed
migration partially applied.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from aerich.exceptions import NotSupportError  # type: ignore[import-untyped,unused-ignore]
from aerich.migrate import Migrate
from aerich.models import Aerich
from aerich.utils import get_models_describe, import_py_module
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from actionhero import ConfigurationError
from actionhero_db.migrations.aerich_decisions import answers, decide, drops, previous_models
from actionhero_db.migrations.decisions import Decisions
from actionhero_db.migrations.engine import (
    Engine,
    MigrationState,
    find_migration,
    rollback_target,
)
from actionhero_db.migrations.errors import MigrationFailed, MigrationRefused
from actionhero_db.migrations.files import migrations_folder, remove_missing_packages
from actionhero_db.migrations.lock import migration_lock
from actionhero_db.migrations.scratch import TrialImpossible, open_scratch
from actionhero_db.migrations.scripts import statements_in
from actionhero_db.migrations.session import Session, has_table
from actionhero_db.migrations.tables import (
    create_tables,
    missing_tables,
    models_without_tables,
    sort_models,
)
from actionhero_db.orm import activated, close_context, create_context
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path
    from types import ModuleType

    from tortoise.models import Model

    from actionhero_db.migrations.engine import Report

#: The label of aerich's own table of applied migrations.
AERICH_LABEL = "aerich"
#: The SQL of a new column that is not nullable.
_NOT_NULL_COLUMN = re.compile(r"""ALTER TABLE \S+ ADD ["`](\w+)["`] .*\bNOT NULL""", re.DOTALL)


class _Run:
    """The connections and files of one run.

    Args:
        session: The connections.
        models: The models by label.
        folders: The folder with the files of each label that has migrations.
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
        ordered = sort_models([model for models in self.models.values() for model in models])
        labels = dict.fromkeys(str(model._meta.app) for model in reversed(ordered))
        return [label for label in reversed(labels) if label in self.folders]

    def files(self, label: str) -> dict[str, ModuleType]:
        """Return the migrations of a label by name, in order."""
        Migrate.app = label
        Migrate.migrate_location = self.folders[label]
        modules = Migrate.get_all_version_modules()
        return {module.name: import_py_module(module) for module in modules}

    async def applied(self, label: str) -> list[str]:
        """Return the names of the applied migrations in their order."""
        if not await has_table(self.client, Aerich._meta.db_table):
            return []
        rows = await Aerich.filter(app=label).order_by("id").values_list("version", flat=True)
        return [str(version).removesuffix(".py") for version in rows]

    def check_label(self, label: str) -> None:
        """Raise `ConfigurationError` if a label has no migrations."""
        if label not in self.folders:
            raise ConfigurationError(
                f"no migrations have the label {label!r}; available: "
                f"{', '.join(self.labels) or 'none'}"
            )


class AerichEngine(Engine):
    """aerich's migrations, in a folder named after the label in the package of migrations."""

    async def states(self) -> list[MigrationState]:
        """Return all migrations, in the order in which they run."""
        async with self._open() as run:
            states = []
            for label in run.labels:
                applied, files = await run.applied(label), run.files(label)
                states += [MigrationState(label, name, name in applied) for name in files]
                states += [
                    MigrationState(label, name, applied=True, known=False)
                    for name in applied
                    if name not in files
                ]
            return states

    async def pending(self) -> list[str]:
        """Return the pending migrations and missing tables, a phrase for each."""
        migrations = [
            f"{item.label}.{item.name}" for item in await self.states() if not item.applied
        ]
        async with self._open() as run:
            return migrations + missing_tables(await models_without_tables(run.session))

    async def destructive(self) -> list[str]:
        """Return a phrase for each statement of a pending migration that drops something."""
        async with self._open() as run:
            phrases = []
            for label in run.labels:
                applied = await run.applied(label)
                for name, module in run.files(label).items():
                    if name not in applied:
                        statements = statements_in(await module.upgrade(run.client))
                        phrases += [f"{label}.{name}: {text}" for text in drops(statements)]
            return phrases

    async def changed_labels(self) -> list[str]:
        """Return nothing: aerich compares models only when it writes a migration."""
        return []

    async def make(
        self, label: str, name: str, decisions: Decisions | None = None, note: Report | None = None
    ) -> Path | None:
        """Write a migration for the changes of the models of `label`."""
        decisions = decisions or Decisions()
        async with self._open(make=label) as run:
            folder = run.folders[label]
            folder.mkdir(exist_ok=True)
            if not run.files(label):
                return await _write_first(run, label)
            _reset()
            await Migrate.init(run.config, label, str(folder.parent), offline=True)
            renames = decide(label, previous_models(), get_models_describe(label), decisions)
            version = None
            try:
                with answers(renames):
                    version = await Migrate.migrate(name, empty=False, offline=True)
                if not version:
                    return None
                path = folder / version
                statements = statements_in(await run.files(label)[path.stem].upgrade(run.client))
                self._reject_failing(statements)
                await _try(run, label, path.stem, note)
                decisions.accept(drops(statements), note)
            except NotSupportError as error:
                raise MigrationRefused(
                    f"aerich does not support this change on {self.database.dialect}: {error}; "
                    "use the engine tortoise, which does"
                ) from error
            except BaseException:
                # aerich has written it before it was checked.
                if version:
                    (folder / version).unlink()
                raise
            return path

    def _reject_failing(self, statements: Iterable[str]) -> None:
        """Reject statements of aerich that would fail on tables with rows."""
        for statement in statements:
            column = _NOT_NULL_COLUMN.search(statement)
            if column is not None and " DEFAULT " not in statement:
                raise MigrationRefused(
                    f"the new column {column[1]!r} is not nullable and has no default, so "
                    "existing rows would have no value; set default=… (aerich ignores "
                    "db_default=…), or null=True"
                )
            if self.database.dialect is Dialect.SQLITE and " DROP FOREIGN KEY " in statement:
                raise MigrationRefused(
                    "aerich does not support dropping a foreign key on sqlite; use the engine "
                    "tortoise, which does"
                )

    async def migrate(self, label: str | None, name: str | None, report: Report) -> None:
        """Run the pending migrations."""
        async with self._open() as run:
            last = None
            if label is not None:
                run.check_label(label)
                if name is not None:
                    last = find_migration(label, name, list(run.files(label)))
            async with migration_lock(self.database, run.client, self.wait_seconds):
                generator = run.client.schema_generator(run.client)
                await run.client.execute_script(_table_sql(generator, Aerich))
                for each in run.labels if label is None else [label]:
                    files, applied = run.files(each), await run.applied(each)
                    selected = list(files)
                    if last is not None:
                        selected = selected[: selected.index(last) + 1]
                    pending = [version for version in selected if version not in applied]
                    for version in pending:
                        statements = statements_in(await files[version].upgrade(run.client))
                        for phrase in drops(statements):
                            report(f"{each}.{version}: {phrase}")
                    for version in pending:
                        await self._execute(run, each, version, files[version], backward=False)
                        report(f"{each}.{version}: done")
                models = await models_without_tables(run.session)
                for table in await create_tables(run.session, models):
                    report(f"created the table {table!r} from its model, without a migration")

    async def rollback(self, label: str, name: str | None, report: Report) -> None:
        """Undo migrations of `label`."""
        async with (
            self._open() as run,
            migration_lock(self.database, run.client, self.wait_seconds),
        ):
            run.check_label(label)
            files, applied = run.files(label), await run.applied(label)
            target = rollback_target(label, name, list(files), applied)
            to_undo = applied[-1:] if name is None else applied
            if target is not None:
                to_undo = applied[applied.index(target) + 1 :]
            for version in reversed(to_undo):
                statements = statements_in(await files[version].downgrade(run.client))
                for phrase in drops(statements):
                    report(f"{label}.{version}: {phrase}")
            for version in reversed(to_undo):
                await self._execute(run, label, version, files[version], backward=True)
                report(f"{label}.{version}: undone")

    async def sql(self, label: str, name: str, *, backward: bool) -> list[str]:
        """Return the statements of a migration."""
        async with self._open() as run:
            run.check_label(label)
            files = run.files(label)
            module = files[find_migration(label, name, list(files))]
            write = module.downgrade if backward else module.upgrade
            return statements_in(await write(run.client))

    async def _execute(
        self, run: _Run, label: str, version: str, module: ModuleType, *, backward: bool
    ) -> None:
        statement = ""
        try:
            async with in_transaction(run.client.connection_name) as client:
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
                            f"rows of table {broken[0]['table']!r} would refer to missing rows of "
                            f"{broken[0]['parent']!r}"
                        )
                if backward:
                    await Aerich.filter(app=label, version=f"{version}.py").delete()
                else:
                    content = get_models_describe(label)
                    await Aerich.create(version=f"{version}.py", app=label, content=content)
        except Exception as error:
            place = f" at: {statement.splitlines()[0]}" if statement else ""
            result = "it was rolled back, and earlier migrations stay applied"
            if self.database.dialect is Dialect.MYSQL:
                result = "its completed statements stay: fix the tables by hand"
            raise MigrationFailed(
                f"migration {label}.{version} failed{place}: {error}; {result}"
            ) from error

    @contextlib.asynccontextmanager
    async def _open(self, make: str | None = None) -> AsyncIterator[_Run]:
        credentials: dict[str, Any] = {}
        if self.database.dialect is Dialect.SQLITE:
            credentials = {"foreign_keys": "OFF"}
        elif self.database.dialect is Dialect.POSTGRES:
            credentials = {"minsize": 0, "maxsize": 2}
        config = self.database.config(**credentials)
        remove_missing_packages(config["apps"])
        labels = list(config["apps"])
        if make is not None and make not in labels:
            raise ConfigurationError(
                f"no models have the label {make!r}; available: {', '.join(labels)}"
            )
        config["apps"][AERICH_LABEL] = {
            "models": ["aerich.models"],
            # Without this, its table would count as one without migrations.
            "migrations": AERICH_LABEL,
            "default_connection": str(self.database.dialect),
        }
        context = await create_context(config)
        try:
            with activated(context):
                apps = config["apps"]
                folders = {
                    label: migrations_folder(apps[label], create=label == make) / label
                    for label in labels
                    if label == make or "migrations" in apps[label]
                }
                registry = context.apps
                models = {
                    label: list(registry[label].values()) if registry is not None else []
                    for label in labels
                }
                client = context.connections.get(str(self.database.dialect))
                yield _Run(Session(context, client, apps), models, folders, config)
        finally:
            await close_context(context)


async def _try(run: _Run, label: str, name: str, note: Report | None) -> None:
    """Run all migrations in a scratch database.

    Raises:
        MigrationRefused: A statement of the new one fails.
    """
    try:
        async with open_scratch(run.client) as client:
            for each in run.labels:
                for version, module in run.files(each).items():
                    for statement in statements_in(await module.upgrade(client)):
                        try:
                            await client.execute_query(statement)
                        except OperationalError as error:
                            if (each, version) != (label, name):
                                raise TrialImpossible(f"{each}.{version}: {error}") from error
                            raise MigrationRefused(
                                f"aerich's statement fails on {client.capabilities.dialect}: "
                                f"{statement}: {error}; use the engine tortoise"
                            ) from error
    except TrialImpossible as error:
        if note is not None:
            note(f"the migration was not tried: {error}")


async def _write_first(run: _Run, label: str) -> Path:
    """Write the migration that creates all tables of a label, and no others."""
    generator = run.client.schema_generator(run.client)
    models = sort_models(run.models[label])
    tables = [table for model in models for table in _tables_of(model)]
    Migrate.app = label
    Migrate.migrate_location = run.folders[label]
    version = await Migrate.generate_version(offline=True)
    text = Migrate.build_migration_file_text(
        upgrade_sql="\n".join(_table_sql(generator, model) for model in models),
        downgrade_sql="\n".join(f'DROP TABLE IF EXISTS "{name}";' for name in reversed(tables)),
        models_state=get_models_describe(label),
    )
    path = run.folders[label] / version
    path.write_text(text, encoding="utf-8")
    return path


def _tables_of(model: type[Model]) -> Iterable[str]:
    yield model._meta.db_table
    for name in sorted(model._meta.m2m_fields):
        field: Any = model._meta.fields_map[name]
        if not field._generated:
            yield str(field.through)


def _table_sql(generator: Any, model: type[Model]) -> str:
    sql = generator._get_table_sql(model, True)
    return "\n".join([sql["table_creation_string"], *sql["m2m_tables"]])


def _reset() -> None:
    """Reset the state of the previous migration, which aerich stores on its class."""
    for name, value in vars(Migrate).items():
        if isinstance(value, list | dict) and not name.startswith("__"):
            value.clear()
    Migrate._last_version_content = None
