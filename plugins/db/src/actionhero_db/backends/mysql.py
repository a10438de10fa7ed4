"""MySQL and MariaDB through asyncmy, with one connection pool for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from typing import TYPE_CHECKING, Any, ClassVar

import asyncmy
from asyncmy.constants import CLIENT, FIELD_TYPE
from asyncmy.converters import conversions, convert_timedelta
from tortoise.backends.base.client import TransactionContext
from tortoise.backends.mysql.client import MySQLClient as TortoiseMySqlClient
from tortoise.backends.mysql.client import TransactionWrapper
from tortoise.backends.mysql.executor import MySQLExecutor as TortoiseMySqlExecutor
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError

from actionhero_db.backends.date_parts import MYSQL_FILTERS
from actionhero_db.backends.limits import settle
from actionhero_db.backends.mysql_errors import translate_error
from actionhero_db.backends.savepoint import Savepoint, refuse_ended
from actionhero_db.backends.values import in_default_zone, refuse_nul
from actionhero_db.error_translation import ConnectionUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

logger = logging.getLogger("actionhero.db")

#: How long a shutdown waits for connections to be returned to the pool.
CLOSE_SECONDS = 2.0
DAY_SECONDS = 86400


class MySqlExecutor(TortoiseMySqlExecutor):
    """Tortoise's executor, with filters on parts of dates."""

    FILTER_FUNC_OVERRIDE: ClassVar = {  # type: ignore[misc]
        **TortoiseMySqlExecutor.FILTER_FUNC_OVERRIDE,
        **MYSQL_FILTERS,
    }


class _Statements:
    """Statements, run on the connection of a client or of a transaction."""

    acquire_connection: Any

    async def execute_insert(self, query: str, values: list[Any]) -> int:
        """Run an INSERT, and return the generated id."""
        async with self._cursor(values) as cursor:
            await cursor.execute(query, _converted(values))
            return int(cursor.lastrowid or 0)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Any]:
        """Run a statement, and return the number of rows, and the rows of a query."""
        async with self._cursor(values) as cursor:
            await cursor.execute(query, _converted(values) if values else None)
            rows = await cursor.fetchall()
            if not rows:
                return cursor.rowcount, []
            names = [column[0] for column in cursor.description]
            return cursor.rowcount, [dict(zip(names, row, strict=True)) for row in rows]

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[Any]:
        """Run a query, and return its rows as dictionaries."""
        return list((await self.execute_query(query, values))[1])

    async def execute_script(self, query: str) -> None:
        """Run statements without values."""
        async with self._cursor(None) as cursor:
            await cursor.execute(query)
            # Errors of later statements arrive with their results.
            while await cursor.nextset():
                pass

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Run a statement with the values of each row, all or none of them."""
        async with self._cursor(values) as cursor:
            await cursor.connection.begin()
            try:
                await cursor.executemany(query, [_converted(row) for row in values])
            except Exception:
                await cursor.connection.rollback()
                raise
            await cursor.connection.commit()

    @contextlib.asynccontextmanager
    async def _cursor(self, values: list[Any] | None) -> AsyncIterator[Any]:
        refuse_nul(values)
        try:
            async with self.acquire_connection() as connection, connection.cursor() as cursor:
                yield cursor
        except Exception as error:
            translated = translate_error(error)
            if translated is error:
                raise
            # Without its cause, which may contain sent values.
            raise translated from None


def _converted(values: Sequence[Any]) -> list[Any]:
    return [
        in_default_zone(value) if isinstance(value, datetime.datetime) else value
        for value in values
    ]


def _parse_time(text: str | bytes) -> object:
    """Return a time of day; MySQL has one type for times of day and durations."""
    duration = convert_timedelta(text)
    if isinstance(duration, datetime.timedelta) and 0 <= duration.total_seconds() < DAY_SECONDS:
        return (datetime.datetime(1, 1, 1, tzinfo=datetime.UTC) + duration).time()
    return duration


class _Lease:
    """A connection of the pool, for one statement."""

    __slots__ = ("_client", "_connection", "_pool")

    def __init__(self, client: MySqlClient) -> None:
        self._client = client

    async def __aenter__(self) -> Any:
        self._pool, self._connection = await self._client.acquire()
        return self._connection

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is not None and not issubclass(exc_type, Exception):
            # A cancelled statement leaves its result in the connection.
            self._connection.close()
        self._pool.release(self._connection)


class MySqlClient(_Statements, TortoiseMySqlClient):
    """Tortoise's MySQL client, with a limit on every wait.

    Args:
        wait_seconds: How long to wait for a free connection.
        connect_seconds: The timeout for connecting.
        options: The address of the server, and the size of the pool.
    """

    executor_class = MySqlExecutor

    def __init__(
        self, *, wait_seconds: float = 10.0, connect_seconds: float = 5.0, **options: Any
    ) -> None:
        options.setdefault("connect_timeout", connect_seconds)
        super().__init__(**options)
        self.wait_seconds = wait_seconds

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool.

        Raises:
            DBConnectionError: The server cannot be reached, or refuses the login.
        """
        # Tortoise sets the time zone of one connection of the pool only.
        settings = ["time_zone = '+00:00'"]
        if self.storage_engine:
            settings.append(f"default_storage_engine = '{self.storage_engine}'")
        options = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password or "",
            "db": self.database if with_db else None,
            "autocommit": True,
            "charset": self.charset,
            "minsize": self.pool_minsize,
            "maxsize": self.pool_maxsize,
            "init_command": f"SET {', '.join(settings)}",
            # The number of rows of an UPDATE is that of the matching ones, as elsewhere.
            "client_flag": CLIENT.FOUND_ROWS,
            "conv": {**conversions, FIELD_TYPE.TIME: _parse_time},
            **self.extra,
        }
        try:
            self._pool = await asyncmy.create_pool(**options)
        except Exception as error:  # noqa: BLE001 - translated
            translated = translate_error(error)
            if isinstance(translated, DBConnectionError):
                raise translated from None
            raise DBConnectionError(f"{type(error).__name__}: {error}") from None

    async def acquire(self) -> tuple[Any, Any]:
        """Return the pool, and a connection of it for exclusive use until its release.

        Raises:
            DBConnectionError: No connection was free within the limit.
        """
        try:
            async with asyncio.timeout(self.wait_seconds):
                if self._pool is None:
                    # Concurrent callers wait for the one that connects.
                    async with self._pool_init_lock:
                        if self._pool is None:
                            await self.create_connection(with_db=True)
                pool: Any = self._pool
                return pool, await pool.acquire()
        except TimeoutError:
            raise ConnectionUnavailable(
                f"none of {self.pool_maxsize} connections was free within {self.wait_seconds:g} s"
            ) from None
        except Exception as error:
            translated = translate_error(error)
            if translated is error:
                raise
            raise translated from None

    def acquire_connection(self) -> Any:
        """Return a context manager that provides a connection for one statement."""
        return _Lease(self)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(self)

    def terminate(self) -> None:
        """Close every connection without notice to the server; its event loop may have stopped."""
        pool: Any = self._pool
        self._pool = None
        for connection in [*pool._free, *pool._used] if pool is not None else ():
            with contextlib.suppress(RuntimeError):
                connection.close()

    async def _close(self) -> None:
        pool: Any = self._pool
        self._pool = None
        if pool is None:
            return
        pool.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.wait_closed()
        except TimeoutError:
            pool.terminate()


