"""Time limits on locks, and on commits and rollbacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from actionhero_db.error_translation import ConnectionUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

Result = TypeVar("Result")

#: The timeout of a commit or a rollback, so that a server that hangs does not block the process.
SETTLE_SECONDS = 10.0


class CancelledAfterward(asyncio.CancelledError):
    """A cancellation during an operation that has run to its end, successfully."""


async def settle(operation: Awaitable[Result]) -> Result:
    """Run `operation` to its end, even if this task is cancelled; the cancellation follows then.

    A commit or rollback that is interrupted would leave the transaction to the next caller.

    Raises:
        CancelledAfterward: The operation has succeeded, and the task was cancelled meanwhile.
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
        # asyncio logs exceptions that are never retrieved.
        if not task.cancelled() and task.exception() is None:
            raise CancelledAfterward from cancelled
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
