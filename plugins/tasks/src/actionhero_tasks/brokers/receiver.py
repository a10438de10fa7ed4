"""`QueueReceiver`: receives the messages of one queue with a consumer of dramatiq."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from dramatiq.errors import DecodeError

from actionhero_tasks.brokers.messages import fault_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dramatiq import Broker, Consumer, MessageProxy

logger = logging.getLogger("actionhero.tasks")

#: How many messages a broker may deliver ahead, while a worker has capacity.
PREFETCH: Final = 32
#: In place of a message that was rejected.
_REJECTED: Final = object()


class QueueReceiver:
    """Receives the messages of one queue.

    All methods are called by one thread at a time, and raise any exception of the broker.

    Args:
        broker: The broker.
        queue: The queue.
        timeout_ms: How long the consumer waits for a message.
    """

    def __init__(self, broker: Broker, queue: str, timeout_ms: int) -> None:
        self._queue = queue
        self._consumer: Consumer = broker.consume(queue, prefetch=PREFETCH, timeout=timeout_ms)
        self._quiet_since = time.monotonic()

    @property
    def quiet_seconds(self) -> float:
        """How long the queue has been empty."""
        return time.monotonic() - self._quiet_since

    def receive(self, limit: int, patience_seconds: float = 0.0) -> list[MessageProxy]:
        """Return the messages that wait in the queue, and reject those that cannot be stored.

        Args:
            limit: How many messages to receive at most.
            patience_seconds: How long to wait for the first message: a broker that pushes messages
                may need a moment.
        """
        messages: list[MessageProxy] = []
        deadline = time.monotonic() + patience_seconds
        rejected = 0
        while len(messages) + rejected < limit:
            message = self._next()
            if message is _REJECTED:
                rejected += 1
            elif message is not None:
                messages.append(message)
            elif messages or time.monotonic() >= deadline:
                break
        if messages:
            self._quiet_since = time.monotonic()
        return messages

    def ack(self, messages: Sequence[MessageProxy]) -> None:
        """Acknowledge messages."""
        for message in messages:
            self._consumer.ack(message)

    def requeue(self, messages: Sequence[MessageProxy]) -> None:
        """Return messages to the queue. Some brokers do so when the receiver is closed."""
        self._consumer.requeue(messages)

    def close(self) -> None:
        """Return the messages that were delivered ahead, and close the consumer."""
        # An unavailable broker delivers them again.
        with contextlib.suppress(Exception):
            self.requeue(self.receive(PREFETCH))
        with contextlib.suppress(Exception):
            self._consumer.close()

    def _next(self) -> Any:
        try:
            message = next(self._consumer)
        except DecodeError:
            logger.error("rejected a message in %r: not a dramatiq message", self._queue)
            return _REJECTED
        except StopIteration:
            raise ConnectionError(f"the consumer of {self._queue!r} has ended") from None
        if message is not None and (fault := fault_in(message)) is not None:
            logger.error("rejected a message in %r: %s", self._queue, fault)
            self._consumer.nack(message)
            return _REJECTED
        return message
