"""`JobBroker`: a job store as a broker of dramatiq."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Broker, Message
from dramatiq.errors import QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import MiddlewareError

from actionhero import InvalidInput
from actionhero.transport import new_identifier
from actionhero_tasks.dramatiq.consumer import JobConsumer, call_store
from actionhero_tasks.dramatiq.messages import JobMessage, current_message
from actionhero_tasks.dramatiq.signals import SignalTable
from actionhero_tasks.job import JobState, NewJob
from actionhero_tasks.job_options import (
    check_priority,
    message_delay_ms,
    message_priority,
    retry_delay_ms,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dramatiq import Middleware

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.job_source import JobSource
    from actionhero_tasks.stores.store import JobStore

#: How often `join` polls.
POLL_SECONDS: Final = 0.02
#: An option with a number of its own for each time a message is enqueued.
ENQUEUED: Final = "enqueued"


class JobBroker(Broker):
    """A dramatiq broker over a job store.

    A message is a job with the same id. A message that dramatiq's middleware enqueues again after a
    failure is the same job again, with the attempts counted.

    Args:
        store: The store, or a function that opens it; the caller closes it.
        middleware: See `dramatiq.Broker`.
        source: Where consumers get the jobs from, or a function that opens it; by default the
            store.
    """

    def __init__(
        self,
        store: JobStore | Callable[[], JobStore],
        middleware: list[Middleware] | None = None,
        source: JobSource | Callable[[], JobSource] | None = None,
    ) -> None:
        self._open_store = store if callable(store) else lambda: store
        self._open_source = source if callable(source) else lambda: source or self.store
        self._table: SignalTable | None = None
        self._table_size = 0
        super().__init__(middleware)
        self.queues: set[str] = set()

    @property
    def store(self) -> JobStore:
        """The job store. Its methods block."""
        return self._open_store()

    @property
    def signals(self) -> SignalTable:
        """The signals of the middleware."""
        # The list is public, and packages insert into it.
        if self._table is None or self._table_size != len(self.middleware):
            self._table_size = len(self.middleware)
            self._table = SignalTable(self.middleware)
        return self._table

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware before an event, in order.

        Raises:
            MiddlewareError: A middleware refuses it; of a message that is to be processed,
                `SkipMessage`.
        """
        if signal == "process_message":
            message = args[0] if isinstance(args[0], JobMessage) else None
            current_message.set(message)
            if message is not None:
                message.skip_if_cancelled()
        self._emit(self.signals, f"before_{signal}", args, kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware after an event, in reverse order. Their errors are logged."""
        if signal == "process_message" and isinstance(args[0], JobMessage):
            args[0].result = kwargs.get("result")
        self._emit(self.signals, f"after_{signal}", args, kwargs)

    def _emit(
        self, table: SignalTable, signal: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        for hook, middleware in table.hooks(signal):
            try:
                hook(self, *args, **kwargs)
            except Exception as error:
                if isinstance(error, MiddlewareError) and signal.startswith("before_"):
                    raise
                self.logger.critical(
                    "Unexpected failure in %s of %r.", signal, middleware, exc_info=True
                )

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
        """Add a message to the store, and return it. It blocks until it is stored.

        Args:
            message: The message.
            delay: How many milliseconds to wait before it may run.

        Raises:
            BrokerConnectionError: The store cannot be reached.
            ValueError: The delay or the priority is out of bounds.
        """
        self.declare_queue(message.queue_name)
        current = current_message.get()
        if current is not None and current.is_retry(message):
            self.emit_before("enqueue", message, delay)
            # The job of the failed message is settled as one to retry, in one step.
            current.retry_delay_ms = retry_delay_ms(delay or 0)
        else:
            delay_ms = message_delay_ms(delay)
            self.emit_before("enqueue", message, delay)
            self._add(message, delay_ms)
        self.emit_after("enqueue", message, delay)
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> JobConsumer:
        """Return a consumer of a queue.

        Raises:
            QueueNotFound: The queue was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        return JobConsumer(
            self.store, self._open_source(), queue_name, prefetch, timeout, self.decode
        )

    def decode(self, claim: Claim) -> Message[Any]:
        """Decode the message of a job.

        Raises:
            DecodeError: It is not a message.
        """
        return Message.decode(claim.body)

    def flush(self, queue_name: str) -> None:
        """Cancel all waiting jobs of a queue.

        Raises:
            QueueNotFound: The queue was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        for state in (JobState.READY, JobState.DELAYED):
            while jobs := call_store(lambda: self.store.jobs(state, queue_name)):  # noqa: B023 - called at once
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

    def _add(self, message: Message[Any], delay_ms: int) -> None:
        actor = self.actors.get(message.actor_name)
        priority = message_priority(message.options)
        if priority is None:
            # Low numbers of an actor are urgent, as here.
            priority = actor.priority if actor else 0
        try:
            check_priority(priority)
        except InvalidInput as error:
            # In a call it is not an error of the client.
            raise ValueError(str(error)) from None
        message.options[ENQUEUED] = new_identifier()
        job = NewJob(
            id=message.message_id,
            queue=message.queue_name,
            action=message.actor_name,
            body=message.encode(),
            priority=priority,
            delay_ms=delay_ms,
        )
        self.add_job(job)

    def add_job(self, job: NewJob) -> str:
        """Add a job of a message, and return its id.

        Raises:
            BrokerConnectionError: The store cannot be reached.
        """
        id: str = call_store(lambda: add_again(self.store, job))
        return id


def add_again(store: JobStore, job: NewJob) -> str:
    """Add a job whose id may have been added before, and return the id of its message.

    Composed messages, such as those of a group, may be enqueued any number of times: each is a job,
    the first with the id of the message. If the deduplication key was added before, no job is
    added, and the id of the earlier one is returned.
    """
    [id] = store.add([job])
    if id == job.id:
        record = store.find(id)
        if record is not None and record.body != job.body:
            store.add([dataclasses.replace(job, id=new_identifier())])
    return id
