"""What lets the models of every call talk to the database of the application it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Middleware
from actionhero_db.database import Database

if TYPE_CHECKING:
    from actionhero import Application, Call, Outcome


class DatabaseSurroundings(Middleware):
    """The outermost middleware: a call begins in whatever task its door has made for it.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def before(self, call: Call) -> None:
        """Enter the database's context of the running event loop."""
        if self._app.has(Database):
            database = self._app.get(Database)
            if database.has_models:
                call.scratch[self] = await database.enter()

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Leave it."""
        token = call.scratch.pop(self, None)
        if token is not None:
            self._app.get(Database).leave(token)
