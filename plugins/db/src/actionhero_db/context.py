"""`DatabaseContext`: connects the models in a call to the database of its application."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    def __init__(self, app: Application) -> None:
        self._app = app

    async def before(self, call: Call) -> None:
        """Activate the database's context of the running event loop."""
        if self._app.has(Database):
            database = self._app.get(Database)
            if database.has_models:
                call.scratch[self] = await database.activate()

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Deactivate the context."""
        token = call.scratch.pop(self, None)
        if token is not None:
            self._app.get(Database).deactivate(token)
