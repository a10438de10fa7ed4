"""`Database`: what authors and other plugins reach the database by."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sqlite3
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from actionhero import PluginError, Transactions
from actionhero_db.url import DatabaseUrl, Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextvars import Token

    from tortoise.backends.base.client import BaseDBAsyncClient
    from tortoise.context import TortoiseContext

    from actionhero_db.models import Models
    from actionhero_db.settings import DbSettings
    from actionhero_db.work import Work

logger = logging.getLogger("actionhero.db")

_ENGINES = {
    Dialect.SQLITE: "actionhero_db.backends.sqlite",
    Dialect.POSTGRES: "actionhero_db.backends.asyncpg",
    Dialect.MYSQL: "tortoise.backends.mysql",
}
#: How long connections of other event loops may take to be closed.
CLOSE_SECONDS = 3.0


class Database(Transactions):
    """The database of an application: `call.get(Database)`.

    Models need no more than to be used: `await User.create(...)`. Each event loop has connections
    of its own, opened when the first statement wants one.

    Args:
        url: Where it is.
        models: The models of all plugins.
        settings: The pool, and its limits.
    """

    def __init__(self, url: DatabaseUrl, models: Sequence[Models], settings: DbSettings) -> None:
        #: Where it is. Its text is without passwords.
        self.url = url
        #: The models of all plugins.
        self.models = tuple(models)
        self._settings = settings
        self._contexts: WeakKeyDictionary[asyncio.AbstractEventLoop, TortoiseContext] = (
            WeakKeyDictionary()
        )

    @property
    def has_models(self) -> bool:
        """Whether any plugin has models. Without one, nothing is ever connected."""
        return bool(self.models)

    @property
    def dialect(self) -> Dialect:
        """Which kind of database it is."""
        return self.url.dialect

    # -- what authors use ----------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Keep all that is written in a block, or on an exception none of it.

        Inside of another one it joins that, as `Transaction` does.
        """
        work = self.work()
        await work.begin()
        try:
            yield
        except BaseException:
            await work.end(keep=False)
            raise
        await work.end(keep=True)

    async def after_commit(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run `callback` once all that this task has written is kept: to broadcast, to enqueue.

        It runs after the outermost transaction was committed, in the order in which callbacks were
        given, and not at all if that is rolled back. Outside of a transaction it runs at once. A
        callback that fails is logged; what was written stays.

        Args:
            callback: A function, asynchronous or not.
            args: What it is called with.
        """
        from actionhero_db.work import Work, run_callback

        waiting = functools.partial(callback, *args) if args else callback
        work = Work.current(self)
        if work is None:
            await run_callback(waiting)
        else:
            work.after_commit(waiting)

    @property
    def is_open(self) -> bool:
        """Whether this task is in a transaction, so that `after_commit` has to wait."""
        from actionhero_db.work import Work

        return Work.current(self) is not None

    async def connection(self) -> BaseDBAsyncClient:
        """Return the connection for SQL of your own; in a transaction, the one of that."""
        return (await self.context()).connections.get(self.dialect)

    def work(self, *, rehearsal: bool = False) -> Work:
        """Return a transaction to begin and to end; `transaction` does both."""
        from actionhero_db.work import Work

        wait = self._settings.pool_timeout.total_seconds()
        return Work(self, self.dialect, wait, rehearsal=rehearsal)

    # -- the context of models -----------------------------------------------------------------

    async def context(self) -> TortoiseContext:
        """Return Tortoise's context of the running event loop, made when it is first wanted.

        Raises:
            PluginError: There are no models, or they do not fit together.
        """
        loop = asyncio.get_running_loop()
        context = self._contexts.get(loop)
        if context is None:
            if not self.models:
                raise PluginError(
                    "the database was asked for, and no plugin has models; write some in a module "
                    "'models' of the application, or name them by the hook actionhero_db_models"
                )
            from actionhero_db.orm import new_context

            context = await new_context(self.config())
            self._contexts[loop] = context
        return context

    @property
    def opened(self) -> TortoiseContext | None:
        """Tortoise's context of the running event loop, if there is one yet."""
        return self._contexts.get(asyncio.get_running_loop())

    async def enter(self) -> Token[TortoiseContext | None]:
        """Let the models of this task talk to this database, until `leave` in the same task."""
        from actionhero_db.orm import enter

        return enter(await self.context())

    def leave(self, token: Token[TortoiseContext | None]) -> None:
        """Undo `enter`."""
        from actionhero_db.orm import leave

        leave(token)

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Let the models of this task talk to this database for a block: in a script, in a job.

        A call needs no such thing.
        """
        token = await self.enter()
        try:
            yield
        finally:
            self.leave(token)

    def config(self, **credentials: Any) -> dict[str, Any]:
        """Return the configuration of Tortoise.

        Args:
            credentials: What the driver is given beside what is set.
        """
        settings = self._settings
        own: dict[str, Any] = {}
        if self.dialect is not Dialect.MYSQL:
            own["wait_seconds"] = settings.pool_timeout.total_seconds()
        if self.dialect is not Dialect.SQLITE:
            own |= {"minsize": settings.pool_min, "maxsize": settings.pool_max}
        if self.dialect is Dialect.POSTGRES:
            own["connect_seconds"] = settings.connect_timeout.total_seconds()
        return {
            "connections": {
                str(self.dialect): {
                    "engine": _ENGINES[self.dialect],
                    "credentials": {**self.url.credentials, **own, **credentials},
                }
            },
            "apps": {
                models.label: {
                    "models": list(models.modules),
                    "default_connection": str(self.dialect),
                    **({"migrations": models.migrations} if models.migrations else {}),
                }
                for models in self.models
            },
        }

    # -- its life ------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Raise if the database does not answer now."""
        file = self.url.file
        if file is not None:
            # On a connection of its own: ours may be in a long transaction.
            await asyncio.to_thread(_look_at, str(file))
            return
        await (await self.connection()).execute_query("SELECT 1")

    async def close(self) -> None:
        """Close the connections of every event loop.

        One that is left open to a SQLite file would keep the process from ending.
        """
        here = asyncio.get_running_loop()
        contexts, self._contexts = dict(self._contexts), WeakKeyDictionary()
        for loop, context in contexts.items():
            from actionhero_db.orm import close_context, drop_context

            if loop is here:
                await close_context(context)
            elif loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(close_context(context), loop)
                try:
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await asyncio.wrap_future(closing)
                except TimeoutError:
                    drop_context(context)
            else:
                drop_context(context)


def _look_at(path: str) -> None:
    connection = sqlite3.connect(path, timeout=1.0)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    finally:
        connection.close()
