"""`Transactions`: how plugins wait for a commit without knowing whose it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Transactions(ABC):
    """What a database offers to whoever tells others of what was written.

    A database's initializer provides it: `app.provide(Transactions, database)`. Without one there
    is nothing to wait for, so ask `app.has(Transactions)` first.
    """

    @abstractmethod
    async def after_commit(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run `callback` once all that this task has written is kept; at once, outside of any.

        It does not run if that is rolled back. If it fails, that is logged, and what was written
        stays.

        Args:
            callback: A function, asynchronous or not.
            args: What it is called with.
        """

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether this task is in a transaction, so that `after_commit` has to wait."""
