"""SQLite, with one connection for each event loop, for one statement or transaction at a time."""

from __future__ import annotations

import asyncio
import datetime
import functools
import logging
import sqlite3
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, cast

from pypika_tortoise.dialects.sqlite import SQLLiteQuery, SQLLiteQueryBuilder
from tortoise.backends.base.client import TransactionContext
from tortoise.backends.sqlite.client import SqliteClient as TortoiseSqliteClient
from tortoise.backends.sqlite.client import SqliteTransactionWrapper
from tortoise.backends.sqlite.executor import SqliteExecutor as TortoiseSqliteExecutor
from tortoise.connection import get_connections
from tortoise.exceptions import (
    DBConnectionError,
    IntegrityError,
    OperationalError,
)

from actionhero_db.backends.date_parts import SQLITE_FILTERS
from actionhero_db.backends.limits import acquire_lock, settle
from actionhero_db.backends.savepoint import Savepoint, refuse_ended
from actionhero_db.backends.sqlite_connection import SqliteConnection
from actionhero_db.backends.values import in_default_zone, refuse_nul
from actionhero_db.error_translation import UnstorableValue

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import aiosqlite
    from pypika_tortoise.context import SqlContext

_Method: TypeAlias = "Callable[..., Coroutine[None, None, Any]]"

logger = logging.getLogger("actionhero.db")


def _adapt_datetime(value: datetime.datetime) -> str:
    """Return the text of a time. SQLite compares texts, so all of them have one time zone."""
    return in_default_zone(value).isoformat(" ")


# That of Tortoise keeps the time zone of a parameter, and it has none for `TimeField`.
sqlite3.register_adapter(datetime.datetime, _adapt_datetime)
sqlite3.register_adapter(datetime.time, datetime.time.isoformat)

#: How often the switch to write-ahead logging is tried.
RETRY_SECONDS: Final = 0.02
#: The codes of errors of a file that is locked or cannot be used.
_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
    }
)
#: The bits of a code that have no details.
_PRIMARY_CODE: Final = 0xFF


