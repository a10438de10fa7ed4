"""`DatabaseContext`: connects the models in a call to the database of its application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Middleware
from actionhero_db.database import Database

if TYPE_CHECKING:
    from actionhero import Application, Call, Outcome


class DatabaseContext(Middleware):
    """Activates Tortoise's context for each call, around all other middleware.

    Every transport runs its calls in its own tasks, so no context can be inherited.

    Args:
        app: The application.
    """

    keeps_outcome = True

    def __init__(self, app: Application) -> None:
        self._app = app
        #: The database, and the functions for contexts, once there is a call.
        self._database: Database | None = None
        self._orm: Any = None

    async def before(self, call: Call) -> None:
        """Activate the database's context of the running event loop."""
        database = self._database
        if database is None:
            if not self._app.has(Database):
                return
            database = self._load()
        if database.models:
            context = database.open_context or await database.context()
            call.scratch[self] = self._orm.activate(context)

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Deactivate the context."""
        token = call.scratch.pop(self, None)
        if token is not None:
            self._orm.deactivate(token)

    def _load(self) -> Database:
        # Not with this module: the import takes long, and commands without calls do not need it.
        from actionhero_db import orm

        self._orm = orm
        self._database = self._app.get(Database)
        return self._database
