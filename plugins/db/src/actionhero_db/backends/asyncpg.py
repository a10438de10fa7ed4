"""PostgreSQL by asyncpg: a pool for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
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

from actionhero_db.backends.leases import Savepoint, logger, settle
from actionhero_db.failures import ConnectionUnavailable, Unstorable

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long connections may take to be given back when we stop.
CLOSE_SECONDS = 2.0

#: Errors of the server that pass when it is back, or has room again.
_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    # Another process has changed tables; the statement is prepared anew the next time.
    asyncpg.InvalidCachedStatementError,
    # The server hung up in the middle of something.
    asyncpg.InternalClientError,
)
#: Errors while connecting that need somebody to mend the settings or the server.
_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
#: What asyncpg says of a connection or a pool that is gone.
_GONE: Final = ("closed", "closing", "terminated", "released back", "lost")

#: What a value is that does not fit its column.
_UNFIT: Final = {
    asyncpg.CharacterNotInRepertoireError: "a text holds a character that no column can",
    asyncpg.UntranslatableCharacterError: "a text holds a character that no column can",
    asyncpg.NumericValueOutOfRangeError: "a number is too large",
    asyncpg.StringDataRightTruncationError: "a text is too long",
    asyncpg.DatetimeFieldOverflowError: "a date is out of range",
    asyncpg.InvalidDatetimeFormatError: "a text is not a date",
    asyncpg.InvalidTextRepresentationError: "a text is not of the kind of its column",
    asyncpg.UnterminatedCStringError: "a text holds a character that no column can",
}


def told(error: Exception) -> Exception:
    """Return what is raised in place of an error of the driver, without any value that was sent."""
    if isinstance(error, DBConnectionError | OperationalError | TransactionManagementError):
        return error
    for type_, words in _UNFIT.items():
        if isinstance(error, type_):
            return Unstorable(words)
    if type(error) is asyncpg.DataError or isinstance(error, ValueError):
        # Found by the driver, before anything was sent.
        return Unstorable("a value is too large for its column, or of another kind")
    if isinstance(error, asyncpg.DataError):
        return OperationalError(type(error).__name__)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        # It quotes the row.
        error.detail = None
        return IntegrityError(error)
    if isinstance(error, asyncpg.InvalidTransactionStateError):
        return TransactionManagementError(error)
    if isinstance(error, _AWAY + _REFUSED):
        return DBConnectionError(f"{type(error).__name__}: {error.args[0] if error.args else ''}")
    if isinstance(error, asyncpg.SyntaxOrAccessError):
        return OperationalError(error)
    if isinstance(error, asyncpg.InterfaceError) and any(sign in str(error) for sign in _GONE):
        return DBConnectionError(str(error))
    if isinstance(error, OSError):
        return DBConnectionError(f"{type(error).__name__}: {error}")
    return error


class _Telling:
    """Raises our errors in place of the driver's."""

    async def _translate_exceptions(
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return await func(self, *args, **kwargs)
        except Exception as error:
            replaced = told(error)
            if replaced is error:
                raise
            # Without its cause, which may show what was sent.
            raise replaced from None


class _Lease:
    """A connection of the pool, for one statement."""

    __slots__ = ("_client", "_connection", "_pool")

    def __init__(self, client: PostgresClient) -> None:
        self._client = client

    async def __aenter__(self) -> Any:
        self._pool, self._connection = await self._client.take()
        return self._connection

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        await give_back(self._pool, self._connection)


class PostgresClient(_Telling, AsyncpgDBClient):
    """Tortoise's client of PostgreSQL, which never waits without a limit.

    Args:
        wait_seconds: The limit on waiting for a connection that is free.
        connect_seconds: The limit on connecting.
        options: Where the server is, and the size of the pool.
    """

    def __init__(self, *, wait_seconds: float, connect_seconds: float, **options: Any) -> None:
        super().__init__(timeout=connect_seconds, **options)
        self.wait_seconds = wait_seconds

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool.

        Raises:
            DBConnectionError: The server cannot be reached, or does not let us in.
        """
        try:
            await super().create_connection(with_db)
        except Exception as error:
            raise told(error) from error

    async def take(self) -> tuple[Any, Any]:
        """Return the pool, and a connection of it that is ours until it is given back.

        Raises:
            DBConnectionError: There is none within the limit.
        """
        try:
            if self._pool is None:
                # All who come meanwhile wait for the one that connects, no longer than this.
                async with asyncio.timeout(self.wait_seconds):
                    async with self._pool_init_lock:
                        if self._pool is None:
                            await self.create_connection(with_db=True)
            pool: Any = self._pool
            return pool, await pool.acquire(timeout=self.wait_seconds)
        except TimeoutError:
            raise ConnectionUnavailable(
                f"no connection was free within {self.wait_seconds:g} s, of {self.pool_maxsize}"
            ) from None
        except Exception as error:
            replaced = told(error)
            if replaced is error:
                raise
            raise replaced from error

    def acquire_connection(self) -> Any:
        """Return what gives a connection for one statement."""
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


class PostgresTransaction(_Telling, TransactionWrapper):
    """A connection while a transaction is open on it."""

    def acquire_connection(self) -> Any:
        """Return what gives the connection for one statement.

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
        return Savepoint(PostgresTransaction(self), told)


class _TransactionContext(TransactionContext):
    """A transaction: holds a connection from its begin to its end."""

    def __init__(self, client: PostgresClient) -> None:
        self._client = client

    async def __aenter__(self) -> PostgresTransaction:
        self._pool, self._connection = await self._client.take()
        transaction = self._transaction = PostgresTransaction(self._client)
        transaction._connection = self._connection
        try:
            await transaction.begin()
        except BaseException as error:
            # Whether it has begun is not known.
            hang_up(self._connection)
            await give_back(self._pool, self._connection)
            if isinstance(error, Exception):
                raise told(error) from None
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
                except Exception as error:  # noqa: BLE001 - told in our words
                    hang_up(self._connection)
                    raise told(error) from None
                return
            try:
                await settle(transaction.rollback())
            except Exception as error:  # noqa: BLE001 - the server does it when we are gone
                logger.debug("a transaction was not rolled back, so we hang up: %s", error)
                hang_up(self._connection)
        finally:
            transaction._finalized = True
            self._handler.reset(self._token)
            await give_back(self._pool, self._connection)


def hang_up(connection: Any) -> None:
    """Close a connection without a word to the server."""
    # It may be closed, and then belongs to the pool again.
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


async def give_back(pool: Any, connection: Any) -> None:
    """Give a connection back to its pool, whatever has become of either."""
    try:
        await pool.release(connection, timeout=CLOSE_SECONDS)
    except Exception as error:  # noqa: BLE001 - what was done with it is done
        logger.debug("a connection was not given back, but dropped: %s", error)


client_class = PostgresClient
