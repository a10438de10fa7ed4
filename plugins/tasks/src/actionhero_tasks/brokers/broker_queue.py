"""`BrokerQueue`: the ready jobs of a store, as a message broker delivers them to workers."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from dramatiq.common import dq_name

from actionhero_tasks.brokers.messages import is_foreign, job_for, job_id_of
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.stores.job_source import JobSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dramatiq import Broker, MessageProxy

    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.brokers.outage import Outage
    from actionhero_tasks.brokers.receiver import QueueReceiver
    from actionhero_tasks.brokers.receivers import Receivers
    from actionhero_tasks.brokers.sender import MessageSender
    from actionhero_tasks.job import Claim, Settlement
    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore

logger = logging.getLogger("actionhero.tasks")

#: How often queues are polled for messages of other clients.
FOREIGN_SECONDS: Final = 1.0
#: How long a queue must be empty until messages that were sent to it before are considered lost.
LOST_SECONDS: Final = 5.0
#: How long to wait for the first message of a queue to which jobs were sent.
PATIENCE_SECONDS: Final = 0.02
#: How many delayed messages of other clients are received in one step.
MAX_DELAYED: Final = 100


class BrokerQueue(JobSource):
    """Delivers the ready jobs of a store through a message broker.

    The store is the source of truth. A job is stored, then a message with its id is sent. A worker
    that receives the message claims the job in the store; if that fails, because another worker has
    the job or it is no longer ready, the message is dropped. Jobs whose messages were lost are sent
    again. Jobs of queues with limits are not sent: the store observes the limits when it is asked
    for jobs.

    While the broker is unavailable jobs are stored, and sent later. Workers never wait for it: they
    receive from the queues whose receivers are open.

    Args:
        store: The store.
        outbox: Its outbox.
        backend: The kind of the broker.
        broker: The broker.
        sender: Sends the jobs.
        receivers: The receivers of workers.
        outage: The outage of the broker.
        queues: Queues that may have messages of other clients, besides the queues of stored jobs.
    """

    def __init__(
        self,
        store: JobStore,
        outbox: Outbox,
        backend: BrokerBackend,
        broker: Broker,
        sender: MessageSender,
        receivers: Receivers,
        outage: Outage,
        queues: Iterable[str] = (),
    ) -> None:
        self.wake_events = store.wake_events
        self._store = store
        self._outbox = outbox
        self._backend = backend
        self._broker = broker
        self._sender = sender
        self._receivers = receivers
        self._outage = outage
        self._foreign_queues = set(queues)
        self._turn = 0
        self._lock = threading.Lock()
        self._next_foreign = 0.0

    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        limited = self._outbox.excluded_queues = frozenset(self._store.queue_limits)
        if queues is not None:
            limited = limited.intersection(queues)
        # Usually with the limit 0, which also makes due jobs ready, and claims nothing.
        claims, rejected = self._store.settle_and_claim(
            worker_id, sorted(limited), limit if limited else 0, settlements
        )
        self._sender.wake_event.set()
        if limit <= len(claims):
            return claims, rejected
        try:
            claims += self._outbox.claim(worker_id, queues, [])
            if not self._outage:
                self._receive(worker_id, queues, limit, claims)
        except StoreUnavailable:
            # The jobs that were claimed before must start.
            if not claims:
                raise
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            self.suspend(worker_id)
            self._receivers.note_error(error)
        return claims, rejected

    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        if self._outage:
            wake_event.wait(max(min(timeout_ms / 1000, self._outage.remaining_seconds), 0))
        else:
            self._store.wait(worker_id, wake_event, timeout_ms)

    def suspend(self, worker_id: str) -> None:
        self._receivers.abandon(worker_id)

    def close(self) -> None:
        """Return what was delivered ahead to all workers."""
        self._receivers.abandon()

    # -- receiving -----------------------------------------------------------------------------

    def _receive(
        self, worker_id: str, queues: Sequence[str] | None, limit: int, claims: list[Claim]
    ) -> None:
        """Receive from one queue after the other until there are enough claims."""
        sent_counts = self._outbox.sent_counts()
        polled = self._queues_to_poll(worker_id, queues, sent_counts)
        while polled and (missing := limit - len(claims)) > 0:
            # An equal share of each queue, so that a long queue does not starve the others.
            share = -(-missing // len(polled))
            for queue in tuple(polled):
                count = min(share, limit - len(claims))
                if count <= 0:
                    return
                receiver = self._receiver(worker_id, queue)
                if receiver is None:
                    polled.remove(queue)
                    continue
                patience_seconds = PATIENCE_SECONDS if queue in sent_counts else 0.0
                messages = receiver.receive(count, patience_seconds)
                if len(messages) < count:
                    polled.remove(queue)
                if messages:
                    self._outage.end()
                    claims += self._claim(worker_id, queues, queue, receiver, messages)
                elif queue in sent_counts and receiver.quiet_seconds > LOST_SECONDS:
                    self._resend(queue, sent_counts[queue])

    def _queues_to_poll(
        self, worker_id: str, queues: Sequence[str] | None, sent_counts: dict[str, int]
    ) -> list[str]:
        """Return the queues with sent jobs and, once a second, all that may have foreign messages.

        They are rotated with each call.
        """
        candidates = set(sent_counts)
        if self._is_foreign_due():
            foreign_queues = self._foreign_queues if queues is None else set(queues)
            for queue in sorted(foreign_queues):
                if not self._store_delayed(worker_id, queue):
                    # As soon as its receiver is open.
                    self._next_foreign = 0.0
            candidates |= foreign_queues
        polled = sorted(candidates if queues is None else candidates & set(queues))
        self._turn += 1
        start = self._turn % len(polled) if polled else 0
        return polled[start:] + polled[:start]

    def _receiver(self, worker_id: str, queue: str) -> QueueReceiver | None:
        receiver = self._receivers.get(worker_id, queue)
        if receiver is None and not self._sender.is_alive():
            # It was not started, as in tests, or it is ending.
            self._receivers.open_requested()
            receiver = self._receivers.get(worker_id, queue)
        return receiver

    def _claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        queue: str,
        receiver: QueueReceiver,
        messages: list[MessageProxy],
    ) -> list[Claim]:
        """Claim the jobs of messages. Those without a ready job are acknowledged too."""
        claims: list[Claim] = []

        def claim() -> None:
            self._store_foreign(queue, messages)
            if queue not in self._outbox.excluded_queues:
                ids = [job_id_of(message) for message in messages]
                claims.extend(self._outbox.claim(worker_id, queues, ids))

        self._process(worker_id, receiver, messages, claim)
        return claims

    def _store_delayed(self, worker_id: str, queue: str) -> bool:
        """Store the delayed messages of other clients, unless the broker itself delays them.

        Returns:
            Whether the receivers of the queue are open.
        """
        # It declares the queue.
        if self._receiver(worker_id, queue) is None:
            return False
        name = dq_name(queue)
        if name in self._broker.get_declared_delay_queues():
            receiver = self._receiver(worker_id, name)
            if receiver is None:
                return False
            messages = receiver.receive(MAX_DELAYED)
            store = partial(self._store_foreign, queue, messages)
            self._process(worker_id, receiver, messages, store)
        return True

    def _store_foreign(self, queue: str, messages: list[MessageProxy]) -> None:
        """Add the messages of other clients to the store as jobs."""
        foreign = [message for message in messages if is_foreign(message)]
        if foreign:
            now_ms = self._store.now_ms()
            self._store.add([job_for(message, queue, now_ms) for message in foreign])

    def _process(
        self,
        worker_id: str,
        receiver: QueueReceiver,
        messages: list[MessageProxy],
        process: Callable[[], None],
    ) -> None:
        """Call `process`, and acknowledge messages; after an error, return them to the queue."""
        try:
            process()
        except BaseException:
            receiver.requeue(messages)
            # Some brokers return messages when the consumer is closed.
            self.suspend(worker_id)
            raise
        receiver.ack(messages)

    def _resend(self, queue: str, limit: int) -> None:
        """Send jobs again whose messages were lost: their queue is empty."""
        before_ms = self._store.now_ms() - int(LOST_SECONDS * 1000)
        count = self._outbox.reset_sent(queue, before_ms, limit)
        if count:
            logger.info("sending %d jobs of %r to %s again", count, queue, self._backend.title)
            self._sender.wake_event.set()

    def _is_foreign_due(self) -> bool:
        with self._lock:
            if (now := time.monotonic()) < self._next_foreign:
                return False
            self._next_foreign = now + FOREIGN_SECONDS
            return True
