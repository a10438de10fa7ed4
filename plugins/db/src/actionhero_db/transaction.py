"""`Transaction`: the middleware that runs an action in a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Middleware
from actionhero_db.database import Database

if TYPE_CHECKING:
    from actionhero import Call, Outcome


class Transaction(Middleware):
    """Runs an action in a transaction: `middleware = [Transaction()]`.

    It commits when the action returns a value, and rolls back on an error, a response with the
    status of an error, a timeout and a cancellation. Inside another transaction, as with
    `call.run`, it is a savepoint: its writes can be rolled back alone, and are committed with the
    outer transaction only.

    The call holds a connection for the whole transaction; a SQLite file has only one. Do slow work
    before it, or use `database.transaction()` for a part of `run`.
    """

    begins_transaction = True
    keeps_outcome = True

    async def before(self, call: Call) -> None:
        """Begin the transaction."""
        unit = call.get(Database).unit_of_work()
        await unit.begin()
        call.scratch[self] = unit

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Commit a value, or roll back an error; then run the `after_commit` callbacks."""
        unit = call.scratch.pop(self, None)
        if unit is not None:
            await unit.end(commit=outcome.ok)
