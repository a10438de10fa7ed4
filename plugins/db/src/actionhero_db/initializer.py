"""`DatabaseInitializer`: provides `Database`, and sees that it can be used before doors open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actionhero import BootError, Initializer, Transactions, UnavailableError
from actionhero.settings import AppSettings
from actionhero_db.choice import choose
from actionhero_db.database import Database
from actionhero_db.models import models_of
from actionhero_db.settings import DbSettings

if TYPE_CHECKING:
    from tortoise.context import TortoiseContext

    from actionhero import Application

logger = logging.getLogger("actionhero.db")


class DatabaseInitializer(Initializer):
    """The database of all models. Where no plugin has any, nothing is connected."""

    name = "db"
    # Clients of `status` know it by this name.
    check_name = "database"

    def __init__(self) -> None:
        self._database: Database | None = None
        self._before: TortoiseContext | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `Database`."""
        self._database = Database(choose(app), models_of(app), app.get(DbSettings))
        app.provide(Database, self._database)
        app.provide(Transactions, self._database)

    async def start(self, app: Application) -> None:
        """See that the database answers, and that its tables are those of the models.

        From here on the models can be used, in what starts after this, and in a test.

        Raises:
            UnavailableError: It does not answer.
            ConfigurationError: There are migrations to run, and none runs by itself.
        """
        database = app.get(Database)
        if not database.has_models:
            return
        from actionhero_db.failures import translate_failures
        from actionhero_db.migrations.startup import bring_up_to_date
        from actionhero_db.orm import current

        translate_failures(app)
        if app.get(DbSettings).url is None:
            app.get(AppSettings).make_data_dir()
        try:
            await (await database.connection()).execute_query("SELECT 1")
        except BootError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"the database at {database.url} cannot be used: {error}; start it, or set "
                "DATABASE_URL to one that runs"
            ) from error
        await bring_up_to_date(app, database)
        self._before = current()
        await database.enter()
        logger.info("database: %s", database.url)

    async def stop(self, app: Application) -> None:
        """Close every connection."""
        database = self._database
        if database is None or not database.has_models:
            return
        from actionhero_db.orm import restore

        context = database.opened
        await database.close()
        if context is not None:
            restore(context, self._before)

    async def check(self) -> None:
        """Raise if the database does not answer."""
        if self._database is not None and self._database.has_models:
            await self._database.ping()
