"""Migrations at the start of a process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_db.migrations.engine import unknown_migrations
from actionhero_db.migrations.factory import create_engine
from actionhero_db.settings import DbSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_db.database import Database
    from actionhero_db.migrations.engine import Engine, MigrationState

logger = logging.getLogger("actionhero.db")


async def migrate_at_startup(app: Application, database: Database) -> None:
    """Run the pending migrations, or in production refuse to start while there are any.

    Unless the setting asks for all of them, they end before the first one that deletes values.

    Raises:
        ConfigurationError: Migrations are pending, and are not run automatically.
        MigrationFailed: A migration failed.
    """
    settings = app.get(DbSettings)
    engine = create_engine(database, settings)
    states = await engine.states()
    for sentence in unknown_migrations(states):
        logger.warning("%s", sentence)
    if settings.migrates_in(app.environment):
        deletions = [] if settings.auto_migrate else await _deletions(engine, states)
        if deletions:
            await _migrate_before(engine, states, deletions)
        else:
            await engine.migrate(None, None, _log)
    elif pending := await engine.pending():
        raise ConfigurationError(
            f"the database at {database.url} is not up to date; pending: {_shortened(pending)}; "
            "run: actionhero db migrate, or set ACTIONHERO_DB__AUTO_MIGRATE=true"
        )
    if app.environment == "development":
        for label in await engine.changed_labels():
            logger.warning(
                "the models of %r have changed since their newest migration; run: "
                "actionhero db make --label %s NAME",
                label,
                label,
            )


def _log(line: str) -> None:
    logger.info("migrations: %s", line)


async def _deletions(engine: Engine, states: Sequence[MigrationState]) -> list[str]:
    """Return a phrase for each pending step that deletes or rounds values of existing tables.

    A label without applied migrations has no tables yet, and runs through its history at once.
    """
    if all(item.applied for item in states):
        return []
    labels = {item.label for item in states if item.applied}
    phrases = await engine.destructive()
    return [phrase for phrase in phrases if phrase.partition(".")[0] in labels]


async def _migrate_before(
    engine: Engine, states: Sequence[MigrationState], deletions: Sequence[str]
) -> None:
    """Run the pending migrations before the first one that deletes values."""
    held = {phrase.partition(": ")[0] for phrase in deletions}
    known = [item for item in states if item.known]
    pending = [item for item in known if not item.applied]
    first = next(i for i, item in enumerate(pending) if f"{item.label}.{item.name}" in held)
    # Also an applied one: tables without migrations are created with every run.
    for item in [*(item for item in known if item.applied)][-1:] + pending[:first]:
        await engine.migrate(item.label, item.name, _log)
    for phrase in deletions:
        name, _, effect = phrase.partition(": ")
        logger.warning(
            "migration %s is not run at the start, because it %s; run: actionhero db migrate",
            name,
            effect,
        )


def _shortened(names: list[str]) -> str:
    text = ", ".join(names[:5])
    return text if len(names) <= 5 else f"{text} and {len(names) - 5} more"
