"""`Savepoint`: a transaction inside another one, for all drivers."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.exceptions import TransactionManagementError

from actionhero_db.backends.limits import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger("actionhero.db")


def refuse_ended(transaction: Any) -> None:
    """Refuse a statement in a transaction that has ended.

    Raises:
        TransactionManagementError: It has ended.
    """
    if transaction._finalized:
        raise TransactionManagementError(
            "the transaction of this task has ended; a task that outlives its call must not "
            "be started inside of it: use after_commit"
        )


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
        with self._translated():
            await settle(self.client.savepoint())
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None:
            with self._translated():
                await settle(self.client.release_savepoint())
            return
        try:
            await settle(self.client.savepoint_rollback())
        except Exception as error:  # noqa: BLE001 - the outer transaction meets the same error
            logger.debug("rollback to a savepoint failed: %s", error)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            translated = self._translate_error(error)
            # Not from itself: a loop over its causes would have no end.
            if translated is error:
                raise
            raise translated from error