class MySqlTransaction(_Statements, TransactionWrapper):
    """A connection with an open transaction."""

    executor_class = MySqlExecutor

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.charset: str = connection.charset
        self.wait_seconds: float = connection.wait_seconds

    def acquire_connection(self) -> Any:
        """Return a context manager that provides the connection for one statement.

        Raises:
            TransactionManagementError: The transaction has ended.
        """
        refuse_ended(self)
        return super().acquire_connection()

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Run a statement with the values of each row, as a part of the transaction."""
        async with self._cursor(values) as cursor:
            await cursor.executemany(query, [_converted(row) for row in values])

    def _in_transaction(self) -> TransactionContext:
        return Savepoint(MySqlTransaction(self), translate_error)


class _TransactionContext(TransactionContext):
    """A transaction, which holds a connection until its end."""

    def __init__(self, client: MySqlClient) -> None:
        self._client = client

    async def __aenter__(self) -> MySqlTransaction:
        self._pool, self._connection = await self._client.acquire()
        transaction = self._transaction = MySqlTransaction(self._client)
        transaction._connection = self._connection
        try:
            await transaction.begin()
        except BaseException as error:
            # The transaction may be open on the server.
            self._connection.close()
            self._pool.release(self._connection)
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
                    self._connection.close()
                    raise translate_error(error) from None
                return
            try:
                await settle(transaction.rollback())
            except Exception as error:  # noqa: BLE001 - the server rolls back on disconnect
                logger.debug("rollback failed, closing the connection: %s", error)
                self._connection.close()
        finally:
            transaction._finalized = True
            self._handler.reset(self._token)
            self._pool.release(self._connection)


client_class = MySqlClient
