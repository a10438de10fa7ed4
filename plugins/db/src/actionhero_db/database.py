"""`Database`: the interface of the database for authors of actions and other plugins."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sqlite3
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from actionhero import PluginError, Transactions, UnavailableError
from actionhero.transport import check_disk_space
from actionhero_db.after_commit import AfterCommitRunner, run_callback
from actionhero_db.url import DatabaseUrl, Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextvars import Token

    from tortoise.backends.base.client import BaseDBAsyncClient
    from tortoise.context import TortoiseContext

    from actionhero import Outbox
    from actionhero_db.after_commit import Deliver
    from actionhero_db.models import Models
    from actionhero_db.settings import DbSettings
    from actionhero_db.unit_of_work import UnitOfWork

logger = logging.getLogger("actionhero.db")

_ENGINES = {
    Dialect.SQLITE: "actionhero_db.backends.sqlite",
    Dialect.POSTGRES: "actionhero_db.backends.asyncpg",
    Dialect.MYSQL: "actionhero_db.backends.mysql",
}
#: How long to wait while the connections of another event loop are closed.
CLOSE_SECONDS = 3.0


class Database(Transactions):
    """The database of an application: `call.get(Database)`.

    Models need no setup inside a call: `await User.create(...)`. Each event loop has its own
    connections, opened by the first statement.

    Args:
        url: The URL of the database.
        models: The models of all plugins.
        settings: The pool, and its limits.
    """

    def __init__(self, url: DatabaseUrl, models: Sequence[Models], settings: DbSettings) -> None:
        #: The URL. Its text contains no password.
        self.url = url
        #: The models of all plugins.
        self.models = tuple(models)
        self._settings = settings
        self._outbox: Outbox | None = None
        #: Runs what follows the commits.
        self.after_commit_runner = AfterCommitRunner()
        self._contexts: WeakKeyDictionary[asyncio.AbstractEventLoop, TortoiseContext] = (
            WeakKeyDictionary()
        )

    @property
    def has_models(self) -> bool:
        """Whether any plugin has models. Without models, nothing is ever connected."""
        return bool(self.models)

    @property
    def dialect(self) -> Dialect:
        """The kind of database."""
        return self.url.dialect

    # -- transactions and SQL --------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit all writes of a block together, or roll them back on an exception.

        Inside another transaction it is a savepoint, as with `Transaction`.
        """
        unit = self.unit_of_work()
        await unit.begin()
        try:
            yield
        except BaseException:
            await unit.end(commit=False)
            raise
        await unit.end(commit=True)

    async def after_commit(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run `callback` once the writes of this task are committed, such as to broadcast.

        Callbacks run after the commit of the outermost transaction, in the order of registration,
        and not at all after a rollback. Outside a transaction the callback runs immediately. A
        callback that fails is logged; the writes stay, and the other callbacks run. They run to
        their end, although the call is cancelled meanwhile. If the process is killed before, they
        are lost; jobs are not.

        Args:
            callback: A function, asynchronous or not.
            args: Its arguments.
        """
        from actionhero_db.unit_of_work import UnitOfWork

        bound = functools.partial(callback, *args) if args else callback
        unit = UnitOfWork.current(self)
        if unit is None:
            await run_callback(bound)
        else:
            unit.after_commit(bound)

    def before_commit(self, callback: Callable[[list[Any]], Awaitable[object]], item: Any) -> bool:
        """Call `callback` with `item` in the outermost transaction, right before its commit.

        It is called once for all items, and not for those of a savepoint that is rolled back. If it
        fails, the transaction is rolled back. See `Transactions.before_commit`.
        """
        from actionhero_db.unit_of_work import UnitOfWork

        unit = UnitOfWork.current(self)
        return unit is not None and unit.before_commit(callback, item)

    def items_before_commit(self, callback: Callable[[list[Any]], Awaitable[object]]) -> list[Any]:
        """Return the items for `callback` of the open units of work, in their order."""
        from actionhero_db.unit_of_work import UnitOfWork

        unit = UnitOfWork.current(self)
        return [] if unit is None else unit.items_before_commit(callback)

    @property
    def is_open(self) -> bool:
        """Whether this task is in a transaction, so that `after_commit` has to wait."""
        from actionhero_db.unit_of_work import UnitOfWork

        return UnitOfWork.current(self) is not None

    @contextlib.asynccontextmanager
    async def driver_connection(self) -> AsyncIterator[Any]:
        """Provide the driver's connection of the current transaction, exclusively for a block.

        What is written over it is committed, or rolled back, with the transaction. It is an
        `asyncpg.Connection` for PostgreSQL, an `aiosqlite.Connection` for SQLite, and an
        `asyncmy.connection.Connection` for MySQL; `None` outside of a transaction.
        """
        if not self.is_open:
            yield None
            return
        async with (await self.connection()).acquire_connection() as connection:
            yield connection

    async def connection(self) -> BaseDBAsyncClient:
        """Return the connection for SQL of your own; in a transaction, its connection."""
        return (await self.context()).connections.get(self.dialect)

    def unit_of_work(self, *, run_inner_callbacks: bool = False) -> UnitOfWork:
        """Return a unit of work, to begin and to end; `transaction` does both."""
        from actionhero_db.unit_of_work import UnitOfWork

        return UnitOfWork(
            self,
            self.dialect,
            self._settings.pool_timeout.total_seconds(),
            self.after_commit_runner,
            run_inner_callbacks=run_inner_callbacks,
        )

    @property
    def outbox(self) -> Outbox | None:
        """The outbox; `None` if no plugin uses it, or there are no models."""
        return self._outbox

    def attach_outbox(self, outbox: Outbox, deliver: Deliver) -> None:
        """Send messages of `outbox` after each commit, with the function `deliver`."""
        self._outbox = outbox
        self.after_commit_runner.deliver = deliver

    # -- the context of the models ---------------------------------------------------------------

    async def context(self) -> TortoiseContext:
        """Return Tortoise's context of the running event loop, created on first use.

        Raises:
            PluginError: There are no models, or they are inconsistent.
        """
        loop = asyncio.get_running_loop()
        context = self._contexts.get(loop)
        if context is None:
            if not self.models:
                raise PluginError(
                    "the database was requested, but no plugin has models; write some in a module "
                    "'models' of the application, or name them in the hook actionhero_db_models"
                )
            from actionhero_db.orm import create_context

            context = await create_context(self.config())
            self._contexts[loop] = context
        return context

    @property
    def open_context(self) -> TortoiseContext | None:
        """Tortoise's context of the running event loop; `None` before its first use."""
        return self._contexts.get(asyncio.get_running_loop())

    def connection_counts(self) -> tuple[int, int]:
        """Return how many connections of this process are used, and how many are idle."""
        from actionhero_db.backends.connection_counts import connection_counts

        counts = [
            connection_counts(client)
            for context in tuple(self._contexts.values())
            for client in context.connections.all()
        ]
        return sum(used for used, _ in counts), sum(idle for _, idle in counts)

    async def activate(self) -> Token[TortoiseContext | None]:
        """Connect the models in this task to this database, until `deactivate` in the same task."""
        from actionhero_db.orm import activate

        return activate(await self.context())

    def deactivate(self, token: Token[TortoiseContext | None]) -> None:
        """Restore the context from before `activate`."""
        from actionhero_db.orm import deactivate

        deactivate(token)

    @contextlib.asynccontextmanager
    async def activated(self) -> AsyncIterator[None]:
        """Connect the models in this task to this database for a block, in a script or a job.

        Inside a call they are connected already.
        """
        token = await self.activate()
        try:
            yield
        finally:
            self.deactivate(token)

    def config(self, **credentials: Any) -> dict[str, Any]:
        """Return the configuration for Tortoise.

        Args:
            credentials: Additional options for the driver.
        """
        settings = self._settings
        limits: dict[str, Any] = {"wait_seconds": settings.pool_timeout.total_seconds()}
        if self.dialect is not Dialect.SQLITE:
            limits |= {"minsize": settings.pool_min, "maxsize": settings.pool_max}
            limits["connect_seconds"] = settings.connect_timeout.total_seconds()
        return {
            "connections": {
                str(self.dialect): {
                    "engine": _ENGINES[self.dialect],
                    "credentials": {**self.url.credentials, **limits, **credentials},
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

    # -- lifecycle -------------------------------------------------------------------------------

    def unavailable_error(self, error: Exception) -> UnavailableError:
        """Return the error of an application whose database cannot be used, with the remedy."""
        remedy = "start it, or set DATABASE_URL to one that is running"
        if self.url.file is not None:
            remedy = "check that its folder exists and can be written, and that its disk has space"
        return UnavailableError(f"the database at {self.url} cannot be used: {error}; {remedy}")

    async def ping(self) -> None:
        """Raise if the database does not respond."""
        file = self.url.file
        if file is not None:
            # On a separate connection: the shared one may be in a long transaction.
            await asyncio.to_thread(_read_schema_version, str(file))
            # Reading succeeds on a full disk.
            check_disk_space(file.absolute().parent)
            return
        await (await self.connection()).execute_query("SELECT 1")

    async def close(self) -> None:
        """Close the connections of every event loop.

        An open connection to a SQLite file keeps the process from exiting.
        """
        current_loop = asyncio.get_running_loop()
        contexts, self._contexts = dict(self._contexts), WeakKeyDictionary()
        for loop, context in contexts.items():
            from actionhero_db.orm import close_context, terminate_context

            if loop is current_loop:
                await close_context(context)
            elif loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(close_context(context), loop)
                try:
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await asyncio.wrap_future(closing)
                except TimeoutError:
                    terminate_context(context)
            else:
                terminate_context(context)


def _read_schema_version(path: str) -> None:
    connection = sqlite3.connect(path, timeout=1.0)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    finally:
        connection.close()
