"""`Engine`: the interface of the engines that create and run migrations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_db.migrations.backup import back_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from actionhero_db.database import Database
    from actionhero_db.migrations.decisions import Decisions
    from actionhero_db.settings import DbSettings

    Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MigrationState:
    """One migration, and whether it is applied to this database."""

    label: str
    name: str
    applied: bool
    #: Whether this release has its file. A newer release may have applied it.
    known: bool = True


def unknown_migrations(states: Iterable[MigrationState]) -> list[str]:
    """Return a sentence about each applied migration that this release does not know."""
    return [
        f"migration {item.label}.{item.name} is applied, and this release has no file for it: the "
        "tables are those of a newer release"
        for item in states
        if not item.known
    ]


def find_migration(label: str, name: str, names: Sequence[str]) -> str:
    """Return the migration of a label that is called `name`, or the only one that begins with it.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    matches = [each for each in names if each == name] or [
        each for each in names if each.startswith(name)
    ]
    if len(matches) != 1:
        fault = "is ambiguous" if matches else "does not exist"
        available = ", ".join(matches or names) or "none"
        raise ConfigurationError(f"migration {name!r} of {label!r} {fault}; available: {available}")
    return matches[0]


def rollback_target(
    label: str, name: str | None, names: Sequence[str], applied: Sequence[str]
) -> str | None:
    """Return the last migration of a label that remains after a rollback to `name`.

    Args:
        label: The label.
        name: Its name, or the beginning of it; `zero`; or `None`.
        names: The migrations with a file.
        applied: The applied migrations.

    Returns:
        `None` for `zero` and `None`.

    Raises:
        ConfigurationError: The rollback is impossible.
    """
    unknown = [each for each in applied if each not in names]
    if unknown:
        raise ConfigurationError(
            f"migration {label}.{unknown[-1]} is applied, and this release has no file for it; "
            "run the rollback with the release that has it"
        )
    if not applied:
        raise ConfigurationError(f"no migration of {label!r} is applied, so none can be undone")
    if name is None or name == "zero":
        return None
    target = find_migration(label, name, names)
    if target not in applied:
        raise ConfigurationError(
            f"migration {label}.{target} is not applied, so a rollback cannot stop there"
        )
    return target


class Engine(ABC):
    """Creates and runs the migrations of a database, on its own connections.

    Args:
        database: The database.
        settings: The settings of the database.
    """

    def __init__(self, database: Database, settings: DbSettings) -> None:
        self.database = database
        self.wait_seconds = settings.migration_timeout.total_seconds()

    @abstractmethod
    async def states(self) -> list[MigrationState]:
        """Return all migrations, in the order in which they run."""

    async def files(self) -> list[MigrationState]:
        """Return the migrations by the names of their files, for `states` that has failed.

        The files are not loaded. This implementation returns none.
        """
        return []

    @abstractmethod
    async def pending(self) -> list[str]:
        """Return the pending migrations and missing tables, a phrase for each."""

    @abstractmethod
    async def changed_labels(self) -> list[str]:
        """Return the labels whose models have changed since their newest migration."""

    @abstractmethod
    async def destructive(self) -> list[str]:
        """Return a phrase for each step of a pending migration that deletes or rounds values."""

    @abstractmethod
    async def make(
        self, label: str, name: str, decisions: Decisions | None = None, note: Report | None = None
    ) -> Path | None:
        """Write a migration for the changes of the models of `label`.

        Args:
            label: The label of the models.
            name: A few words about the change, as a part of the name of the file.
            decisions: Renames, and permissions to delete values.
            note: Called with each warning for the author.

        Returns:
            The new file, or `None` without changes.

        Raises:
            MigrationRefused: The migration would fail, or delete values without a decision.
        """

    @abstractmethod
    async def migrate(self, label: str | None, name: str | None, report: Report) -> None:
        """Run the pending migrations, each in one process only.

        Args:
            label: Only the migrations of this label, and their dependencies; `None` for all.
            name: The last one to run; `None` for the newest.
            report: Called with one line for each completed step.

        Raises:
            MigrationFailed: A migration failed. Those before it stay applied.
        """

    @abstractmethod
    async def rollback(self, label: str, name: str | None, report: Report) -> None:
        """Undo migrations of `label`, and those that depend on them.

        Args:
            label: The label of the migrations.
            name: The last one to remain, `zero` for none; `None` undoes only the newest.
            report: Called with one line for each completed step.

        Raises:
            MigrationFailed: A migration failed.
        """

    @abstractmethod
    async def sql(self, label: str, name: str, *, backward: bool) -> list[str]:
        """Return the statements of a migration, without running them."""

    async def _copy_file(self, command: str, label: str, name: str, report: Report) -> None:
        """Copy a SQLite file before a command runs a migration that may damage it."""
        file = self.database.url.file
        if file is not None:
            report(f"copied the SQLite file to {await back_up(file, f'{command}-{label}-{name}')}")
