"""`Work`: one transaction of one task, or a part of it that can be undone alone."""

from __future__ import annotations

import asyncio
import inspect
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tortoise.transactions import in_transaction

from actionhero_db.backends.leases import lock_within

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

logger = logging.getLogger("actionhero.db")

_current: ContextVar[Work | None] = ContextVar("actionhero_db_work", default=None)


class Work:
    """What is written between `begin` and `end` is kept together, or not at all.

    Inside of another work of the same database it is a savepoint in the same transaction. Those
    that run side by side in one transaction, as by `asyncio.gather`, take turns: savepoints can
    only be nested.

    Args:
        owner: The database.
        connection: The name of its connection.
        wait_seconds: The limit on waiting for a turn.
        rehearsal: Whether what is inside of it ends as if there were nothing around: for tests,
            whose every change is rolled back.
    """

    def __init__(
        self, owner: object, connection: str, wait_seconds: float, *, rehearsal: bool = False
    ) -> None:
        self._owner = owner
        self._connection = connection
        self._wait_seconds = wait_seconds
        self._rehearsal = rehearsal
        self._turn = asyncio.Lock()
        self._callbacks: list[Callable[[], Any]] = []
        self._outer: Work | None = None
        self._ended = False

    @classmethod
    def current(cls, owner: object) -> Work | None:
        """Return the work of this task, if there is one and it has not ended."""
        work = _current.get()
        # A task that outlives the call that started it keeps its variables.
        return None if work is None or work._ended or work._owner is not owner else work

    async def begin(self) -> None:
        """Begin.

        Raises:
            tortoise.exceptions.DBConnectionError: There is no connection.
        """
        outer = self.current(self._owner)
        if outer is not None:
            await lock_within(outer._turn, self._wait_seconds, "the transaction around this one")
        try:
            self._transaction = in_transaction(self._connection)
            await self._transaction.__aenter__()
        except BaseException:
            if outer is not None:
                outer._turn.release()
            raise
        self._outer = outer
        self._token: Token[Work | None] = _current.set(self)

    async def end(self, *, keep: bool) -> None:
        """Commit, or roll back; after the commit of the outermost, run what waits for it.

        Raises:
            tortoise.exceptions.IntegrityError: A rule that is checked at the end was broken.
            tortoise.exceptions.DBConnectionError: Whether it was committed is not known.
        """
        _current.reset(self._token)
        self._ended = True
        outer = self._outer
        try:
            if keep:
                await self._transaction.__aexit__(None, None, None)
            else:
                await self._transaction.__aexit__(_RolledBack, None, None)
        finally:
            if outer is not None:
                outer._turn.release()
        if not keep:
            return
        if outer is not None and not outer._rehearsal:
            outer._callbacks += self._callbacks
            return
        for callback in self._callbacks:
            await run_callback(callback)

    def after_commit(self, callback: Callable[[], Any]) -> None:
        """Let `callback` run once all of this is kept. It does not if it is rolled back."""
        self._callbacks.append(callback)


class _RolledBack(Exception):
    """Stands for whatever it was that a transaction is rolled back for."""


async def run_callback(callback: Callable[[], Any]) -> None:
    """Run what waited for a commit. The row is there: a failure is logged, and changes nothing."""
    try:
        answer = callback()
        if inspect.isawaitable(answer):
            await answer
    except Exception:
        logger.exception("%r, which waited for a commit, failed", callback)
