"""Migrations at the start of a process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_db.migrations.engine import unknown_migrations
from actionhero_db.migrations.factory import create_engine
from actionhero_db.settings import DbSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_db.database import Database

logger = logging.getLogger("actionhero.db")


async def migrate_at_startup(app: Application, database: Database) -> None:
    """Run the pending migrations, or in production refuse to start while there are any.

    Raises:
        ConfigurationError: Migrations are pending, and are not run automatically.
        MigrationFailed: A migration failed.
    """
    settings = app.get(DbSettings)
    engine = create_engine(database, settings)
    for sentence in unknown_migrations(await engine.states()):
        logger.warning("%s", sentence)
    if settings.migrates_in(app.environment):
        await engine.migrate(None, None, lambda line: logger.info("migrations: %s", line))
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


def _shortened(names: list[str]) -> str:
    text = ", ".join(names[:5])
    return text if len(names) <= 5 else f"{text} and {len(names) - 5} more"
