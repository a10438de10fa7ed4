"""`BrokeredStore`: a store whose ready jobs a message broker delivers to workers."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from actionhero.transport import Backoff
from actionhero_tasks.brokers.wrapped_store import WrappedStore
from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from actionhero_tasks.brokers.message_broker import Delivery, MessageBroker
    from actionhero_tasks.job import Claim, NewJob, Settlement
    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore

logger = logging.getLogger("actionhero.tasks")

#: How many jobs are sent in one step.
MAX_SENT: Final = 500
#: The first and the longest time for which an unavailable broker is not called.
BACKOFF_SECONDS: Final = (0.1, 2.0)
#: How often queues are polled for messages of other clients, and for lost messages.
FOREIGN_SECONDS: Final = 1.0
LOST_SECONDS: Final = 5.0
#: After this time a process that began to send a job is considered dead.
SENDING_MS: Final = 10_000
#: How many delayed messages of other clients are received in one step.
MAX_DELAYED: Final = 100


class BrokeredStore(WrappedStore):
    """Stores jobs in a store, and delivers them through a message broker.

    The store is the source of truth. A job is stored, then a message with its id is sent. A worker
    that receives the message claims the job in the store; if that fails, because another worker has
    the job or it is no longer ready, the message is dropped. A job whose message was lost is sent
    again. Messages are received only when a job can start, so a crashed worker holds none.

    Jobs of queues with limits are not sent, because a claim in the store observes the limits.

    While the broker is unavailable jobs are stored, and sent later.

    Args:
        inner: The store; closed with this one.
        outbox: The outbox of the store.
        broker: The broker; closed with this store.
        queues: Queues that may have messages of other clients, besides the queues of stored jobs.
    """

    def __init__(
        self, inner: JobStore, outbox: Outbox, broker: MessageBroker, queues: Iterable[str] = ()
    ) -> None:
        super().__init__(inner)
        self.broker = broker
        self._outbox = outbox
        #: Queues that may have messages of other clients.
        self._foreign_queues = set(queues)
        self._outage = _Outage(broker)
        self._turn = 0
        self._lock = threading.Lock()
        self._next_poll = {"foreign": 0.0, "lost": 0.0}

    # -- adding jobs ---------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        ids = super().add(jobs)
        self._send()
        return ids

    def enqueue_scheduled(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        added = super().enqueue_scheduled(name, fire_ms, job, overlap=overlap)
        if added:
            self._send()
        return added

    def close_batch(self, id: str) -> None:
        super().close_batch(id)
        self._send()

    def retry(self, id: str) -> bool:
        was_dead = super().retry(id)
        if was_dead:
            self._send()
        return was_dead

    # -- running jobs --------------------------------------------------------------------------

    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        limited = self._outbox.excluded_queues = frozenset(self.queue_limits)
        if queues is not None:
            limited = limited.intersection(queues)
        # Usually with the limit 0, which also makes due jobs ready, and claims nothing.
        claims, rejected = super().settle_and_claim(
            worker_id, sorted(limited), limit if limited else 0, settlements
        )
        self._send()
        if limit <= len(claims):
            return claims, rejected
        try:
            claims += self._outbox.claim(worker_id, queues, [])
            if not self._outage:
                for deliveries in self._receive(queues, limit, claims):
                    claims += self._claim_delivered(worker_id, queues, deliveries)
        except BrokerUnavailable as error:
            self._outage.begin(error)
        except StoreUnavailable:
            # The jobs that were claimed before must start.
            if not claims:
                raise
        return claims, rejected

    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        if self._outage:
            wake_event.wait(min(timeout_ms / 1000, self._outage.remaining_seconds))
        else:
            super().wait(worker_id, wake_event, timeout_ms)

    # -- workers -------------------------------------------------------------------------------

    def remove_worker(self, worker_id: str, *, crashed: bool) -> int:
        count = super().remove_worker(worker_id, crashed=crashed)
        if count:
            self._send()
        return count

    def sweep(self) -> int:
        count = super().sweep()
        self._outbox.reset_stale(self.now_ms() - SENDING_MS)
        self._send()
        try:
            if not self._outage and self._is_due("lost", LOST_SECONDS):
                self._resend_lost()
        except BrokerUnavailable as error:
            self._outage.begin(error)
        return count

    # -- lifecycle -----------------------------------------------------------------------------

    def ping(self) -> None:
        super().ping()
        self.broker.ping()

    def close(self) -> None:
        self.broker.close()
        super().close()

    # -- sending -------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send the unsent jobs, unless the broker is unavailable."""
        if self._outage:
            return
        self._outbox.excluded_queues = frozenset(self.queue_limits)
        jobs = self._outbox.begin_sending(MAX_SENT)
        if not jobs:
            return
        ids = [job.id for job in jobs]
        try:
            self.broker.publish(jobs)
        except BrokerUnavailable as error:
            self._outbox.mark_unsent(ids)
            self._outage.begin(error)
            return
        self._outage.end()
        self._outbox.mark_sent(ids)
        self.notify()

    def _resend_lost(self) -> None:
        """Send jobs again whose messages the broker has lost."""
        for queue in self._outbox.sent_counts():
            # The broker is counted first, so that a job that starts in between is not sent again. A
            # message that was just sent or received may be sent twice, which is harmless.
            waiting = self.broker.count_waiting(queue)
            missing = self._outbox.sent_counts().get(queue, 0) - waiting
            if missing > 0:
                # The oldest, because messages are delivered by age.
                before_ms = self.now_ms() - int(LOST_SECONDS * 1000)
                count = self._outbox.reset_sent(queue, before_ms, missing)
                if count:
                    logger.info(
                        "sending %d jobs of %r to %s again", count, queue, self.broker.title
                    )
        self._send()

    # -- receiving -----------------------------------------------------------------------------

    def _receive(
        self, queues: Sequence[str] | None, limit: int, claims: list[Claim]
    ) -> Iterator[list[tuple[str, Delivery]]]:
        """Yield deliveries of one queue after the other until there are enough claims.

        Args:
            queues: The queues; `None`: all.
            limit: How many claims are enough.
            claims: The claims, to which the caller adds: not every delivery results in one.
        """
        polled = self._queues_to_poll(queues)
        while polled and (missing := limit - len(claims)) > 0:
            # An equal share of each queue, so that a long queue does not starve the others.
            share = -(-missing // len(polled))
            for queue in tuple(polled):
                count = min(share, limit - len(claims))
                if count <= 0:
                    return
                deliveries = self.broker.receive(queue, count)
                self._outage.end()
                if len(deliveries) < count:
                    polled.remove(queue)
                if deliveries:
                    yield [(queue, delivery) for delivery in deliveries]

    def _queues_to_poll(self, queues: Sequence[str] | None) -> list[str]:
        """Return the queues with sent jobs and, once a second, all that may have foreign messages.

        They are rotated with each call.
        """
        candidates = set(self._outbox.sent_counts())
        if self._is_due("foreign", FOREIGN_SECONDS):
            foreign_queues = self._foreign_queues if queues is None else set(queues)
            for queue in foreign_queues:
                self._store_delayed(queue)
            candidates |= foreign_queues
        polled = sorted(candidates if queues is None else candidates & set(queues))
        self._turn += 1
        start = self._turn % len(polled) if polled else 0
        return polled[start:] + polled[:start]

    def _store_delayed(self, queue: str) -> None:
        deliveries = self.broker.receive_delayed(queue, MAX_DELAYED)
        self._process(
            deliveries, lambda: self._store_foreign([(queue, delivery) for delivery in deliveries])
        )

    def _claim_delivered(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        deliveries: list[tuple[str, Delivery]],
    ) -> list[Claim]:
        """Claim the jobs of deliveries. Those without a ready job are acknowledged too."""
        claims: list[Claim] = []

        def claim() -> None:
            self._store_foreign(deliveries)
            ids = [
                delivery.job_id for queue, delivery in deliveries if queue not in self.queue_limits
            ]
            if ids:
                claims.extend(self._outbox.claim(worker_id, queues, ids))

        self._process([delivery for _, delivery in deliveries], claim)
        return claims

    def _store_foreign(self, deliveries: list[tuple[str, Delivery]]) -> None:
        """Add the messages of other clients to the store as jobs."""
        foreign = [(queue, delivery) for queue, delivery in deliveries if delivery.is_foreign]
        if foreign:
            now = self.now_ms()
            self.inner.add([delivery.as_job(queue, now) for queue, delivery in foreign])

    def _process(self, deliveries: Sequence[Delivery], process: Callable[[], None]) -> None:
        """Call `process`, and acknowledge deliveries; after an error, requeue them."""
        try:
            process()
        except BaseException:
            self.broker.requeue(deliveries)
            raise
        self.broker.ack(deliveries)

    def _is_due(self, name: str, interval_seconds: float) -> bool:
        with self._lock:
            if (now := time.monotonic()) < self._next_poll[name]:
                return False
            self._next_poll[name] = now + interval_seconds
            return True


class _Outage:
    """An outage of a broker, during which it is not called; true while it is.

    Its beginning and its end are logged once.

    Args:
        broker: The broker.
    """

    def __init__(self, broker: MessageBroker) -> None:
        self._broker = broker
        self._lock = threading.Lock()
        self._backoff = Backoff(*BACKOFF_SECONDS)
        self._until = 0.0

    def __bool__(self) -> bool:
        return self.remaining_seconds > 0

    @property
    def remaining_seconds(self) -> float:
        """How long the broker is not called."""
        return self._until - time.monotonic()

    def begin(self, error: BrokerUnavailable) -> None:
        """Note that a call has failed."""
        with self._lock:
            if not self._backoff.failures:
                logger.warning(
                    "%s cannot be reached; jobs are stored, and sent later: %s",
                    self._broker.title,
                    error,
                )
            self._until = time.monotonic() + self._backoff.next_seconds()

    def end(self) -> None:
        """Note that a call has succeeded."""
        if self._backoff.failures:
            with self._lock:
                if self._backoff.failures:
                    logger.warning("%s can be reached again", self._broker.title)
                self._backoff.reset()
                self._until = 0.0
