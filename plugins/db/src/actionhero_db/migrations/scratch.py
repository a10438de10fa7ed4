"""Scratch databases, in which migrations are tried without a change of the application's tables."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.transactions import in_transaction

from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tortoise.backends.base.client import BaseDBAsyncClient


class TrialImpossible(Exception):
    """Raised when the server cannot be reached, or allows no scratch database."""


class _Undo(Exception):
    """Rolls back a transaction without an error."""


def open_scratch(client: Any) -> contextlib.AbstractAsyncContextManager[BaseDBAsyncClient]:
    """Return a context manager with the client of an empty database like that of `client`.

    For a SQLite file it is a database in memory; on PostgreSQL, temporary tables and a transaction
    that is rolled back; on MySQL, which commits every change of a table, a database that is
    dropped at the end.

    Raises:
        TrialImpossible: There is no scratch database.
    """
    dialect = client.capabilities.dialect
    if dialect == Dialect.SQLITE:
        return _memory(client)
    return _temporary_tables(client) if dialect == Dialect.POSTGRES else _scratch_database(client)


@contextlib.asynccontextmanager
async def _memory(client: Any) -> AsyncIterator[BaseDBAsyncClient]:
    scratch = type(client)(
        ":memory:",
        wait_seconds=client.wait_seconds,
        foreign_keys="OFF",
        connection_name=client.connection_name,
    )
    try:
        yield scratch
    finally:
        await scratch.close()


@contextlib.asynccontextmanager
async def _temporary_tables(client: Any) -> AsyncIterator[BaseDBAsyncClient]:
    with contextlib.suppress(_Undo):
        async with contextlib.AsyncExitStack() as stack:
            try:
                transaction = in_transaction(client.connection_name)
                scratch = await stack.enter_async_context(transaction)
                # Temporary tables need no right to create a schema, and hide those of the
                # application. The types of extensions are found in the rest of the path.
                await scratch.execute_script(
                    "SET LOCAL lock_timeout = '5s'; SELECT set_config('search_path', 'pg_temp, ' "
                    "|| current_setting('search_path'), true); CREATE TABLE trial (id int)"
                )
            except (DBConnectionError, OperationalError) as error:
                raise TrialImpossible(str(error)) from error
            yield scratch
            raise _Undo


@contextlib.asynccontextmanager
async def _scratch_database(client: Any) -> AsyncIterator[BaseDBAsyncClient]:
    name = f"actionhero_trial_{secrets.token_hex(4)}"
    try:
        await client.execute_script(f"CREATE DATABASE `{name}`")
    except (DBConnectionError, OperationalError) as error:
        raise TrialImpossible(str(error)) from error
    options = {**client.extra, "storage_engine": client.storage_engine, "charset": client.charset}
    scratch = type(client)(
        user=client.user,
        password=client.password,
        host=client.host,
        port=client.port,
        database=name,
        connection_name=client.connection_name,
        **{**options, "minsize": 1, "maxsize": 1},
    )
    try:
        yield scratch
    finally:
        await scratch.close()
        await client.execute_script(f"DROP DATABASE `{name}`")
