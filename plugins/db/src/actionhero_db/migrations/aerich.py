"""`AerichEngine`: aerich's migration files, run under the migration lock and in a transaction.

aerich writes the files only. It takes no lock to run them, and on SQLite it leaves a failed
migration partially applied. A file with `RUN_IN_TRANSACTION = False` is run without a transaction.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aerich.exceptions import NotSupportError  # type: ignore[import-untyped,unused-ignore]
from aerich.migrate import Migrate
from aerich.models import Aerich
from aerich.utils import get_models_describe
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from actionhero_db.migrations.aerich_decisions import (
    answers,
    decide,
    drops,
    may_damage,
    previous_models,
)
from actionhero_db.migrations.aerich_run import AerichRun, open_run
from actionhero_db.migrations.aerich_scripts import (
    connected,
    read_script,
    run_step,
    script_of,
    steps_of,
)
from actionhero_db.migrations.decisions import Decisions
from actionhero_db.migrations.engine import (
    Engine,
    MigrationState,
    find_migration,
    rollback_target,
)
from actionhero_db.migrations.errors import MigrationFailed, MigrationRefused
from actionhero_db.migrations.lock import migration_lock
from actionhero_db.migrations.scratch import TrialImpossible, open_scratch
from actionhero_db.migrations.scripts import statements_in
from actionhero_db.migrations.tables import (
    create_tables,
    missing_tables,
    models_without_tables,
    sort_models,
)
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import ModuleType

    from tortoise.models import Model

    from actionhero_db.migrations.engine import Report

#: The SQL of a new column that is not nullable.
_NOT_NULL_COLUMN = re.compile(r"""ALTER TABLE \S+ ADD ["`](\w+)["`] .*\bNOT NULL""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Version:
    """A migration, and the module of its file."""

    label: str
    name: str
    module: ModuleType

    def __str__(self) -> str:
        return f"{self.label}.{self.name}"


class AerichEngine(Engine):
    """aerich's migrations, in a folder named after the label in the package of migrations."""

    async def states(self) -> list[MigrationState]:
        """Return all migrations, in the order in which they run."""
        async with open_run(self.database) as run:
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
        async with open_run(self.database) as run:
            return migrations + missing_tables(await models_without_tables(run.session))

    async def destructive(self) -> list[str]:
        """Return a phrase for each statement of a pending migration that drops something."""
        async with open_run(self.database) as run:
            phrases = []
            for label in run.labels:
                applied = await run.applied(label)
                for name, module in run.files(label).items():
                    if name not in applied:
                        statements = await self._read(run, module) or ()
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
        async with open_run(self.database, make=label) as run:
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
                script = await script_of(run.files(label)[path.stem], run.client)
                statements = statements_in(script, self.database.dialect)
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
        async with open_run(self.database) as run:
            last = None
            if label is not None:
                run.check_label(label)
                if name is not None:
                    last = find_migration(label, name, list(run.files(label)))
            async with migration_lock(self.database, run.client, self.wait_seconds):
                generator = run.client.schema_generator(run.client)
                await run.client.execute_script(_table_sql(generator, Aerich))
                pending = []
                for each in run.labels if label is None else [label]:
                    files, applied = run.files(each), await run.applied(each)
                    selected = list(files)
                    if last is not None:
                        selected = selected[: selected.index(last) + 1]
                    names = [name for name in selected if name not in applied]
                    pending += [_Version(each, name, files[name]) for name in names]
                await self._prepare(run, pending, report, backward=False)
                for version in pending:
                    await self._execute(run, version, backward=False)
                    report(f"{version}: done")
                models = await models_without_tables(run.session)
                for table in await create_tables(run.session, models):
                    report(f"created the table {table!r} from its model, without a migration")

    async def rollback(self, label: str, name: str | None, report: Report) -> None:
        """Undo migrations of `label`."""
        async with (
            open_run(self.database) as run,
            migration_lock(self.database, run.client, self.wait_seconds),
        ):
            run.check_label(label)
            files, applied = run.files(label), await run.applied(label)
            target = rollback_target(label, name, list(files), applied)
            to_undo = applied[-1:] if name is None else applied
            if target is not None:
                to_undo = applied[applied.index(target) + 1 :]
            versions = [_Version(label, name, files[name]) for name in reversed(to_undo)]
            await self._prepare(run, versions, report, backward=True)
            for version in versions:
                await self._execute(run, version, backward=True)
                report(f"{version}: undone")

    async def sql(self, label: str, name: str, *, backward: bool) -> list[str]:
        """Return the statements of a migration."""
        async with open_run(self.database) as run:
            run.check_label(label)
            files = run.files(label)
            module = files[find_migration(label, name, list(files))]
            script = await read_script(run, module, backward=backward)
            if script is None:
                return ["-- (Python code that uses the database)"]
            return steps_of(script, self.database.dialect)

    async def _prepare(
        self, run: AerichRun, versions: list[_Version], report: Report, *, backward: bool
    ) -> None:
        """Report what migrations delete, and copy a SQLite file that they may damage."""
        risky: list[_Version] = []
        for version in versions:
            statements = await self._read(run, version.module, backward=backward)
            if statements is None or any(map(may_damage, statements)):
                risky.append(version)
            for phrase in drops(statements or ()):
                report(f"{version}: {phrase}")
        if risky:
            command = "rollback" if backward else "migrate"
            await self._copy_file(command, risky[0].label, risky[0].name, report)

    async def _read(
        self, run: AerichRun, module: ModuleType, *, backward: bool = False
    ) -> list[str] | None:
        """Return the statements of a file; `None` if its Python code uses the database."""
        script = await read_script(run, module, backward=backward)
        return None if script is None else statements_in(script, self.database.dialect)

    async def _execute(self, run: AerichRun, version: _Version, *, backward: bool) -> None:
        label, step = version.label, ""
        # A setting of aerich's files, for statements that a server refuses in a transaction.
        atomic = getattr(version.module, "RUN_IN_TRANSACTION", True)
        try:
            async with (
                in_transaction(run.client.connection_name)
                if atomic
                else contextlib.nullcontext(run.client)
            ) as client:
                script = await script_of(version.module, client, backward=backward)
                steps = steps_of(script, self.database.dialect)
                if backward and not steps:
                    raise MigrationFailed("it has no downgrade")
                for step in steps:
                    await run_step(client, step)
                step = ""
                if self.database.dialect is Dialect.SQLITE:
                    _, broken = await client.execute_query("PRAGMA foreign_key_check")
                    if broken:
                        raise MigrationFailed(
                            f"rows of table {broken[0]['table']!r} would refer to missing rows of "
                            f"{broken[0]['parent']!r}"
                        )
                if backward:
                    await Aerich.filter(app=label, version=f"{version.name}.py").delete()
                else:
                    content = get_models_describe(label)
                    await Aerich.create(version=f"{version.name}.py", app=label, content=content)
        except Exception as error:
            is_mysql = self.database.dialect is Dialect.MYSQL
            # A step on MySQL has all statements, and not only the one that failed.
            place = f" at: {step.splitlines()[0]}" if step and not is_mysql else ""
            result = "it was rolled back, and earlier migrations stay applied"
            if is_mysql or not atomic:
                result = "its completed statements stay: fix the tables by hand"
            raise MigrationFailed(
                f"migration {version} failed{place}: {error}; {result}"
            ) from error


async def _try(run: AerichRun, label: str, name: str, note: Report | None) -> None:
    """Run all migrations in a scratch database.

    Raises:
        MigrationRefused: A statement of the new one fails.
    """
    try:
        async with open_scratch(run.client) as client:
            for each in run.labels:
                for version, module in run.files(each).items():
                    with connected(run, client):
                        script = await script_of(module, client)
                    for step in steps_of(script, client.capabilities.dialect):
                        try:
                            await run_step(client, step)
                        except OperationalError as error:
                            if (each, version) != (label, name):
                                raise TrialImpossible(f"{each}.{version}: {error}") from error
                            raise MigrationRefused(
                                f"aerich's statement fails on {client.capabilities.dialect}: "
                                f"{step}: {error}; use the engine tortoise"
                            ) from error
    except TrialImpossible as error:
        if note is not None:
            note(f"the migration was not tried: {error}")


async def _write_first(run: AerichRun, label: str) -> Path:
    """Write the migration that creates all tables of a label, and no others."""
    generator = run.client.schema_generator(run.client)
    models = sort_models(run.models[label])
    tables = [table for model in models for table in _tables_of(model)]
    Migrate.app = label
    Migrate.migrate_location = run.folders[label]
    version = await Migrate.generate_version(offline=True)
    text = Migrate.build_migration_file_text(
        upgrade_sql="\n".join(_table_sql(generator, model) for model in models),
        downgrade_sql="\n".join(
            f"DROP TABLE IF EXISTS {generator.quote(name)};" for name in reversed(tables)
        ),
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
