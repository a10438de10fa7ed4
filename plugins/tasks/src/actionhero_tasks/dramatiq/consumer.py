"""`JobConsumer`: the jobs of one queue as messages, for a worker of dramatiq."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Consumer, Message
from dramatiq.errors import BrokerConnectionError, DecodeError

from actionhero_tasks.dramatiq.messages import JobMessage
from actionhero_tasks.job import Settlement, SettlementKind, StoreUnavailable
from actionhero_tasks.worker_id import new_worker_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dramatiq import MessageProxy

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.job_source import JobSource
    from actionhero_tasks.stores.store import JobStore

#: How often a consumer extends its lease, sweeps, and cancels jobs.
HEARTBEAT_SECONDS: Final = 2.0
_UNDECODABLE: Final = b'{"message":"it is not a dramatiq message","type":"CONNECTION_ACTION_RUN"}'


class JobConsumer(Consumer):
    """Consumes one queue, as a worker with its own id.

    Args:
        store: The job store.
        source: Where the jobs come from.
        queue_name: The queue.
        prefetch: How many messages may be unacknowledged.
        timeout: How many milliseconds to wait for a message.
        decode: Decodes the message of a claim.
    """

    def __init__(
        self,
        store: JobStore,
        source: JobSource,
        queue_name: str,
        prefetch: int,
        timeout: int,
        decode: Callable[[Claim], Message[Any]],
    ) -> None:
        self._decode = decode
        self._store = store
        self._source = source
        self._queue_name = queue_name
        self._prefetch = prefetch
        self._timeout = timeout
        self._worker_id = new_worker_id()
        self._fetched: deque[JobMessage] = deque()
        #: The ids and tokens of the jobs that are not settled.
        self._unsettled: set[tuple[str, int]] = set()
        #: Their messages, by the id of the job.
        self._messages: dict[str, JobMessage] = {}
        self._wake_event = threading.Event()
        # dramatiq acknowledges messages in other threads than the consumer's.
        self._lock = threading.Lock()
        self._next_heartbeat = 0.0
        call_store(lambda: store.register_worker(self._worker_id))
        store.wake_events.add(self._wake_event)

    def __next__(self) -> JobMessage | None:
        """Return the next message, or `None` if there is none within the timeout."""
        self._wake_event.clear()
        if not self._fetched:
            self._fetch()
        if not self._fetched:
            if len(self._unsettled) < self._prefetch:
                call_store(
                    lambda: self._source.wait(self._worker_id, self._wake_event, self._timeout)
                )
            else:
                self._wake_event.wait(self._timeout / 1000)
            self._fetch()
        return self._fetched.popleft() if self._fetched else None

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge a message; a failed one that dramatiq has enqueued again is retried."""
        self._settle_message(message)

    def nack(self, message: MessageProxy) -> None:
        """Dead-letter a message."""
        message.fail()
        self._settle_message(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Release messages that were not processed."""
        for message in messages:
            self._settle_claim(message, SettlementKind.RELEASE)

    def close(self) -> None:
        """Release all unsettled messages, and remove the worker from the store."""
        self._store.wake_events.discard(self._wake_event)
        self._source.suspend(self._worker_id)
        call_store(lambda: self._store.remove_worker(self._worker_id, crashed=False))

    def _fetch(self) -> None:
        if (now := time.monotonic()) >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            call_store(lambda: self._store.record_heartbeat(self._worker_id))
            call_store(self._store.sweep)
            self._cancel_requested()
        with self._lock:
            limit = self._prefetch - len(self._unsettled)
            if limit <= 0:
                return
            claims, _ = call_store(
                lambda: self._source.settle_and_claim(self._worker_id, [self._queue_name], limit)
            )
            self._unsettled |= {(claim.id, claim.token) for claim in claims}
        for claim in claims:
            try:
                message = JobMessage(self._decode(claim), claim)
                self._messages[claim.id] = message
                self._fetched.append(message)
            except DecodeError:
                kind = SettlementKind.DEAD
                self._settle(Settlement(claim.id, claim.token, kind, error=_UNDECODABLE))

    def _cancel_requested(self) -> None:
        if self._messages:
            for id in call_store(lambda: self._store.cancellations(self._worker_id)):
                if (message := self._messages.get(id)) is not None:
                    message.cancel()

    def _settle_message(self, message: MessageProxy) -> None:
        assert isinstance(message, JobMessage)  # noqa: S101 - it was consumed here
        self._settle(message.settle())

    def _settle_claim(self, message: MessageProxy, kind: SettlementKind) -> None:
        assert isinstance(message, JobMessage)  # noqa: S101 - it was consumed here
        self._settle(Settlement(message.claim.id, message.claim.token, kind))

    def _settle(self, settlement: Settlement) -> None:
        with self._lock:
            if (settlement.id, settlement.token) not in self._unsettled:
                # dramatiq may acknowledge a message twice.
                return
            call_store(
                lambda: self._source.settle_and_claim(
                    self._worker_id, [self._queue_name], 0, [settlement]
                )
            )
            self._unsettled.discard((settlement.id, settlement.token))
            self._messages.pop(settlement.id, None)
        self._wake_event.set()


def call_store(function: Callable[[], Any]) -> Any:
    """Return the result of `function`; if the store is unavailable, raise dramatiq's error."""
    try:
        return function()
    except StoreUnavailable as error:
        raise BrokerConnectionError(str(error)) from error
