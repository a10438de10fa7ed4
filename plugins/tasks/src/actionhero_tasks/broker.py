"""`JobBroker`: the store of jobs as a broker of dramatiq.

With it, actors, native middleware and workers of dramatiq's own use the same queues, with the same
leases and dead letters. Actions do not need it to run: our worker asks the store itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Broker, Consumer, Message, MessageProxy
from dramatiq.errors import BrokerConnectionError, DecodeError, QueueJoinTimeout, QueueNotFound

from actionhero.transport import new_identifier
from actionhero_tasks.job import Ending, JobState, NewJob, Settlement, StoreUnavailable
from actionhero_tasks.servers import new_worker_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dramatiq import Middleware

    from actionhero_tasks.job import Claim
    from actionhero_tasks.store import JobStore

#: How often `join` looks.
LOOK_SECONDS: Final = 0.02
#: How often a consumer says that it is alive, and looks after those that are not.
ROUND_SECONDS: Final = 2.0
_UNREADABLE: Final = b'{"message":"it is no message of dramatiq","type":"CONNECTION_ACTION_RUN"}'


class JobBroker(Broker):
    """A broker over a store of jobs.

    Args:
        store: Where jobs are kept. Whoever opened it closes it.
        middleware: As dramatiq takes it; where left out, dramatiq's own.
    """

    def __init__(self, store: JobStore, middleware: list[Middleware] | None = None) -> None:
        super().__init__(middleware)
        self.queues: set[str] = set()
        self.store = store

    def declare_queue(self, queue_name: str) -> None:
        """Let workers of dramatiq listen on a queue."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def get_declared_queues(self) -> set[str]:
        """Return the queues that were declared."""
        return set(self.queues)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Keep a message, and return it.

        Args:
            message: What is kept.
            delay: How many milliseconds it waits at least; the store sees to that.
        """
        self.declare_queue(message.queue_name)
        self.emit_before("enqueue", message, delay)
        job = NewJob(
            # One message may be enqueued again, as another job: that is how dramatiq retries.
            id=new_identifier(),
            queue=message.queue_name,
            action=message.actor_name,
            body=message.encode(),
            # A high number is urgent in dramatiq, a low one with us.
            priority=-int(message.options.get("broker_priority", 0)),
            delay_ms=delay or 0,
        )
        _reach(lambda: self.store.add([job]))
        self.emit_after("enqueue", message, delay)
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> JobConsumer:
        """Return what hands out the messages of a queue.

        Raises:
            QueueNotFound: It was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        return JobConsumer(self.store, queue_name, prefetch, timeout)

    def flush(self, queue_name: str) -> None:
        """Cancel all that waits in a queue.

        Raises:
            QueueNotFound: It was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        for state in (JobState.READY, JobState.DELAYED):
            while jobs := _reach(lambda: self.store.jobs(state, queue_name)):  # noqa: B023 - now
                for job in jobs:
                    self.store.cancel(job.id)

    def flush_all(self) -> None:
        """Cancel all that waits in the queues that were declared."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Return when nothing waits in a queue, and nothing of it runs. For tests.

        Raises:
            QueueNotFound: It was not declared.
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
            time.sleep(LOOK_SECONDS)


class JobMessage(MessageProxy):
    """A message that a worker of dramatiq has.

    Args:
        message: The message.
        claim: The job that it came in.
    """

    def __init__(self, message: Message[Any], claim: Claim) -> None:
        super().__init__(message)
        self.claim = claim


class JobConsumer(Consumer):
    """Hands out the messages of one queue, as an owner of its own.

    Args:
        store: Where jobs are kept.
        queue_name: The queue.
        prefetch: How many messages may be out at once.
        timeout: How many milliseconds it waits for one.
    """

    def __init__(self, store: JobStore, queue_name: str, prefetch: int, timeout: int) -> None:
        self._store = store
        self._queue_name = queue_name
        self._prefetch = prefetch
        self._timeout = timeout
        self._owner = new_worker_id()
        self._waiting: deque[JobMessage] = deque()
        #: The jobs that are out, with their tokens.
        self._out: set[tuple[str, int]] = set()
        self._bell = threading.Event()
        # Messages are acknowledged by other threads than the one that gets them.
        self._lock = threading.Lock()
        self._next_round = 0.0
        _reach(lambda: store.join(self._owner))
        store.bells.add(self._bell)

    def __next__(self) -> JobMessage | None:
        """Return the next message, or `None` after a while without one."""
        self._bell.clear()
        if not self._waiting:
            self._fetch()
        if not self._waiting:
            if len(self._out) < self._prefetch:
                _reach(lambda: self._store.wait(self._owner, self._bell, self._timeout))
            else:
                self._bell.wait(self._timeout / 1000)
            self._fetch()
        return self._waiting.popleft() if self._waiting else None

    def ack(self, message: MessageProxy) -> None:
        """Say that a message was dealt with."""
        self._settle(message, Ending.DONE)

    def nack(self, message: MessageProxy) -> None:
        """Put a message to the dead letters."""
        self._settle(message, Ending.DEAD)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Put messages back that nobody has begun."""
        for message in messages:
            self._settle(message, Ending.RELEASE)

    def close(self) -> None:
        """Put back all that is out, and leave."""
        self._store.bells.discard(self._bell)
        _reach(lambda: self._store.leave(self._owner, crashed=False))

    def _fetch(self) -> None:
        if (now := time.monotonic()) >= self._next_round:
            self._next_round = now + ROUND_SECONDS
            _reach(lambda: self._store.beat(self._owner))
            _reach(self._store.sweep)
        with self._lock:
            room = self._prefetch - len(self._out)
            if room <= 0:
                return
            claims, _ = _reach(lambda: self._store.trade(self._owner, [self._queue_name], room))
            self._out |= {(claim.id, claim.token) for claim in claims}
        for claim in claims:
            try:
                self._waiting.append(JobMessage(Message.decode(claim.body), claim))
            except DecodeError:
                self._trade(Settlement(claim.id, claim.token, Ending.DEAD, error=_UNREADABLE))

    def _settle(self, message: MessageProxy, ending: Ending) -> None:
        claim: Claim = message.claim
        error = None
        if ending is Ending.DEAD and message._exception is not None:
            error = _told(message._exception)
        self._trade(Settlement(claim.id, claim.token, ending, error=error))

    def _trade(self, settlement: Settlement) -> None:
        with self._lock:
            if (settlement.id, settlement.token) not in self._out:
                # Settled before: dramatiq does so where it is not sure.
                return
            _reach(lambda: self._store.trade(self._owner, [self._queue_name], 0, [settlement]))
            self._out.discard((settlement.id, settlement.token))
        self._bell.set()


def _told(exception: BaseException) -> bytes:
    from actionhero import TypedError
    from actionhero_tasks.envelope import describe

    # Its type and no more: its words may hold what is secret.
    return describe(TypedError(f"{type(exception).__name__} was raised; see the log of the worker"))


def _reach(ask: Callable[[], Any]) -> Any:
    """Return what a store answers; that it is away is told as dramatiq knows it."""
    try:
        return ask()
    except StoreUnavailable as error:
        raise BrokerConnectionError(str(error)) from error
