"""What becomes of migrations when a process starts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_db.migrations.engine import engine_of
from actionhero_db.settings import DbSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_db.database import Database

logger = logging.getLogger("actionhero.db")


async def bring_up_to_date(app: Application, database: Database) -> None:
    """Run what was not run yet, or in production refuse to start while there is anything.

    Raises:
        ConfigurationError: There are migrations to run, and none runs by itself.
        MigrationFailed: One failed.
    """
    settings = app.get(DbSettings)
    engine = engine_of(database, settings)
    if settings.migrates_in(app.environment):
        await engine.migrate(None, None, lambda line: logger.info("migrations: %s", line))
        if app.environment == "development":
            for label in await engine.changed():
                logger.warning(
                    "the models of %r have changed since their newest migration; run: "
                    "actionhero db make --label %s NAME",
                    label,
                    label,
                )
        return
    lacking = await engine.lacking()
    if lacking:
        raise ConfigurationError(
            f"the database at {database.url} lacks {_listed(lacking)}; run: actionhero db "
            "migrate, or set ACTIONHERO_DB__AUTO_MIGRATE=true"
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
