"""`JobBroker`: the job store as a broker of dramatiq.

dramatiq actors, native middleware and dramatiq workers can share the queues of the store, with the
same leases and dead letters. Actions run without it: `Worker` claims jobs from the store directly.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Broker, Consumer, Message, MessageProxy
from dramatiq.errors import BrokerConnectionError, DecodeError, QueueJoinTimeout, QueueNotFound

from actionhero.transport import new_identifier
from actionhero_tasks.job import JobState, NewJob, Settlement, SettlementKind, StoreUnavailable
from actionhero_tasks.worker_id import new_worker_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dramatiq import Middleware

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore

#: How often `join` polls.
POLL_SECONDS: Final = 0.02
#: How often a consumer extends its lease, and sweeps.
HEARTBEAT_SECONDS: Final = 2.0
_UNDECODABLE: Final = b'{"message":"it is not a dramatiq message","type":"CONNECTION_ACTION_RUN"}'


class JobBroker(Broker):
    """A dramatiq broker over a job store.

    Args:
        store: The store; the caller closes it.
        middleware: See `dramatiq.Broker`.
    """

    def __init__(self, store: JobStore, middleware: list[Middleware] | None = None) -> None:
        super().__init__(middleware)
        self.queues: set[str] = set()
        self.store = store

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue, from which dramatiq workers consume."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def get_declared_queues(self) -> set[str]:
        """Return the declared queues."""
        return set(self.queues)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Add a message to the store, and return it.

        Args:
            message: The message.
            delay: How many milliseconds to wait before it may run.
        """
        self.declare_queue(message.queue_name)
        self.emit_before("enqueue", message, delay)
        job = NewJob(
            # A new id, because dramatiq enqueues a message again to retry it.
            id=new_identifier(),
            queue=message.queue_name,
            action=message.actor_name,
            body=message.encode(),
            # High numbers are urgent in dramatiq, low ones here.
            priority=-int(message.options.get("broker_priority", 0)),
            delay_ms=delay or 0,
        )
        _call_store(lambda: self.store.add([job]))
        self.emit_after("enqueue", message, delay)
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> JobConsumer:
        """Return a consumer of a queue.

        Raises:
            QueueNotFound: The queue was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        return JobConsumer(self.store, queue_name, prefetch, timeout)

    def flush(self, queue_name: str) -> None:
        """Cancel all waiting jobs of a queue.

        Raises:
            QueueNotFound: The queue was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        for state in (JobState.READY, JobState.DELAYED):
            while jobs := _call_store(lambda: self.store.jobs(state, queue_name)):  # noqa: B023 - called at once
                for job in jobs:
                    self.store.cancel(job.id)

    def flush_all(self) -> None:
        """Cancel all waiting jobs of the declared queues."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Block until no job of a queue is waiting or running. For tests.

        Raises:
            QueueNotFound: The queue was not declared.
            QueueJoinTimeout: It took longer than `timeout` milliseconds.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        while any(
            counts.ready or counts.delayed or counts.running
            for counts in self.store.counts()
            if counts.queue == queue_name
        ):
            if deadline is not None and time.monotonic() > deadline:
                raise QueueJoinTimeout(queue_name)
            time.sleep(POLL_SECONDS)


class JobMessage(MessageProxy):
    """A message that a dramatiq worker processes.

    Args:
        message: The message.
        claim: The claim of its job.
    """

    def __init__(self, message: Message[Any], claim: Claim) -> None:
        super().__init__(message)
        self.claim = claim


class JobConsumer(Consumer):
    """Consumes one queue, as a worker with its own id.

    Args:
        store: The job store.
        queue_name: The queue.
        prefetch: How many messages may be unacknowledged.
        timeout: How many milliseconds to wait for a message.
    """

    def __init__(self, store: JobStore, queue_name: str, prefetch: int, timeout: int) -> None:
        self._store = store
        self._queue_name = queue_name
        self._prefetch = prefetch
        self._timeout = timeout
        self._worker_id = new_worker_id()
        self._fetched: deque[JobMessage] = deque()
        #: The ids and tokens of the jobs that are not settled.
        self._unsettled: set[tuple[str, int]] = set()
        self._wake_event = threading.Event()
        # dramatiq acknowledges messages in other threads than the consumer's.
        self._lock = threading.Lock()
        self._next_heartbeat = 0.0
        _call_store(lambda: store.register_worker(self._worker_id))
        store.wake_events.add(self._wake_event)

    def __next__(self) -> JobMessage | None:
        """Return the next message, or `None` if there is none within the timeout."""
        self._wake_event.clear()
        if not self._fetched:
            self._fetch()
        if not self._fetched:
            if len(self._unsettled) < self._prefetch:
                _call_store(
                    lambda: self._store.wait(self._worker_id, self._wake_event, self._timeout)
                )
            else:
                self._wake_event.wait(self._timeout / 1000)
            self._fetch()
        return self._fetched.popleft() if self._fetched else None

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge a message."""
        self._settle_message(message, SettlementKind.DONE)

    def nack(self, message: MessageProxy) -> None:
        """Dead-letter a message."""
        self._settle_message(message, SettlementKind.DEAD)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Release messages that were not processed."""
        for message in messages:
            self._settle_message(message, SettlementKind.RELEASE)

    def close(self) -> None:
        """Release all unsettled messages, and remove the worker from the store."""
        self._store.wake_events.discard(self._wake_event)
        _call_store(lambda: self._store.remove_worker(self._worker_id, crashed=False))

    def _fetch(self) -> None:
        if (now := time.monotonic()) >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            _call_store(lambda: self._store.record_heartbeat(self._worker_id))
            _call_store(self._store.sweep)
        with self._lock:
            limit = self._prefetch - len(self._unsettled)
            if limit <= 0:
                return
            claims, _ = _call_store(
                lambda: self._store.settle_and_claim(self._worker_id, [self._queue_name], limit)
            )
            self._unsettled |= {(claim.id, claim.token) for claim in claims}
        for claim in claims:
            try:
                self._fetched.append(JobMessage(Message.decode(claim.body), claim))
            except DecodeError:
                kind = SettlementKind.DEAD
                self._settle(Settlement(claim.id, claim.token, kind, error=_UNDECODABLE))

    def _settle_message(self, message: MessageProxy, kind: SettlementKind) -> None:
        claim: Claim = message.claim
        error = None
        if kind is SettlementKind.DEAD and message._exception is not None:
            error = _encode_exception(message._exception)
        self._settle(Settlement(claim.id, claim.token, kind, error=error))

    def _settle(self, settlement: Settlement) -> None:
        with self._lock:
            if (settlement.id, settlement.token) not in self._unsettled:
                # dramatiq may acknowledge a message twice.
                return
            _call_store(
                lambda: self._store.settle_and_claim(
                    self._worker_id, [self._queue_name], 0, [settlement]
                )
            )
            self._unsettled.discard((settlement.id, settlement.token))
        self._wake_event.set()


def _encode_exception(exception: BaseException) -> bytes:
    from actionhero import TypedError
    from actionhero_tasks.envelope import encode_error

    # Without the message of the exception, which may contain a secret.
    message = f"{type(exception).__name__} was raised; see the log of the worker"
    return encode_error(TypedError(message))


def _call_store(function: Callable[[], Any]) -> Any:
    """Return the result of `function`; if the store is unavailable, raise dramatiq's error."""
    try:
        return function()
    except StoreUnavailable as error:
        raise BrokerConnectionError(str(error)) from error
