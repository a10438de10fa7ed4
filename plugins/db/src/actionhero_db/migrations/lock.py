"""The lock that lets only one process run migrations."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Final

from actionhero import UnavailableError
from actionhero.transport import FileLock
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tortoise.backends.base.client import BaseDBAsyncClient

    from actionhero_db.database import Database

#: The key of the advisory lock: "ah-migr" in ASCII, unlikely to be used by another application.
LOCK_KEY: Final = 0x61682D6D696772
POLL_SECONDS: Final = 0.05


@contextlib.asynccontextmanager
async def migration_lock(
    database: Database, client: BaseDBAsyncClient, wait_seconds: float
) -> AsyncIterator[None]:
    """Hold the lock on the migrations of `database` for a block.

    Args:
        database: The database.
        client: A pool with at least two connections to a server; the lock holds one of them.
        wait_seconds: How long to wait for another process.

    Raises:
        UnavailableError: The other process took longer.
    """
    file = database.url.file
    if file is not None:
        async with _file_lock(file.with_name(f"{file.name}.migrations-lock"), wait_seconds):
            yield
    elif database.dialect is Dialect.POSTGRES:
        async with _advisory_lock(client, wait_seconds):
            yield
    else:
        async with _named_lock(client, database, wait_seconds):
            yield


@contextlib.asynccontextmanager
async def _file_lock(path: Path, wait_seconds: float) -> AsyncIterator[None]:
    lock = FileLock(path)
    if not await lock.wait_async(wait_seconds):
        raise _timed_out(wait_seconds)
    try:
        yield
    finally:
        # The file stays, as another process may be waiting for it.
        lock.release()


@contextlib.asynccontextmanager
async def _advisory_lock(client: BaseDBAsyncClient, wait_seconds: float) -> AsyncIterator[None]:
    # The server releases the lock when the process that holds the connection dies.
    async with client.acquire_connection() as connection:
        try:
            async with asyncio.timeout(wait_seconds):
                # Polled, so that no query waits on the server beyond the limit.
                while not await connection.fetchval(  # noqa: ASYNC110
                    "SELECT pg_try_advisory_lock($1)", LOCK_KEY
                ):
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise _timed_out(wait_seconds) from None
        try:
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)


@contextlib.asynccontextmanager
async def _named_lock(
    client: BaseDBAsyncClient, database: Database, wait_seconds: float
) -> AsyncIterator[None]:
    # Such a lock belongs to a whole server, and its name has at most 64 characters.
    name = f"actionhero-migrations-{hashlib.sha256(str(database.url).encode()).hexdigest()[:32]}"
    # The server releases the lock when the process that holds the connection dies.
    async with client.acquire_connection() as connection, connection.cursor() as cursor:
        await cursor.execute("SELECT GET_LOCK(%s, %s)", [name, wait_seconds])
        if (await cursor.fetchone())[0] != 1:
            raise _timed_out(wait_seconds)
        try:
            yield
        finally:
            # Without its connection, the lock is released already.
            if connection.connected:
                await cursor.execute("SELECT RELEASE_LOCK(%s)", [name])


def _timed_out(wait_seconds: float) -> UnavailableError:
    return UnavailableError(
        f"another process has run migrations for more than {wait_seconds:g} s; wait until it "
        "ends, or raise db.migration_timeout"
    )
