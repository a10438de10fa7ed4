"""PostgreSQL through asyncpg, with one connection pool for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import asyncpg  # type: ignore[import-untyped]
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionContext
from tortoise.connection import get_connections
from tortoise.exceptions import (
    DBConnectionError,
    IntegrityError,
    OperationalError,
    TransactionManagementError,
)

from actionhero_db.backends.limits import settle
from actionhero_db.backends.savepoint import Savepoint
from actionhero_db.error_translation import ConnectionUnavailable, UnstorableValue

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("actionhero.db")

#: How long a shutdown waits for connections to be returned to the pool.
CLOSE_SECONDS = 2.0

#: Errors of a server that is restarting, overloaded or out of space.
_UNAVAILABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    # Another process has changed the tables; the statement is prepared again the next time.
    asyncpg.InvalidCachedStatementError,
    # The server closed the connection during an operation.
    asyncpg.InternalClientError,
)
#: Errors while connecting that need a change of the settings or of the server.
_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
#: Parts of the messages of asyncpg about a connection or a pool that is closed.
_CLOSED: Final = ("closed", "closing", "terminated", "released back", "lost")

#: The reason why a value does not fit its column.
_UNSTORABLE: Final = {
    asyncpg.CharacterNotInRepertoireError: "a text contains a character that cannot be stored",
    asyncpg.UntranslatableCharacterError: "a text contains a character that cannot be stored",
    asyncpg.NumericValueOutOfRangeError: "a number is too large",
    asyncpg.StringDataRightTruncationError: "a text is too long",
    asyncpg.DatetimeFieldOverflowError: "a date is out of range",
    asyncpg.InvalidDatetimeFormatError: "a text is not a date",
    asyncpg.InvalidTextRepresentationError: "a text does not match the type of its column",
    asyncpg.UnterminatedCStringError: "a text contains a character that cannot be stored",
}


def translate_error(error: Exception) -> Exception:
    """Return the exception to raise in place of one of the driver, without any sent value."""
    if isinstance(error, DBConnectionError | OperationalError | TransactionManagementError):
        return error
    for type_, reason in _UNSTORABLE.items():
        if isinstance(error, type_):
            return UnstorableValue(reason)
    if type(error) is asyncpg.DataError or isinstance(error, ValueError):
        # Raised by the driver itself, before anything was sent.
        return UnstorableValue("a value is too large for its column, or of another type")
    if isinstance(error, asyncpg.DataError):
        return OperationalError(type(error).__name__)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        # It quotes the row.
        error.detail = None
        return IntegrityError(error)
    if isinstance(error, asyncpg.InvalidTransactionStateError):
        return TransactionManagementError(error)
    if isinstance(error, _UNAVAILABLE + _REFUSED):
        return DBConnectionError(f"{type(error).__name__}: {error.args[0] if error.args else ''}")
    if isinstance(error, asyncpg.SyntaxOrAccessError):
        return OperationalError(error)
    if isinstance(error, asyncpg.InterfaceError) and any(part in str(error) for part in _CLOSED):
        return DBConnectionError(str(error))
    if isinstance(error, OSError):
        return DBConnectionError(f"{type(error).__name__}: {error}")
    return error


class _ErrorTranslation:
    """Replaces exceptions of the driver by those of `translate_error`."""

    async def _translate_exceptions(
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return await func(self, *args, **kwargs)
        except Exception as error:
            translated = translate_error(error)
            if translated is error:
                raise
            # Without its cause, which may contain sent values.
            raise translated from None


class _Lease:
    """A connection of the pool, for one statement."""

    __slots__ = ("_client", "_connection", "_pool")

    def __init__(self, client: PostgresClient) -> None:
        self._client = client

    async def __aenter__(self) -> Any:
        self._pool, self._connection = await self._client.acquire()
        return self._connection

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        await release(self._pool, self._connection)


class PostgresClient(_ErrorTranslation, AsyncpgDBClient):
    """Tortoise's PostgreSQL client, with a limit on every wait.

    Args:
        wait_seconds: How long to wait for a free connection.
        connect_seconds: The timeout for connecting.
        options: The address of the server, and the size of the pool.
    """

    def __init__(self, *, wait_seconds: float, connect_seconds: float, **options: Any) -> None:
        super().__init__(timeout=connect_seconds, **options)
        self.wait_seconds = wait_seconds

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool.

        Raises:
            DBConnectionError: The server cannot be reached, or refuses the login.
        """
        try:
            await super().create_connection(with_db)
        except Exception as error:
            raise translate_error(error) from error

    async def acquire(self) -> tuple[Any, Any]:
        """Return the pool, and a connection of it for exclusive use until its release.

        Raises:
            DBConnectionError: No connection was free within the limit.
        """
        try:
            if self._pool is None:
                # Concurrent callers wait for the one that connects, within the same limit.
                async with asyncio.timeout(self.wait_seconds):
                    async with self._pool_init_lock:
                        if self._pool is None:
                            await self.create_connection(with_db=True)
            pool: Any = self._pool
            return pool, await pool.acquire(timeout=self.wait_seconds)
        except TimeoutError:
            raise ConnectionUnavailable(
                f"none of {self.pool_maxsize} connections was free within {self.wait_seconds:g} s"
            ) from None
        except Exception as error:
            translated = translate_error(error)
            if translated is error:
                raise
            raise translated from error

    def acquire_connection(self) -> Any:
        """Return a context manager that provides a connection for one statement."""
        return _Lease(self)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(self)

    async def _close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()


