"""`DatabaseOutbox`: the outbox in a table of the database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from actionhero import Outbox, OutboxMessage
from actionhero_db.outbox.cleaner import RowCleaner
from actionhero_db.outbox.delivery import Delivery
from actionhero_db.outbox.statements import delete, insert, statements
from actionhero_db.unit_of_work import UnitOfWork
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero import OutboxSender
    from actionhero_db.database import Database

#: The maximum number of rows of one INSERT; SQLite allows 999 parameters in old versions.
MAX_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class WaitingMessages:
    """The messages of a topic that have not been sent."""

    topic: str
    count: int
    #: The age of the oldest.
    age_ms: int


class DatabaseOutbox(Outbox):
    """Messages in the table `actionhero_outbox`.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        #: The topics that this process can send.
        self.deliveries: dict[str, Delivery] = {}
        self._cleaners: WeakKeyDictionary[asyncio.AbstractEventLoop, RowCleaner] = (
            WeakKeyDictionary()
        )

    def register(self, topic: str, send: OutboxSender) -> None:
        """Register the function that sends the messages of a topic in this process."""
        self.deliveries[topic] = Delivery(topic, send)

    def unregister(self, topic: str) -> None:
        """Send no more messages of a topic in this process; they are stored."""
        self.deliveries.pop(topic, None)

    async def add(self, topic: str, messages: Sequence[OutboxMessage]) -> None:
        """Write messages in the current transaction.

        Raises:
            RuntimeError: The current task is not in a transaction.
        """
        unit = UnitOfWork.current(self._database)
        if unit is None:
            raise RuntimeError(
                "an outbox message belongs to a transaction, and there is none; begin one with "
                "Transaction() or database.transaction()"
            )
        client = await self._database.connection()
        for start in range(0, len(messages), MAX_ROWS):
            part = messages[start : start + MAX_ROWS]
            values = [
                value
                for message in part
                for value in (message.id, topic, _digest(message.key), message.body)
            ]
            await client.execute_query(insert(self._dialect, len(part)), values)
        unit.add_messages((topic, message) for message in messages)

    async def find(self, topic: str, id: str) -> OutboxMessage | None:
        """Return a message that has not been sent, as far as the current transaction sees it."""
        return await self._find(statements(self._dialect).by_id, topic, id)

    async def find_key(self, topic: str, key: str) -> OutboxMessage | None:
        """Return a message with a key that has not been sent, like `find`."""
        return await self._find(statements(self._dialect).by_key, topic, _digest(key))

    async def remove(self, topic: str, id: str) -> bool:
        """Delete a message that has not been sent, and return whether there was one."""
        client = await self._database.connection()
        count, _ = await client.execute_query(statements(self._dialect).remove, [topic, id])
        unit = UnitOfWork.current(self._database)
        if unit is not None:
            unit.remove_message(topic, id)
        return count > 0

    async def _find(self, statement: str, *values: Any) -> OutboxMessage | None:
        client = await self._database.connection()
        rows: Any
        _, rows = await client.execute_query(statement, list(values))
        return message_of(rows[0]) if rows else None

    # -- after the commit ----------------------------------------------------------------------

    async def deliver(self, messages: Iterable[tuple[str, OutboxMessage]]) -> None:
        """Send committed messages, and delete their rows. A failure is logged only."""
        by_topic: dict[str, list[OutboxMessage]] = {}
        for topic, message in messages:
            by_topic.setdefault(topic, []).append(message)
        for topic, batch in by_topic.items():
            delivery = self.deliveries.get(topic)
            sent = [] if delivery is None else await delivery.deliver(batch)
            if not sent:
                continue
            if UnitOfWork.current(self._database) is not None:
                # A test that will roll everything back; see `rolled_back`.
                await self.delete(sent)
            else:
                self._cleaner.add(sent)

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete messages."""
        client = await self._database.connection()
        values: list[Any] = [list(ids)] if self._dialect is Dialect.POSTGRES else list(ids)
        await client.execute_query(delete(self._dialect, len(ids)), values)

    async def waiting(self, limit: int) -> list[WaitingMessages]:
        """Return the numbers of messages that have not been sent, by topic.

        Args:
            limit: How many messages are counted, the oldest first.
        """
        client = await self._database.connection()
        rows: Any
        _, rows = await client.execute_query(statements(self._dialect).waiting, [limit])
        return [
            WaitingMessages(row["topic"], int(row["number"]), max(0, int(row["age_ms"])))
            for row in rows
        ]

    async def flush(self) -> None:
        """Delete the rows of the messages that were sent on this event loop."""
        await self._cleaner.flush()

    @property
    def _cleaner(self) -> RowCleaner:
        loop = asyncio.get_running_loop()
        cleaner = self._cleaners.get(loop)
        if cleaner is None:
            cleaner = self._cleaners[loop] = RowCleaner(self.delete)
        return cleaner


def message_of(row: Any) -> OutboxMessage:
    """Return the message of a row."""
    return OutboxMessage(str(row["id"]), bytes(row["body"]), age_ms=max(0, int(row["age_ms"])))


def _digest(key: str | None) -> str | None:
    return None if key is None else sha256(key.encode()).hexdigest()
