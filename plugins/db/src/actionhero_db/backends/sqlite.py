"""SQLite: one connection for each event loop, taken by one statement or transaction at a time."""

from __future__ import annotations

import functools
import sqlite3
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tortoise.backends.base.client import TransactionContext
from tortoise.backends.sqlite.client import SqliteClient as TortoiseSqliteClient
from tortoise.backends.sqlite.client import SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import (
    DBConnectionError,
    IntegrityError,
    OperationalError,
    TransactionManagementError,
)

from actionhero_db.backends.leases import Savepoint, lock_within, logger, refuse_nul, settle
from actionhero_db.failures import Unstorable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    import aiosqlite

_Method: TypeAlias = "Callable[..., Coroutine[None, None, Any]]"

#: What SQLite says when it could not get at the file, now or at all.
_AWAY: Final = ("locked", "busy", "unable to open", "disk i/o", "readonly", "disk is full")


def told(error: Exception) -> Exception:
    """Return what is raised in place of an error of the driver."""
    if isinstance(error, OverflowError):
        return Unstorable("a number is too large")
    if isinstance(error, UnicodeEncodeError):
        return Unstorable("a text holds half of a surrogate pair")
    if isinstance(error, TimeoutError):
        return DBConnectionError(str(error))
    if isinstance(error, sqlite3.OperationalError | OperationalError):
        text = str(error)
        if any(sign in text.lower() for sign in _AWAY):
            return DBConnectionError(text)
        return error if isinstance(error, OperationalError) else OperationalError(error)
    if isinstance(error, sqlite3.IntegrityError):
        return IntegrityError(error)
    return error


def _telling(method: _Method) -> _Method:
    @functools.wraps(method)
    async def telling(self: Any, query: str, values: Any = None) -> Any:
        refuse_nul(values)
        try:
            # A script takes no values.
            return await (method(self, query) if values is None else method(self, query, values))
        except Exception as error:
            replaced = told(error)
            if replaced is error:
                raise
            # Without its cause, which may show what was to be stored.
            raise replaced from None

    return telling


class _Lease:
    """The connection, for one statement."""

    __slots__ = ("_client", "_lock")

    def __init__(self, client: SqliteClient | SqliteTransaction, lock: asyncio.Lock) -> None:
        self._client = client
        self._lock = lock

    async def __aenter__(self) -> aiosqlite.Connection:
        client = self._client
        await lock_within(self._lock, client.wait_seconds, "the connection to the SQLite file")
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
    """Tortoise's client of SQLite, which never waits without a limit.

    Args:
        file_path: The file.
        wait_seconds: The limit on waiting for the connection, and for other processes.
        options: `connection_name`, and pragmas.
    """

    def __init__(self, file_path: str, *, wait_seconds: float, **options: Any) -> None:
        super().__init__(file_path, busy_timeout=round(wait_seconds * 1000), **options)
        self.wait_seconds = wait_seconds

    async def create_connection(self, with_db: bool) -> None:
        """Open the file. What fails or is cancelled half way leaves no connection.

        Raises:
            DBConnectionError: It cannot be opened.
        """
        try:
            await super().create_connection(with_db)
        except BaseException as error:
            # Without all its pragmas it would not keep foreign keys.
            self.drop_connection()
            if isinstance(error, sqlite3.Error):
                raise DBConnectionError(
                    f"the SQLite file {self.filename!r} cannot be opened: {error}"
                ) from error
            raise

    def drop_connection(self) -> None:
        """Let go of the connection, whatever it is doing; the next statement opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.stop()

    def acquire_connection(self) -> Any:
        """Return what gives the connection for one statement."""
        return _Lease(self, self._lock)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(self)

    execute_insert = _telling(TortoiseSqliteClient.execute_insert)
    execute_many = _telling(TortoiseSqliteClient.execute_many)
    execute_query = _telling(TortoiseSqliteClient.execute_query)
    execute_query_dict = _telling(TortoiseSqliteClient.execute_query_dict)
    execute_script = _telling(TortoiseSqliteClient.execute_script)


class SqliteTransaction(SqliteTransactionWrapper):
    """The connection while a transaction is open on it."""

    def __init__(self, connection: SqliteClient | SqliteTransaction) -> None:
        super().__init__(connection)
        self.wait_seconds: float = connection.wait_seconds

    def acquire_connection(self) -> Any:
        """Return what gives the connection for one statement.

        Raises:
            TransactionManagementError: The transaction has ended.
        """
        if self._finalized:
            # SQLite would write all the same, without a transaction and without the lock.
            raise TransactionManagementError(
                "the transaction of this task has ended; a task that outlives its call must not "
                "be started inside of it: use after_commit"
            )
        return _Lease(self, self._lock)

    def _in_transaction(self) -> TransactionContext:
        return Savepoint(SqliteTransaction(self), told)

    async def begin(self) -> None:
        """Begin, as a writer: one that read first could be refused when it comes to write."""
        await self._connection.execute("BEGIN IMMEDIATE")

    execute_insert = _telling(SqliteTransactionWrapper.execute_insert)
    execute_many = _telling(SqliteTransactionWrapper.execute_many)
    execute_query = _telling(SqliteTransactionWrapper.execute_query)
    execute_query_dict = _telling(SqliteTransactionWrapper.execute_query_dict)
    execute_script = _telling(SqliteTransactionWrapper.execute_script)


class _TransactionContext(TransactionContext):
    """A transaction: holds the connection from its begin to its end."""

    def __init__(self, client: SqliteClient) -> None:
        self._client = client
        self._transaction: SqliteTransaction | None = None

    async def __aenter__(self) -> SqliteTransaction:
        client = self._client
        await lock_within(client._lock, client.wait_seconds, "the connection to the SQLite file")
        try:
            if client._connection is None:
                await client.create_connection(with_db=True)
            transaction = self._transaction = SqliteTransaction(client)
            await transaction.begin()
        except BaseException as error:
            try:
                if self._transaction is not None:
                    # It may have begun after we were cancelled.
                    await self._roll_back(self._transaction)
            finally:
                client._lock.release()
            if isinstance(error, Exception):
                raise told(error) from None
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
            except Exception as error:  # noqa: BLE001 - told in our words
                await self._roll_back(transaction)
                raise told(error) from None
        finally:
            if transaction is not None:
                transaction._finalized = True
            self._handler.reset(self._token)
            self._client._lock.release()

    async def _roll_back(self, transaction: SqliteTransaction) -> None:
        try:
            await settle(transaction._connection.rollback())
        except Exception as error:  # noqa: BLE001 - another connection does better
            logger.warning("a transaction was not rolled back, so its connection goes: %s", error)
            self._client.drop_connection()


client_class = SqliteClient
