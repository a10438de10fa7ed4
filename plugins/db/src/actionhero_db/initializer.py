"""`DatabaseInitializer`: provides `Database`, and checks it before the servers start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from actionhero import BootError, Initializer, RunMode, Transactions
from actionhero.settings import AppSettings
from actionhero_db.configuration import database_url
from actionhero_db.database import Database
from actionhero_db.models import OUTBOX, models_of
from actionhero_db.settings import DbSettings

if TYPE_CHECKING:
    from tortoise.context import TortoiseContext

    from actionhero import Application
    from actionhero_db.outbox.outbox import DatabaseOutbox

logger = logging.getLogger("actionhero.db")

#: How long a shutdown waits for the deletion of sent messages from the outbox.
FLUSH_SECONDS: Final = 1.0


class DatabaseInitializer(Initializer):
    """The database of all models. Without models, nothing is connected."""

    name = "db"
    # Clients of `status` know it by this name.
    check_name = "database"

    def __init__(self) -> None:
        self._database: Database | None = None
        self._previous_context: TortoiseContext | None = None
        self._outbox: DatabaseOutbox | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `Database`."""
        self._database = Database(database_url(app), models_of(app), app.get(DbSettings))
        app.provide(Database, self._database)
        app.provide(Transactions, self._database)

    async def start(self, app: Application) -> None:
        """Check that the database responds, and that its tables match the models.

        Initializers that start later, and tests, can use the models from here on.

        Raises:
            UnavailableError: The database does not respond.
            ConfigurationError: Migrations are pending, and are not run automatically.
        """
        database = app.get(Database)
        if not database.has_models:
            return
        from actionhero_db.error_translation import register_translations
        from actionhero_db.migrations.startup import migrate_at_startup
        from actionhero_db.orm import current_context

        register_translations(app)
        if app.get(DbSettings).url is None:
            app.get(AppSettings).make_data_dir()
        try:
            await (await database.connection()).execute_query("SELECT 1")
        except BootError:
            raise
        except Exception as error:
            raise database.unavailable_error(error) from error
        await migrate_at_startup(app, database)
        self._previous_context = current_context()
        await database.activate()
        logger.info("database: %s", database.url)
        if OUTBOX in database.models:
            self._start_outbox(app, database)

    def _start_outbox(self, app: Application, database: Database) -> None:
        from actionhero_db.outbox.outbox import DatabaseOutbox
        from actionhero_db.outbox.sweeper import OutboxSweeper

        self._outbox = outbox = DatabaseOutbox(database)
        database.attach_outbox(outbox, outbox.deliver)
        if app.mode is not RunMode.CLI:
            self._sweeping = asyncio.create_task(OutboxSweeper(database, outbox).run())

    async def stop(self, app: Application) -> None:
        """Close every connection."""
        database = self._database
        if database is None or not database.has_models:
            return
        from actionhero_db.orm import replace_context

        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait({self._sweeping})
        database.after_commit_runner.close()
        if self._outbox is not None:
            # Rows that stay are sent again, and dropped by their receiver.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._outbox.flush()
        context = database.open_context
        await database.close()
        if context is not None:
            replace_context(context, self._previous_context)

    async def check(self) -> None:
        """Raise if the database does not respond."""
        if self._database is not None and self._database.has_models:
            await self._database.ping()
