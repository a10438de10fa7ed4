"""The lock by which of several processes only one runs migrations."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from actionhero import UnavailableError
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tortoise.backends.base.client import BaseDBAsyncClient

    from actionhero_db.database import Database

#: The number of our advisory lock: any that nobody else takes. "ah-migr" in ASCII.
LOCK_NUMBER: Final = 0x61682D6D696772
LOOK_SECONDS: Final = 0.05


@contextlib.asynccontextmanager
async def migration_lock(
    database: Database, client: BaseDBAsyncClient, wait_seconds: float
) -> AsyncIterator[None]:
    """Be the one process that runs migrations, for a block.

    Args:
        database: The database.
        client: A pool of at least two connections to a server, of which one is held.
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
        # MySQL ends a transaction with every change of a table, so a lock would promise too much.
        yield


@contextlib.asynccontextmanager
async def _file_lock(path: Path, wait_seconds: float) -> AsyncIterator[None]:
    # The file stays: whoever removed it would take it from under somebody who waits.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        await _wait(lambda: asyncio.to_thread(_try_file, descriptor), wait_seconds)
        yield
    finally:
        # Frees the lock too, as the end of the process does.
        os.close(descriptor)


def _try_file(descriptor: int) -> bool:
    try:
        try:
            import fcntl  # noqa: PLC0415 - not on Windows
        except ImportError:
            import msvcrt  # noqa: PLC0415 - only on Windows

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.asynccontextmanager
async def _advisory_lock(client: BaseDBAsyncClient, wait_seconds: float) -> AsyncIterator[None]:
    # Held by a connection, so it is free when the process that had it dies.
    async with client.acquire_connection() as connection:

        async def try_lock() -> bool:
            return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_NUMBER))

        await _wait(try_lock, wait_seconds)
        try:
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_NUMBER)


async def _wait(try_lock: Any, wait_seconds: float) -> None:
    try:
        async with asyncio.timeout(wait_seconds):
            # Nobody tells us when a lock of another process is free.
            while not await try_lock():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise UnavailableError(
            f"another process runs migrations for longer than {wait_seconds:g} s; wait until it "
            "has ended, or raise db.migration_timeout"
        ) from None
