"""`Transaction`: all that an action writes is kept, or none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Middleware
from actionhero_db.database import Database

if TYPE_CHECKING:
    from actionhero import Call, Outcome


class Transaction(Middleware):
    """Runs an action in a transaction: `middleware = [Transaction()]`.

    It commits when the action returns a value, and rolls back on an error, a timeout and a
    cancellation. Inside of another one, as by `call.run`, it joins: what it wrote can be undone
    alone, by a savepoint, and is kept only if the outer one is.

    From its begin to its end the call holds a connection; a SQLite file has one. Put what takes
    long before it, or use `database.transaction()` for a part of `run`.
    """

    async def before(self, call: Call) -> None:
        """Begin."""
        work = call.get(Database).work()
        await work.begin()
        call.scratch[self] = work

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Commit if there is a value, else roll back; then run what waits for the commit."""
        work = call.scratch.pop(self, None)
        if work is not None:
            await work.end(keep=outcome.ok)
