"""What the drivers share: taking a connection, and giving it back whatever happens."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext

from actionhero_db.failures import ConnectionUnavailable, Unstorable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

Result = TypeVar("Result")

logger = logging.getLogger("actionhero.db")

#: How long a commit or a rollback may take. A server that hangs must not hang us.
SETTLE_SECONDS = 10.0


async def settle(work: Coroutine[Any, Any, Result]) -> Result:
    """Do `work` to its end, even if this task is cancelled meanwhile; then be cancelled.

    A transaction half undone would be the next caller's.

    Raises:
        TimeoutError: It took too long; what becomes of it is unknown.
    """
    task = asyncio.ensure_future(work)
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            task.cancel()
            raise TimeoutError(f"the database has not answered for {SETTLE_SECONDS:.0f} s")
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            # Taken note of: asyncio complains of errors that nobody saw.
            task.exception()
        raise cancelled
    return task.result()


async def lock_within(lock: asyncio.Lock, seconds: float, what: str) -> None:
    """Take `lock`.

    Raises:
        ConnectionUnavailable: It was not free in time.
    """
    try:
        async with asyncio.timeout(seconds):
            await lock.acquire()
    except TimeoutError:
        raise ConnectionUnavailable(f"{what} was not free within {seconds:g} s") from None


def refuse_nul(values: Iterable[Any] | None) -> None:
    """Refuse what PostgreSQL would: a text with a NUL in it.

    Raises:
        Unstorable: There is one.
    """
    for value in values or ():
        if type(value) is str:
            if "\x00" in value:
                raise Unstorable("a text holds the character U+0000")
        elif type(value) in {list, tuple}:
            # The values of one row of many.
            refuse_nul(value)


class Savepoint(TransactionContext):
    """A transaction inside of another: undone alone, kept only with the outer one.

    Args:
        client: The wrapper of the driver that sets savepoints.
        told: Gives the error that is raised in place of a driver's own.
    """

    def __init__(
        self, client: TransactionalDBClient, told: Callable[[Exception], Exception]
    ) -> None:
        self.client = client
        self._told = told

    async def __aenter__(self) -> TransactionalDBClient:
        try:
            await settle(self.client.savepoint())
        except Exception as error:
            raise self._told(error) from error
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None:
            try:
                await settle(self.client.release_savepoint())
            except Exception as error:
                raise self._told(error) from error
            return
        try:
            await settle(self.client.savepoint_rollback())
        except Exception as error:  # noqa: BLE001 - the outer transaction finds that out too
            logger.debug("a savepoint was not rolled back: %s", error)
