"""`Engine`: what makes and runs migrations, whichever library does the work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from actionhero import BootError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actionhero_db.database import Database
    from actionhero_db.settings import DbSettings

    Report = Callable[[str], None]


class MigrationFailed(BootError):
    """Raised when a migration could not be run; the message says what became of the tables."""

    exit_code: ClassVar[int] = 70


class MigrationRefused(BootError):
    """Raised when a migration would lose or break something, before anything was done."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class MigrationState:
    """One migration, and whether it has been run on this database."""

    label: str
    name: str
    applied: bool


class Engine(ABC):
    """Makes and runs the migrations of a database. Its connections are its own.

    Args:
        database: The database.
        settings: How long to wait for another process that runs migrations.
    """

    def __init__(self, database: Database, settings: DbSettings) -> None:
        self.database = database
        self.wait_seconds = settings.migration_timeout.total_seconds()

    @abstractmethod
    async def states(self) -> list[MigrationState]:
        """Return all migrations, in the order in which they run."""

    @abstractmethod
    async def lacking(self) -> list[str]:
        """Return what a start would refuse: what is to be run or made, a phrase for each."""

    @abstractmethod
    async def changed(self) -> list[str]:
        """Return the labels whose models have changed since their newest migration."""

    @abstractmethod
    async def make(self, label: str, name: str) -> Path | None:
        """Write a migration for what has changed in the models of `label`.

        Returns:
            The new file, or `None` if nothing has changed.

        Raises:
            MigrationRefused: It could not be run where there are rows.
        """

    @abstractmethod
    async def migrate(self, label: str | None, name: str | None, report: Report) -> None:
        """Run what was not run yet, once, however many processes are told to.

        Args:
            label: Only the migrations of this label, and those that they need; `None` for all.
            name: The last one to run; `None` for the newest.
            report: Told one line for each thing that was done.

        Raises:
            MigrationFailed: One failed. Those before it stay.
        """

    @abstractmethod
    async def rollback(self, label: str, name: str | None, report: Report) -> None:
        """Undo migrations of `label`, and those of others that need them.

        Args:
            label: Whose.
            name: The one to go back to, `zero` for before the first; `None` undoes the newest.
            report: Told one line for each thing that was done.

        Raises:
            MigrationFailed: One failed.
        """

    @abstractmethod
    async def sql(self, label: str, name: str, *, backward: bool) -> list[str]:
        """Return the statements of a migration, without running them."""


def engine_of(database: Database, settings: DbSettings) -> Engine:
    """Return the engine that the settings ask for."""
    if settings.migrations == "aerich":
        from actionhero_db.migrations.aerich import AerichEngine

        return AerichEngine(database, settings)
    from actionhero_db.migrations.tortoise import TortoiseEngine

    return TortoiseEngine(database, settings)
