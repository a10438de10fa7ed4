"""`TortoiseEngine`: Tortoise's own migrations, with guards against lost rows and indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero.transport import name_hint
from actionhero_db.migrations.decisions import Decisions
from actionhero_db.migrations.destruction import destructive_steps, may_rebuild_tables
from actionhero_db.migrations.engine import (
    Engine,
    MigrationState,
    find_migration,
    rollback_target,
)
from actionhero_db.migrations.execution import (
    backward_steps,
    collect_sql,
    run_backward,
    run_forward,
)
from actionhero_db.migrations.files import names_of_files, write_file
from actionhero_db.migrations.lock import migration_lock
from actionhero_db.migrations.planning import has_changes, plan_migration
from actionhero_db.migrations.session import open_session
from actionhero_db.migrations.steps import copy_state, steps_of
from actionhero_db.migrations.tables import create_tables, missing_tables, models_without_tables

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tortoise.migrations.graph import MigrationKey
    from tortoise.migrations.schema_generator.state import State

    from actionhero_db.migrations.engine import Report
    from actionhero_db.migrations.session import Session


class TortoiseEngine(Engine):
    """Tortoise's own migrations.

    Alone they lose rows and indexes on SQLite, miss indexes on every database, and take no lock.
    The guards: foreign keys are off and checked afterwards (`execution`), tables are rebuilt with
    all their parts (`editors`), indexes are compared (`indexes`), migrations are
    tried before they are written (`planning`), only one process runs them (`lock`), and a SQLite
    file is copied before (`backup`).
    """

    async def states(self) -> list[MigrationState]:
        """Return all migrations, in the order in which they run, and those of newer releases."""
        async with open_session(self.database) as session:
            applied = await session.applied()
            done = set(applied)
            return [
                *(MigrationState(k.app_label, k.name, k in done) for k in session.plan),
                *(
                    MigrationState(k.app_label, k.name, applied=True, known=False)
                    for k in session.unknown(applied)
                ),
            ]

    async def files(self) -> list[MigrationState]:
        """Return the migrations by the names of their files, and those of newer releases."""
        async with open_session(self.database, load_files=False) as session:
            done = dict.fromkeys((key.app_label, key.name) for key in await session.applied())
            files = names_of_files(session.apps)
            return [
                *(MigrationState(*file, file in done) for file in files),
                *(
                    MigrationState(*key, applied=True, known=False)
                    for key in done
                    if key[0] in session.apps and key not in files
                ),
            ]

    async def pending(self) -> list[str]:
        """Return the pending migrations and missing tables, a phrase for each."""
        async with open_session(self.database) as session:
            migrations = [str(key) for key in _pending(session, await session.applied())]
            return migrations + missing_tables(await models_without_tables(session))

    async def destructive(self) -> list[str]:
        """Return a phrase for each step of a pending migration that deletes or rounds values."""
        async with open_session(self.database) as session:
            applied = await session.applied()
            pending = _pending(session, applied)
            return _destructive(session, pending, await session.state_after(applied))

    async def changed_labels(self) -> list[str]:
        """Return the labels whose models have changed since their newest migration."""
        async with open_session(self.database) as session:
            labels = [label for label, config in session.apps.items() if "migrations" in config]
            return [label for label in labels if await has_changes(session, label)]

    async def make(
        self, label: str, name: str, decisions: Decisions | None = None, note: Report | None = None
    ) -> Path | None:
        """Write a migration for the changes of the models of `label`."""
        self._check_label(label)
        decisions = decisions or Decisions()
        async with open_session(self.database) as session:
            plan = await plan_migration(session, label, name, decisions)
            if plan is None:
                return None
            if note is not None:
                for phrase in plan.conditions:
                    note(f"the migration {phrase}")
                if plan.untried is not None:
                    note(f"the migration was not tried on {self.database.url}: {plan.untried}")
            decisions.accept(plan.destructive, note)
            return write_file(session.apps[label], plan.name, plan.text)

    async def migrate(self, label: str | None, name: str | None, report: Report) -> None:
        """Run the pending migrations."""
        async with open_session(self.database) as session:
            selected = self._select(session, label, name)
            # Most starts have nothing to do, and need not wait for the lock.
            pending = _pending(session, await session.applied(), selected)
            if not pending and not await models_without_tables(session):
                return
            async with migration_lock(self.database, session.client, self.wait_seconds):
                await self._migrate(session, selected, report)

    async def _migrate(
        self, session: Session, selected: list[MigrationKey], report: Report
    ) -> None:
        await session.create_recorder_table()
        applied = await session.applied()
        pending = _pending(session, applied, selected)
        state = await session.state_after(applied)
        deletions = _destructive(session, pending, copy_state(state))
        await self._prepare(session, "migrate", pending, deletions, report)
        for key in pending:
            for line in await run_forward(session, key, state):
                report(line)
        for table in await create_tables(session, await models_without_tables(session)):
            report(f"created the table {table!r} from its model, without a migration")

    async def rollback(self, label: str, name: str | None, report: Report) -> None:
        """Undo migrations of `label`, and those that depend on them."""
        self._check_label(label)
        async with (
            open_session(self.database) as session,
            migration_lock(self.database, session.client, self.wait_seconds),
        ):
            applied = await session.applied()
            to_undo = _to_undo(session, applied, label, name)
            deletions = await _destructive_backward(session, applied, to_undo)
            await self._prepare(session, "rollback", to_undo, deletions, report)
            for key in to_undo:
                remaining = [other for other in applied if other != key]
                state = await session.state_after(remaining)
                for line in await run_backward(session, key, state):
                    report(line)
                applied = remaining

    async def sql(self, label: str, name: str, *, backward: bool) -> list[str]:
        """Return the statements of a migration, without a database."""
        self._check_label(label)
        async with open_session(self.database) as session:
            return await collect_sql(session, _find(session, label, name), backward=backward)

    # -- selection -------------------------------------------------------------------------------

    def _check_label(self, label: str) -> None:
        labels = [models.label for models in self.database.models]
        if label not in labels:
            raise ConfigurationError(
                f"no models have the label {label!r}; {name_hint(label, labels)}"
            )

    def _select(self, session: Session, label: str | None, name: str | None) -> list[MigrationKey]:
        if label is None:
            return session.plan
        self._check_label(label)
        if name is None:
            targets = [key for key in session.plan if key.app_label == label]
        else:
            targets = [_find(session, label, name)]
        selected = {key for target in targets for key in session.graph.forwards_plan(target)}
        return [key for key in session.plan if key in selected]

    async def _prepare(
        self,
        session: Session,
        command: str,
        keys: list[MigrationKey],
        deletions: list[str],
        report: Report,
    ) -> None:
        """Report what migrations delete, and copy a SQLite file that they may damage."""
        for phrase in deletions:
            report(phrase)
        risky = [key for key in keys if may_rebuild_tables(session.migration(key))]
        if deletions:
            risky = risky or keys
        if risky:
            await self._copy_file(command, risky[0].app_label, risky[0].name, report)


def _pending(
    session: Session, applied: Iterable[MigrationKey], selected: list[MigrationKey] | None = None
) -> list[MigrationKey]:
    done = set(applied)
    return [key for key in (session.plan if selected is None else selected) if key not in done]


def _destructive(session: Session, keys: Iterable[MigrationKey], state: State) -> list[str]:
    """Return a phrase for each destructive step; `state` becomes that after the migrations."""
    return [
        f"{key}: {phrase}"
        for key in keys
        for phrase in destructive_steps(steps_of(session.migration(key), state))
    ]


async def _destructive_backward(
    session: Session, applied: Iterable[MigrationKey], to_undo: Iterable[MigrationKey]
) -> list[str]:
    phrases = []
    remaining = list(applied)
    for key in to_undo:
        remaining.remove(key)
        steps = backward_steps(session.migration(key), await session.state_after(remaining))
        phrases += [f"{key}: {phrase}" for phrase in destructive_steps(steps)]
    return phrases


def _find(session: Session, label: str, name: str) -> MigrationKey:
    keys = {key.name: key for key in session.plan if key.app_label == label}
    return keys[find_migration(label, name, list(keys))]


def _to_undo(
    session: Session, applied: list[MigrationKey], label: str, name: str | None
) -> list[MigrationKey]:
    """Return the migrations to undo, the newest first."""
    plan = {key.name: key for key in session.plan if key.app_label == label}
    target = rollback_target(
        label, name, list(plan), [key.name for key in applied if key.app_label == label]
    )
    selected = [key for key in plan.values() if key in applied]
    if name is None:
        selected = selected[-1:]
    elif target is not None:
        later = set(session.graph.backwards_plan(plan[target])) - {plan[target]}
        selected = [key for key in selected if key in later]
    to_undo = {key for start in selected for key in session.graph.backwards_plan(start)}
    return [key for key in reversed(session.plan) if key in to_undo and key in applied]