def translate_error(error: Exception) -> Exception:
    """Return the exception to raise in place of one of the driver."""
    if isinstance(error, OverflowError):
        return UnstorableValue("a number is too large")
    if isinstance(error, UnicodeEncodeError):
        return UnstorableValue("a text contains an unpaired surrogate")
    if isinstance(error, TimeoutError):
        return DBConnectionError(str(error))
    if isinstance(error, sqlite3.OperationalError | OperationalError):
        # Tortoise wraps the exception of the driver.
        driver_error = error if isinstance(error, sqlite3.Error) else next(iter(error.args), None)
        if getattr(driver_error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _UNAVAILABLE:
            return DBConnectionError(str(error))
        return error if isinstance(error, OperationalError) else OperationalError(error)
    if isinstance(error, sqlite3.IntegrityError):
        return IntegrityError(error)
    return error


def _translating(method: _Method) -> _Method:
    @functools.wraps(method)
    async def execute(self: Any, query: str, values: Any = None) -> Any:
        refuse_nul(values)
        try:
            # A script takes no values.
            return await (method(self, query) if values is None else method(self, query, values))
        except Exception as error:
            translated = translate_error(error)
            if translated is error:
                raise
            # Without its cause, which may contain sent values.
            raise translated from None

    return execute


class _Query(SQLLiteQuery):
    """A query that quotes names with backticks.

    In double quotes, SQLite takes the name of a missing column for a text: it would select that
    text, and delete rows by it.
    """

    SQL_CONTEXT = SQLLiteQuery.SQL_CONTEXT.copy(quote_char="`")

    @classmethod
    def _builder(cls, **options: Any) -> _QueryBuilder:
        return _QueryBuilder(**options)


class _QueryBuilder(SQLLiteQueryBuilder):
    QUERY_CLS = _Query

    def get_sql(self, ctx: SqlContext | None = None) -> str:
        return super().get_sql(ctx or _Query.SQL_CONTEXT)


class SqliteExecutor(TortoiseSqliteExecutor):
    """Tortoise's executor, with filters on parts of dates."""

    FILTER_FUNC_OVERRIDE: ClassVar = {  # type: ignore[misc]
        **TortoiseSqliteExecutor.FILTER_FUNC_OVERRIDE,
        **SQLITE_FILTERS,
    }


class _Lease:
    """The connection, for one statement."""

    __slots__ = ("_client", "_lock")

    def __init__(self, client: SqliteClient | SqliteTransaction, lock: asyncio.Lock) -> None:
        self._client = client
        self._lock = lock

    async def __aenter__(self) -> aiosqlite.Connection:
        client = self._client
        await acquire_lock(self._lock, client.wait_seconds, "the connection to the SQLite file")
        try:
            if client._connection is None:
                await client.create_connection(with_db=True)
        except BaseException:
            self._lock.release()
            raise
        return client._connection  # type: ignore[return-value]

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self._lock.release()


class SqliteClient(TortoiseSqliteClient):
    """Tortoise's SQLite client, with a limit on every wait.

    Args:
        file_path: The file.
        wait_seconds: How long to wait for the connection, and for other processes.
        options: `connection_name`, and pragmas.
    """

    executor_class = SqliteExecutor
    query_class = _Query

    def __init__(self, file_path: str, *, wait_seconds: float, **options: Any) -> None:
        super().__init__(file_path, busy_timeout=round(wait_seconds * 1000), **options)
        self.wait_seconds = wait_seconds

    async def create_connection(self, with_db: bool) -> None:
        """Open the file. A failure or a cancellation leaves no connection.

        Raises:
            DBConnectionError: The file cannot be opened.
        """
        if self._connection is not None:
            return
        # As the base class does, which loses a connection that cannot be opened, with its thread.
        connect = functools.partial(sqlite3.connect, self.filename, isolation_level=None)
        connection = SqliteConnection(connect)
        try:
            await connection
            connection.row_factory = sqlite3.Row
            for pragma, value in self.pragmas.items():
                await self._set_pragma(connection, pragma, value)
            await self._post_connect()
        except BaseException as error:
            # A connection without its pragmas would not check foreign keys.
            await connection.wait_stopped()
            if isinstance(error, sqlite3.Error):
                raise DBConnectionError(
                    f"the SQLite file {self.filename!r} cannot be opened: {error}"
                ) from error
            raise
        self._connection = connection

    async def _set_pragma(self, connection: SqliteConnection, name: str, value: Any) -> None:
        """Set a pragma, waiting for other processes.

        SQLite's own timeout does not apply to the switch to write-ahead logging while another
        process writes, as two do that start with a new file.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.wait_seconds
        while True:
            try:
                await connection.execute_fetchall(f"PRAGMA {name}={value}")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or loop.time() >= deadline:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def drop_connection(self) -> SqliteConnection | None:
        """Close the connection at once, and return it; the next statement opens another one."""
        connection = cast("SqliteConnection | None", self._connection)
        self._connection = None
        if connection is not None:
            connection.stop()
        return connection

    def acquire_connection(self) -> Any:
        """Return a context manager that provides the connection for one statement."""
        return _Lease(self, self._lock)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(self)

    execute_insert = _translating(TortoiseSqliteClient.execute_insert)
    execute_many = _translating(TortoiseSqliteClient.execute_many)
    execute_query = _translating(TortoiseSqliteClient.execute_query)
    execute_query_dict = _translating(TortoiseSqliteClient.execute_query_dict)
    execute_script = _translating(TortoiseSqliteClient.execute_script)


class SqliteTransaction(SqliteTransactionWrapper):
    """The connection with an open transaction."""

    query_class = _Query

    def __init__(self, connection: SqliteClient | SqliteTransaction) -> None:
        super().__init__(connection)
        self.wait_seconds: float = connection.wait_seconds

    def acquire_connection(self) -> Any:
        """Return a context manager that provides the connection for one statement.

        Raises:
            TransactionManagementError: The transaction has ended.
        """
        # SQLite would still write, without a transaction and without the lock.
        refuse_ended(self)
        return _Lease(self, self._lock)

    def _in_transaction(self) -> TransactionContext:
        return Savepoint(SqliteTransaction(self), translate_error)

    async def begin(self) -> None:
        """Begin as a writer: an upgrade from reader to writer may fail later."""
        await self._connection.execute("BEGIN IMMEDIATE")

    execute_insert = _translating(SqliteTransactionWrapper.execute_insert)
    execute_many = _translating(SqliteTransactionWrapper.execute_many)
    execute_query = _translating(SqliteTransactionWrapper.execute_query)
    execute_query_dict = _translating(SqliteTransactionWrapper.execute_query_dict)
    execute_script = _translating(SqliteTransactionWrapper.execute_script)


class _TransactionContext(TransactionContext):
    """A transaction, which holds the connection until its end."""

    def __init__(self, client: SqliteClient) -> None:
        self._client = client
        self._transaction: SqliteTransaction | None = None

    async def __aenter__(self) -> SqliteTransaction:
        client = self._client
        await acquire_lock(client._lock, client.wait_seconds, "the connection to the SQLite file")
        try:
            if client._connection is None:
                await client.create_connection(with_db=True)
            transaction = self._transaction = SqliteTransaction(client)
            await transaction.begin()
        except BaseException as error:
            try:
                if self._transaction is not None:
                    # It may have begun after the cancellation.
                    await self._roll_back(self._transaction)
            finally:
                client._lock.release()
            if isinstance(error, Exception):
                raise translate_error(error) from None
            raise
        self._handler = get_connections()
        self._token = self._handler.set(client.connection_name, transaction)
        return transaction

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        transaction = self._transaction
        try:
            if transaction is None or transaction._finalized:
                return
            if exc_type is not None:
                await self._roll_back(transaction)
                return
            try:
                await settle(transaction.commit())
            except Exception as error:  # noqa: BLE001 - translated
                await self._roll_back(transaction)
                raise translate_error(error) from None
        finally:
            if transaction is not None:
                transaction._finalized = True
            self._handler.reset(self._token)
            self._client._lock.release()

    async def _roll_back(self, transaction: SqliteTransaction) -> None:
        try:
            await settle(transaction._connection.rollback())
        except Exception as error:  # noqa: BLE001 - a new connection replaces this one
            logger.warning("rollback failed, closing the connection: %s", error)
            if (connection := self._client.drop_connection()) is not None:
                await connection.wait_stopped()


client_class = SqliteClient
