"""`OutboxSweeper`: sends the messages that were not sent after their commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING, Any, Final

from actionhero_db.outbox.outbox import message_of
from actionhero_db.outbox.statements import statements
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero_db.database import Database
    from actionhero_db.outbox.delivery import Delivery
    from actionhero_db.outbox.outbox import DatabaseOutbox

logger = logging.getLogger("actionhero.db")

#: How often the table is read, and the longest delay of the first time.
SWEEP_SECONDS: Final = 5.0
FIRST_SECONDS: Final = 1.0
#: Messages that are younger are being sent by the process that has written them.
MIN_AGE_MS: Final = 5_000
#: How many messages are sent in one step.
PAGE: Final = 200


class OutboxSweeper:
    """Sends old messages from `run` until it is cancelled.

    Any number of processes may do so: on PostgreSQL they send different messages, as each locks
    those that it sends; elsewhere the receiver drops those that it has got already.

    Args:
        database: The database.
        outbox: Its outbox.
    """

    def __init__(self, database: Database, outbox: DatabaseOutbox) -> None:
        self._database = database
        self._outbox = outbox
        self._statements = statements(database.dialect)
        self._failed = False

    async def run(self) -> None:
        """Sweep regularly until cancelled."""
        seconds = FIRST_SECONDS * random.random()  # noqa: S311 - spreads the load
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.sweep()
                self._failed = False
            except Exception as error:  # noqa: BLE001 - the next sweep may succeed
                if not self._failed:
                    logger.warning("the outbox cannot be read: %s; trying again", error)
                self._failed = True
            seconds = SWEEP_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311

    async def sweep(self, min_age_ms: int = MIN_AGE_MS) -> int:
        """Send the messages that are old enough, and return how many were sent.

        Raises:
            Exception: The database is not available.
        """
        count = 0
        for delivery in tuple(self._outbox.deliveries.values()):
            client = await self._database.connection()
            values = [delivery.topic, min_age_ms]
            _, rows = await client.execute_query(self._statements.any_older, values)
            if rows:
                count += await self._sweep_topic(delivery, min_age_ms)
        return count

    async def _sweep_topic(self, delivery: Delivery, min_age_ms: int) -> int:
        count, after = 0, ""
        while not delivery.is_paused:
            async with self._page(delivery.topic, after, min_age_ms) as rows:
                messages = [message_of(row) for row in rows]
                sent = await delivery.deliver(messages) if messages else []
                if sent:
                    await self._outbox.delete(sent)
            count += len(sent)
            if len(messages) < PAGE:
                break
            # A message that cannot be sent must not hold up those after it.
            after = messages[-1].id
        if count:
            logger.info("sent %d messages of the outbox topic %r", count, delivery.topic)
        return count

    @contextlib.asynccontextmanager
    async def _page(self, topic: str, after: str, min_age_ms: int) -> AsyncIterator[Any]:
        """Provide rows to send, which are locked for the block where the database can."""
        async with contextlib.AsyncExitStack() as stack:
            if self._database.dialect is Dialect.POSTGRES:
                await stack.enter_async_context(self._database.activated())
                await stack.enter_async_context(self._database.transaction())
            client = await self._database.connection()
            values = [topic, after, min_age_ms, PAGE]
            _, rows = await client.execute_query(self._statements.older, values)
            yield rows
