"""The parts that the drivers share: limited waits, savepoints, and checks of values."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext

from actionhero_db.error_translation import ConnectionUnavailable, UnstorableValue

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

Result = TypeVar("Result")

logger = logging.getLogger("actionhero.db")

#: The limit on a commit or a rollback, so that a server that hangs does not block the process.
SETTLE_SECONDS = 10.0


async def settle(operation: Coroutine[Any, Any, Result]) -> Result:
    """Run `operation` to its end, even if this task is cancelled; the cancellation follows then.

    A commit or rollback that is interrupted would leave the transaction to the next caller.

    Raises:
        TimeoutError: The limit was exceeded; the result of the operation is unknown.
    """
    task = asyncio.ensure_future(operation)
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        remaining_seconds = deadline - asyncio.get_running_loop().time()
        if remaining_seconds <= 0:
            task.cancel()
            raise TimeoutError(f"the database has not responded for {SETTLE_SECONDS:.0f} s")
        try:
            await asyncio.wait({task}, timeout=remaining_seconds)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            # asyncio logs exceptions that are never retrieved.
            task.exception()
        raise cancelled
    return task.result()


async def acquire_lock(lock: asyncio.Lock, seconds: float, name: str) -> None:
    """Acquire `lock` within a time limit.

    Args:
        lock: The lock.
        seconds: The limit.
        name: The name of the protected resource, for the error message.

    Raises:
        ConnectionUnavailable: The limit was exceeded.
    """
    try:
        async with asyncio.timeout(seconds):
            await lock.acquire()
    except TimeoutError:
        raise ConnectionUnavailable(f"{name} was not free within {seconds:g} s") from None


def refuse_nul(values: Iterable[Any] | None) -> None:
    """Refuse a text with a NUL character, as PostgreSQL does.

    Raises:
        UnstorableValue: One of the values contains a NUL.
    """
    for value in values or ():
        if type(value) is str:
            if "\x00" in value:
                raise UnstorableValue("a text contains the character U+0000")
        elif type(value) in {list, tuple}:
            # The values of one row of an `executemany`.
            refuse_nul(value)


class Savepoint(TransactionContext):
    """A transaction inside another one: rolled back alone, committed with the outer one.

    Args:
        client: The transaction wrapper of the driver.
        translate_error: Returns the exception to raise in place of an exception of the driver.
    """

    def __init__(
        self, client: TransactionalDBClient, translate_error: Callable[[Exception], Exception]
    ) -> None:
        self.client = client
        self._translate_error = translate_error

    async def __aenter__(self) -> TransactionalDBClient:
        try:
            await settle(self.client.savepoint())
        except Exception as error:
            raise self._translate_error(error) from error
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None:
            try:
                await settle(self.client.release_savepoint())
            except Exception as error:
                raise self._translate_error(error) from error
            return
        try:
            await settle(self.client.savepoint_rollback())
        except Exception as error:  # noqa: BLE001 - the outer transaction meets the same error
            logger.debug("rollback to a savepoint failed: %s", error)
