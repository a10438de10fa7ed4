"""`Transactions` and `Outbox`: side effects that depend on a commit of a database."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message that is written in a transaction, and sent after its commit."""

    #: A unique identifier by which the receiver recognizes a message that is sent twice. It sorts
    #: by its time of creation: see `actionhero.transport.new_identifier`.
    id: str
    #: The content, in a format of the topic.
    body: bytes
    #: A deduplication key, for `Outbox.find_key`.
    key: str | None = None
    #: How long ago the message was written, by the clock of the database; 0 for one that is sent
    #: right after its commit.
    age_ms: int = 0
    #: The object that `body` encodes; `None` if the message was read from the database.
    item: Any = field(default=None, compare=False, repr=False)


class OutboxSender(Protocol):
    """A function that sends messages to their receiver, in their order."""

    async def __call__(self, messages: Sequence[OutboxMessage], /) -> object:
        """Send messages; one that was sent before may be among them.

        Raises:
            ServiceUnavailable: The receiver is not available. They are sent again later.
        """


class Outbox(ABC):
    """Messages that are committed with the data of a transaction: a transactional outbox.

    A message is a row of the database until it has been sent. It is sent right after the commit. If
    that fails, because the process ends or the receiver is not available, any server or worker of
    the application sends it later. So a committed message is sent at least once, and one of a
    transaction or savepoint that was rolled back is not sent.
    """

    @abstractmethod
    def register(self, topic: str, send: OutboxSender) -> None:
        """Register the function that sends the messages of a topic in this process."""

    @abstractmethod
    def unregister(self, topic: str) -> None:
        """Send no more messages of a topic in this process; they are stored."""

    @abstractmethod
    async def add(self, topic: str, messages: Sequence[OutboxMessage]) -> None:
        """Write messages in the current transaction.

        Args:
            topic: A registered topic.
            messages: The messages, in the order in which they are sent.

        Raises:
            RuntimeError: The current task is not in a transaction.
        """

    @abstractmethod
    async def find(self, topic: str, id: str) -> OutboxMessage | None:
        """Return a message that has not been sent, as far as the current transaction sees it."""

    @abstractmethod
    async def find_key(self, topic: str, key: str) -> OutboxMessage | None:
        """Return a message with a key that has not been sent, like `find`."""

    @abstractmethod
    async def remove(self, topic: str, id: str) -> bool:
        """Delete a message that has not been sent, and return whether there was one.

        In a transaction it is deleted with the commit. A message that is being sent at this moment
        may still arrive.
        """


class Transactions(ABC):
    """The transactions of a database, for actions after a commit.

    The initializer of a database provides it: `app.provide(Transactions, database)`. It is
    optional, so check `app.has(Transactions)` first.
    """

    @abstractmethod
    async def after_commit(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run `callback` after the commit of the current transaction; without one, immediately.

        It does not run after a rollback. If it fails, the error is logged, and the commit stands.
        If the process ends before it runs, it is lost: use `outbox` for what must not be.

        Args:
            callback: A function, synchronous or asynchronous.
            args: The arguments of the function.
        """

    @abstractmethod
    def before_commit(self, callback: Callable[[list[Any]], Awaitable[object]], item: Any) -> bool:
        """Call `callback` with `item` in the current transaction, right before its commit.

        It is called once, with all items that were registered for it, in their order. What it
        writes is committed with the transaction; if it fails, the transaction is rolled back, and
        its error is raised. The items of a transaction or savepoint that is rolled back are
        dropped. Nothing blocks here, so that synchronous code, and a thread with the context of the
        call, as of `asyncio.to_thread`, can register items too.

        Args:
            callback: An asynchronous function. It may register items itself.
            item: The item.

        Returns:
            Whether the item was registered: not without a transaction, nor once its commit begins.
        """

    def items_before_commit(self, callback: Callable[[list[Any]], Awaitable[object]]) -> list[Any]:
        """Return the items that `before_commit` has registered for `callback`, in their order.

        Those of the current transaction and the ones around it, until their commit begins.
        """
        return []

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether the current task is in a transaction."""

    @property
    def outbox(self) -> Outbox | None:
        """The outbox of the database; `None` if it has none."""
        return None

    @contextlib.asynccontextmanager
    async def driver_connection(self) -> AsyncIterator[Any]:
        """Provide the driver's connection of the current transaction, exclusively for a block.

        What is written over it is committed, or rolled back, with the transaction. It is an
        `asyncpg.Connection` for PostgreSQL and an `aiosqlite.Connection` for SQLite; `None` outside
        of a transaction, and if the database does not support it.
        """
        yield None