class PostgresTransaction(_ErrorTranslation, TransactionWrapper):
    """A connection with an open transaction."""

    def acquire_connection(self) -> Any:
        """Return a context manager that provides the connection for one statement.

        Raises:
            TransactionManagementError: The transaction has ended.
        """
        if self._finalized:
            raise TransactionManagementError(
                "the transaction of this task has ended; a task that outlives its call must not "
                "be started inside of it: use after_commit"
            )
        return super().acquire_connection()

    def _in_transaction(self) -> TransactionContext:
        return Savepoint(PostgresTransaction(self), translate_error)


class _TransactionContext(TransactionContext):
    """A transaction, which holds a connection until its end."""

    def __init__(self, client: PostgresClient) -> None:
        self._client = client

    async def __aenter__(self) -> PostgresTransaction:
        self._pool, self._connection = await self._client.acquire()
        transaction = self._transaction = PostgresTransaction(self._client)
        transaction._connection = self._connection
        try:
            await transaction.begin()
        except BaseException as error:
            # The transaction may be open on the server.
            terminate(self._connection)
            await release(self._pool, self._connection)
            if isinstance(error, Exception):
                raise translate_error(error) from None
            raise
        self._handler = get_connections()
        self._token = self._handler.set(self._client.connection_name, transaction)
        return transaction

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        transaction = self._transaction
        try:
            if transaction._finalized:
                return
            if exc_type is None:
                try:
                    await settle(transaction.commit())
                except Exception as error:  # noqa: BLE001 - translated
                    terminate(self._connection)
                    raise translate_error(error) from None
                return
            try:
                await settle(transaction.rollback())
            except Exception as error:  # noqa: BLE001 - the server rolls back on disconnect
                logger.debug("rollback failed, closing the connection: %s", error)
                terminate(self._connection)
        finally:
            transaction._finalized = True
            self._handler.reset(self._token)
            await release(self._pool, self._connection)


def terminate(connection: Any) -> None:
    """Close a connection without notice to the server."""
    # A closed connection belongs to the pool again.
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


async def release(pool: Any, connection: Any) -> None:
    """Return a connection to its pool; failures are logged only."""
    try:
        await pool.release(connection, timeout=CLOSE_SECONDS)
    except Exception as error:  # noqa: BLE001 - the work on the connection is done
        logger.debug("connection dropped, as its release failed: %s", error)


client_class = PostgresClient
