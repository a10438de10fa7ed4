"""`Delivery`: sends the messages of one topic, and pauses while their receiver is unavailable."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from actionhero import ServiceUnavailable
from actionhero.transport import Backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import OutboxMessage, OutboxSender

logger = logging.getLogger("actionhero.db")

#: How long a call waits for its messages to be sent, including retries; then they are sent later.
SEND_SECONDS: Final = 2.0
#: The first and the longest delay between the attempts to send.
RETRY_SECONDS: Final = (0.05, 0.5)
#: The first and the longest time for which an unavailable receiver is not called.
PAUSE_SECONDS: Final = (0.5, 2.0)
#: How many messages that cannot be sent are remembered, so that each is logged once.
MAX_REMEMBERED: Final = 1000


class Delivery:
    """Sends the messages of one topic.

    Args:
        topic: The topic.
        send: Its function.
    """

    def __init__(self, topic: str, send: OutboxSender) -> None:
        self.topic = topic
        self._send = send
        self._pause = Backoff(*PAUSE_SECONDS)
        self._paused_until = 0.0
        self._rejected: set[str] = set()

    @property
    def is_paused(self) -> bool:
        """Whether the receiver was unavailable a moment ago."""
        return self._paused_until > time.monotonic()

    async def deliver(self, messages: Sequence[OutboxMessage]) -> list[str]:
        """Send messages within `SEND_SECONDS`, and return the ids of those that were sent.

        An attempt that fails is repeated, unless the receiver was unavailable before. While
        `is_paused`, nothing is sent.
        """
        if self.is_paused:
            return []
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent = await self._attempt(messages, retry=not self._pause.failures)
        except (ServiceUnavailable, TimeoutError) as error:
            self._begin_pause(error)
            return []
        self._rejected.difference_update(sent)
        if self._pause.failures:
            self._pause.reset()
            logger.warning("messages of the outbox topic %r are sent again", self.topic)
        return sent

    async def _attempt(self, messages: Sequence[OutboxMessage], *, retry: bool) -> list[str]:
        backoff = Backoff(*RETRY_SECONDS)
        while True:
            try:
                return await self._send_each(messages)
            except ServiceUnavailable:
                if not retry:
                    raise
                await asyncio.sleep(backoff.next_seconds())

    async def _send_each(self, messages: Sequence[OutboxMessage]) -> list[str]:
        """Send messages in one step; if one of them is rejected, separately."""
        try:
            await self._send(messages)
        except ServiceUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - of one message, which must not stop the others
            if len(messages) == 1:
                self._log_rejection(messages[0], error)
                return []
        else:
            return [message.id for message in messages]
        return [id for message in messages for id in await self._send_each([message])]

    def _log_rejection(self, message: OutboxMessage, error: Exception) -> None:
        if message.id in self._rejected:
            return
        if len(self._rejected) < MAX_REMEMBERED:
            self._rejected.add(message.id)
        logger.error(
            "message %s of the outbox topic %r cannot be sent; it stays in the table "
            "actionhero_outbox, and is tried again",
            message.id,
            self.topic,
            exc_info=error,
        )

    def _begin_pause(self, error: Exception) -> None:
        is_first = not self._pause.failures
        self._paused_until = time.monotonic() + self._pause.next_seconds()
        if is_first:
            reason = str(error.__cause__ or error) or f"no reply within {SEND_SECONDS:g} s"
            logger.warning(
                "messages of the outbox topic %r cannot be sent; they are stored, and sent later: "
                "%s",
                self.topic,
                reason,
            )
