"""`UnitOfWork`: one transaction of one task, or a savepoint inside it."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tortoise.transactions import in_transaction

from actionhero_db.backends.limits import CancelledAfterward, acquire_lock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from contextvars import Token

    from actionhero import OutboxMessage
    from actionhero_db.after_commit import AfterCommitRunner

    #: Called with items, right before a commit.
    BeforeCommit = Callable[[list[Any]], Awaitable[object]]

_current: ContextVar[UnitOfWork | None] = ContextVar("actionhero_db_unit_of_work", default=None)
#: Items may be registered in threads, which must not miss the commit.
_items_lock = threading.Lock()


class UnitOfWork:
    """All writes between `begin` and `end` are committed together, or rolled back.

    Inside another unit of the same database it is a savepoint in the same transaction. Concurrent
    units in one transaction, as with `asyncio.gather`, run one after another: savepoints can only
    be nested.

    Args:
        database: The database, as the key of the current unit.
        connection: The name of its connection.
        wait_seconds: How long to wait for a concurrent unit.
        runner: Runs what follows the commit.
        run_inner_callbacks: Whether the callbacks of inner units run when those end, without
            waiting for this one: for tests, which roll back every change.
    """

    def __init__(
        self,
        database: object,
        connection: str,
        wait_seconds: float,
        runner: AfterCommitRunner,
        *,
        run_inner_callbacks: bool = False,
    ) -> None:
        self._database = database
        self._connection = connection
        self._wait_seconds = wait_seconds
        self._run_inner_callbacks = run_inner_callbacks
        self._runner = runner
        self._inner_lock = asyncio.Lock()
        self._callbacks: list[Callable[[], Any]] = []
        self._messages: list[tuple[str, OutboxMessage]] = []
        self._items: list[tuple[BeforeCommit, Any]] = []
        self._outer: UnitOfWork | None = None
        self._ended = False

    @classmethod
    def current(cls, database: object) -> UnitOfWork | None:
        """Return the open unit of this task; `None` if there is none."""
        unit = _current.get()
        # A task that outlives its call inherits the variable, but not the transaction.
        return None if unit is None or unit._ended or unit._database is not database else unit

    async def begin(self) -> None:
        """Begin the transaction or savepoint.

        Raises:
            tortoise.exceptions.DBConnectionError: No connection is available.
        """
        outer = self.current(self._database)
        if outer is not None:
            await acquire_lock(outer._inner_lock, self._wait_seconds, "the outer transaction")
        try:
            self._transaction = in_transaction(self._connection)
            await self._transaction.__aenter__()
        except BaseException:
            if outer is not None:
                outer._inner_lock.release()
            raise
        self._outer = outer
        self._token: Token[UnitOfWork | None] = _current.set(self)

    async def end(self, *, commit: bool) -> None:
        """Commit or roll back; before and after the commit of the outermost unit, run callbacks.

        A callback before the commit that fails, or is cancelled, causes a rollback. After the
        commit, messages are sent first, then the callbacks run. A cancellation does not stop them;
        it is raised afterwards.

        Raises:
            tortoise.exceptions.IntegrityError: A deferred constraint was violated.
            tortoise.exceptions.DBConnectionError: The result of the commit is unknown.
            Exception: That of a callback before the commit.
        """
        outer = self._outer
        if commit and (outer is None or outer._run_inner_callbacks):
            try:
                await self._run_before_commit()
            except BaseException:
                await self.end(commit=False)
                raise
        _current.reset(self._token)
        with _items_lock:
            self._ended = True
        cancelled: asyncio.CancelledError | None = None
        try:
            if commit:
                await self._transaction.__aexit__(None, None, None)
            else:
                await self._transaction.__aexit__(_RolledBack, None, None)
        except CancelledAfterward as error:
            cancelled = error
        finally:
            if outer is not None:
                outer._inner_lock.release()
        if commit and outer is not None and not outer._run_inner_callbacks:
            outer._callbacks += self._callbacks
            outer._messages += self._messages
            outer._items += self._items
        elif commit and (self._callbacks or self._messages):
            await self._runner.run(self._messages, self._callbacks, cancelled)
        if cancelled is not None:
            raise cancelled

    def after_commit(self, callback: Callable[[], Any]) -> None:
        """Run `callback` after the commit, and not at all after a rollback."""
        self._callbacks.append(callback)

    def add_messages(self, messages: Iterable[tuple[str, OutboxMessage]]) -> None:
        """Send messages after the commit, with their topics; their rows are written already."""
        self._messages += messages

    def remove_message(self, topic: str, id: str) -> None:
        """Do not send a message after the commit; its row is deleted already."""
        unit: UnitOfWork | None = self
        while unit is not None:
            unit._messages = [
                item for item in unit._messages if (item[0], item[1].id) != (topic, id)
            ]
            unit = unit._outer

    def before_commit(self, callback: BeforeCommit, item: Any) -> bool:
        """Call `callback` with `item` right before the commit; `False`: the unit has ended."""
        with _items_lock:
            if self._ended:
                return False
            self._items.append((callback, item))
            return True

    def items_before_commit(self, callback: BeforeCommit) -> list[Any]:
        """Return the items for `callback` of the units around this one, and of this one."""
        outer = [] if self._outer is None else self._outer.items_before_commit(callback)
        with _items_lock:
            return outer + [item for each, item in self._items if each == callback]

    async def _run_before_commit(self) -> None:
        """Call the callbacks with their items, until they register no more."""
        while True:
            with _items_lock:
                items, self._items = self._items, []
                # A thread that registers an item from now on is not in the transaction.
                self._ended = not items
            if not items:
                return
            batches: dict[BeforeCommit, list[Any]] = {}
            for callback, item in items:
                batches.setdefault(callback, []).append(item)
            for callback, batch in batches.items():
                await callback(batch)


class _RolledBack(Exception):
    """Stands for the exception that causes a rollback."""
