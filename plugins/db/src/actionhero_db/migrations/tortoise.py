"""`TortoiseEngine`: Tortoise's own migrations, run behind guards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_db.migrations.backup import back_up, makes_tables_anew
from actionhero_db.migrations.engine import Engine, MigrationState
from actionhero_db.migrations.files import changes_in, write_migration
from actionhero_db.migrations.lock import migration_lock
from actionhero_db.migrations.run import collect, run_backward, run_forward
from actionhero_db.migrations.session import session_of
from actionhero_db.migrations.tables import lacking_tables, make_tables, told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tortoise.migrations.graph import MigrationKey

    from actionhero_db.migrations.engine import Report
    from actionhero_db.migrations.session import Session


class TortoiseEngine(Engine):
    """Tortoise's own migrations.

    Alone they lose rows and indexes on SQLite, miss indexes on every database, and take no lock.
    What keeps them from it: foreign keys are off and are checked afterwards (`run`), tables are
    made anew by `editors`, indexes are compared (`indexes`), what no table with rows could take is
    not written (`files`), one process runs them (`lock`), and a SQLite file is copied before
    (`backup`).
    """

    async def states(self) -> list[MigrationState]:
        """Return all migrations, in the order in which they run."""
        async with session_of(self.database) as session:
            applied = set(await session.applied())
            return [MigrationState(k.app_label, k.name, k in applied) for k in session.plan]

    async def lacking(self) -> list[str]:
        """Return what a start would refuse."""
        async with session_of(self.database) as session:
            found = [str(key) for key in _pending(session, await session.applied())]
            return found + told(await lacking_tables(session))

    async def changed(self) -> list[str]:
        """Return the labels whose models have changed since their newest migration."""
        async with session_of(self.database) as session:
            labels = [label for label, config in session.apps.items() if "migrations" in config]
            return [label for label in labels if await changes_in(session, label)]

    async def make(self, label: str, name: str) -> Path | None:
        """Write a migration for what has changed in the models of `label`."""
        self._know(label)
        async with session_of(self.database) as session:
            return await write_migration(session, label, name)

    async def migrate(self, label: str | None, name: str | None, report: Report) -> None:
        """Run what was not run yet."""
        async with session_of(self.database) as session:
            wanted = self._wanted(session, label, name)
            # Most starts find nothing to do, and need not wait for their turn.
            pending = _pending(session, await session.applied(), wanted)
            if not pending and not await lacking_tables(session):
                return
            async with migration_lock(self.database, session.client, self.wait_seconds):
                await self._migrate(session, wanted, report)

    async def _migrate(self, session: Session, wanted: list[MigrationKey], report: Report) -> None:
        await session.ensure_records()
        applied = await session.applied()
        pending = _pending(session, applied, wanted)
        await self._back_up(session, pending, report)
        state = await session.state_after(applied)
        for key in pending:
            for line in await run_forward(session, key, state):
                report(line)
        for table in await make_tables(session, await lacking_tables(session)):
            report(f"made the table {table!r} as its model is, without a migration")

    async def rollback(self, label: str, name: str | None, report: Report) -> None:
        """Undo migrations of `label`, and those of others that need them."""
        self._know(label)
        async with (
            session_of(self.database) as session,
            migration_lock(self.database, session.client, self.wait_seconds),
        ):
            applied = await session.applied()
            undone = _to_undo(session, applied, label, name)
            await self._back_up(session, undone, report)
            for key in undone:
                left = [other for other in applied if other != key]
                for line in await run_backward(session, key, await session.state_after(left)):
                    report(line)
                applied = left

    async def sql(self, label: str, name: str, *, backward: bool) -> list[str]:
        """Return the statements of a migration, without a database."""
        self._know(label)
        async with session_of(self.database) as session:
            return await collect(session, _find(session, label, name), backward=backward)

    # -- which ones ----------------------------------------------------------------------------

    def _know(self, label: str) -> None:
        labels = [models.label for models in self.database.models]
        if label not in labels:
            raise ConfigurationError(
                f"there are no models of the label {label!r}; there are: "
                f"{', '.join(labels) or 'none'}"
            )

    def _wanted(self, session: Session, label: str | None, name: str | None) -> list[MigrationKey]:
        if label is None:
            return session.plan
        self._know(label)
        if name is None:
            ends = [key for key in session.plan if key.app_label == label]
        else:
            ends = [_find(session, label, name)]
        needed = {key for end in ends for key in session.graph.forwards_plan(end)}
        return [key for key in session.plan if key in needed]

    async def _back_up(self, session: Session, keys: list[MigrationKey], report: Report) -> None:
        file = self.database.url.file
        risky = [key for key in keys if makes_tables_anew(session.migration(key))]
        if file is not None and risky:
            path = await back_up(file, f"{risky[0].app_label}-{risky[0].name}")
            report(f"copied the SQLite file to {path}")


def _pending(
    session: Session, applied: Iterable[MigrationKey], wanted: list[MigrationKey] | None = None
) -> list[MigrationKey]:
    done = set(applied)
    return [key for key in (session.plan if wanted is None else wanted) if key not in done]


def _find(session: Session, label: str, name: str) -> MigrationKey:
    own = [key for key in session.plan if key.app_label == label]
    found = [key for key in own if key.name == name] or [
        key for key in own if key.name.startswith(name)
    ]
    if len(found) != 1:
        names = ", ".join(key.name for key in found or own) or "none"
        what = "is not the only one that begins so" if found else "is not there"
        raise ConfigurationError(f"migration {name!r} of {label!r} {what}; there are: {names}")
    return found[0]


def _to_undo(
    session: Session, applied: list[MigrationKey], label: str, name: str | None
) -> list[MigrationKey]:
    """Return what to undo, the newest first."""
    own = [key for key in session.plan if key.app_label == label and key in applied]
    if not own:
        raise ConfigurationError(f"no migration of {label!r} was run, so there is none to undo")
    if name is None:
        first = own[-1:]
    elif name == "zero":
        first = own
    else:
        target = _find(session, label, name)
        if target not in applied:
            raise ConfigurationError(f"migration {target} was not run, so it is none to go back to")
        later = set(session.graph.backwards_plan(target)) - {target}
        first = [key for key in own if key in later]
    undone = {key for start in first for key in session.graph.backwards_plan(start)}
    return [key for key in reversed(session.plan) if key in undone and key in applied]
