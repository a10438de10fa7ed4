"""The choice of the migration engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionhero_db.database import Database
    from actionhero_db.migrations.engine import Engine
    from actionhero_db.settings import DbSettings


def create_engine(database: Database, settings: DbSettings) -> Engine:
    """Return the engine selected by the settings."""
    if settings.migrations == "aerich":
        from actionhero_db.migrations.aerich import AerichEngine

        return AerichEngine(database, settings)
    from actionhero_db.migrations.tortoise import TortoiseEngine

    return TortoiseEngine(database, settings)
