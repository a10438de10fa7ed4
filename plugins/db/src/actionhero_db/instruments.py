"""The figures of the connections to the database, for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Instrument
from actionhero_db.database import Database

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application


def instruments(app: Application) -> list[Instrument]:
    """Return the instruments of the connections."""
    if not app.has(Database) or not app.get(Database).has_models:
        return []
    database = app.get(Database)

    def connections() -> list[tuple[Mapping[str, str], float]]:
        used, idle = database.connection_counts()
        return [({"state": "used"}, used), ({"state": "idle"}, idle)]

    return [
        Instrument(
            "actionhero.db.connections",
            description="Connections to the database.",
            read=connections,
        )
    ]
