"""The panel Database of the console: connections, migrations, and the outbox."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import PluginError
from actionhero.transport import mask_urls
from actionhero_console import CachedRead, Panel, PanelContext
from actionhero_db.database import Database
from actionhero_db.migrations.factory import create_engine
from actionhero_db.migrations.status import read_status
from actionhero_db.models import OUTBOX
from actionhero_db.settings import DbSettings
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from actionhero import Application

logger = logging.getLogger("actionhero.db")

_ASSETS: Final = Path(__file__).parent / "assets"
#: How long the status of migrations is used again: it loads all their files.
STATUS_SECONDS: Final = 30.0
#: How many messages of the outbox are counted.
MAX_MESSAGES: Final = 10_000


async def read_migrations(app: Application) -> dict[str, Any]:
    """Return the status of the migrations."""
    asked_ms = int(time.time() * 1000)
    engine = create_engine(app.get(Database), app.get(DbSettings))
    try:
        status = await read_status(engine)
    except Exception as error:  # noqa: BLE001 - of the driver, or of a file of migrations
        logger.warning("the status of the migrations cannot be read: %s", error)
        return {"error": _error_text(error), "migrations": [], "notes": [], "asked": asked_ms}
    return {
        "error": "" if status.error is None else _error_text(status.error),
        "migrations": [
            {
                "label": state.label,
                "name": state.name,
                "applied": state.applied,
                "known": state.known,
            }
            for state in status.states
        ],
        "notes": [*status.faults, *status.destructive],
        "asked": asked_ms,
    }


def database_panel(app: Application) -> Panel:
    """Return the panel."""

    def connections() -> dict[str, int]:
        used, idle = app.get(Database).connection_counts() if app.has(Database) else (0, 0)
        return {"used": used, "idle": idle}

    return Panel(
        "database",
        "Database",
        order=46,
        reads={
            "connections": read_connections,
            "migrations": CachedRead(partial(read_migrations, app), STATUS_SECONDS),
            "outbox": read_outbox,
        },
        answers={"connections": connections},
        assets=_ASSETS,
    )


async def read_connections(context: PanelContext) -> dict[str, Any]:
    """Return the database in use, and the connections of each process."""
    database, settings = context.app.get(Database), context.app.get(DbSettings)
    answers = await context.ask("connections")
    return {
        "engine": str(database.dialect),
        "url": str(database.url),
        "migrations": settings.migrations,
        # A process has one connection to a SQLite file.
        "maximum": 1 if database.dialect is Dialect.SQLITE else settings.pool_max,
        "processes": [
            {"process": answer.process, "error": answer.error, **(answer.value or {})}
            for answer in answers.answers
        ],
        "missing": list(answers.missing),
        "asked": answers.asked_ms,
        "only_this_process": answers.only_this_process,
    }


async def read_outbox(context: PanelContext) -> dict[str, Any]:
    """Return the numbers of messages in the outbox, by topic."""
    database = context.app.get(Database)
    if OUTBOX not in database.models:
        return {"topics": None, "is_complete": True}
    from actionhero_db.outbox.outbox import DatabaseOutbox

    # First, so that the connection of this query is not among those that are used.
    await context.ask("connections")
    topics = await DatabaseOutbox(database).waiting(MAX_MESSAGES + 1)
    return {
        "topics": [asdict(topic) for topic in topics],
        "is_complete": sum(topic.count for topic in topics) <= MAX_MESSAGES,
    }


def _error_text(error: Exception) -> str:
    """Return the message of an error, if it is one of ours, without passwords."""
    if isinstance(error, PluginError):
        return mask_urls(str(error))
    return f"the database cannot be read ({type(error).__name__}); the log has the reason"
