"""PostgreSQL through asyncpg, with one connection pool for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import asyncpg  # type: ignore[import-untyped]
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionContext
from tortoise.backends.base_postgres.client import translate_exceptions
from tortoise.connection import get_connections

from actionhero_db.backends.limits import CancelledAfterward, settle
from actionhero_db.backends.pooled_connection import PooledConnection, is_stateless
from actionhero_db.backends.postgres_errors import translate_error
from actionhero_db.backends.savepoint import Savepoint, refuse_ended
from actionhero_db.error_translation import ConnectionUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("actionhero.db")

#: How long a shutdown waits for connections to be returned to the pool.
CLOSE_SECONDS = 2.0
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE"})


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

    connection_class = PooledConnection

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
            translated = translate_error(error)
            # Not from itself: a loop over its causes would have no end.
            if translated is error:
                raise
            raise translated from error

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
        """Return a context manager that provides a connection, which is reset afterwards."""
        return _Lease(self)

    async def execute_insert(self, query: str, values: list[Any]) -> Any:
        """Run an INSERT, and return the row of its RETURNING clause."""
        return await self._execute("fetchrow", query, values)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Any]:
        """Run a statement, and return the number of rows, and the rows of a query."""
        if query.lstrip()[:6].upper() in _WRITES:
            return await self._execute("write", query, values)  # type: ignore[no-any-return]
        records = await self._execute("fetch", query, values)
        return len(records), records

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[Any]:
        """Run a query, and return its rows as dictionaries."""
        return [dict(record) for record in await self._execute("fetch", query, values)]

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(self)

    async def _execute(self, method: str, query: str, values: list[Any] | None) -> Any:
        """Run one statement on a connection of its own."""
        pool, connection = await self.acquire()
        try:
            result = await getattr(connection, method)(query, *(values or ()))
            if is_stateless(query):
                connection.skip_reset()
        except Exception as error:
            translated = translate_error(error)
            if translated is error:
                raise
            # Without its cause, which may contain sent values.
            raise translated from None
        finally:
            await release(pool, connection)
        return result

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
        refuse_ended(self)
        return super().acquire_connection()

    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Any]:
        """Run a statement, and return the number of rows, and the rows of a query."""
        async with self.acquire_connection() as connection:
            if query.lstrip()[:6].upper() in _WRITES:
                return await connection.write(query, *(values or ()))  # type: ignore[no-any-return]
            records = await connection.fetch(query, *(values or ()))
            return len(records), records

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
        try:
            await self._end(commit=exc_type is None)
        except BaseException:
            # A cancellation must not replace the error of the commit.
            with contextlib.suppress(asyncio.CancelledError):
                await self._release()
            raise
        await self._release()

    async def _end(self, *, commit: bool) -> None:
        transaction = self._transaction
        if transaction._finalized:
            return
        if commit:
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

    async def _release(self) -> None:
        self._transaction._finalized = True
        self._handler.reset(self._token)
        try:
            await release(self._pool, self._connection)
        except asyncio.CancelledError as error:
            # The pool continues the release.
            raise CancelledAfterward from error


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
