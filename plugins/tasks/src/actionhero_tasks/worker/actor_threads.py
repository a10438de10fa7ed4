"""`ActorThreads`: dramatiq's worker threads, which run the jobs of actors."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from dataclasses import dataclass, field
from queue import PriorityQueue
from typing import TYPE_CHECKING, Any, Final

from dramatiq.errors import DecodeError
from dramatiq.middleware import Interrupt, raise_thread_exception
from dramatiq.worker import WorkerThread

from actionhero.transport import context_facts
from actionhero_tasks.dramatiq.messages import JobMessage, encode_exception
from actionhero_tasks.envelope import carrier_in
from actionhero_tasks.job import Settlement, SettlementKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.dramatiq.application_broker import ApplicationBroker
    from actionhero_tasks.job import Claim

#: How often an idle thread checks whether it should end, in milliseconds.
TIMEOUT_MS: Final = 60_000
#: How long to wait for the end of the threads.
JOIN_SECONDS: Final = 0.5
_ACK: Final = ("before_ack", "after_ack", "before_nack", "after_nack")
#: Ends a thread that waits for a message.
_END: Final = object()


class ActorThreads:
    """Runs jobs in threads of dramatiq, as many as jobs run at the same time.

    Args:
        broker: The broker of the application.
        await_settlement: Calls a function once the settlement of a job has been stored.
    """

    def __init__(
        self,
        broker: ApplicationBroker,
        await_settlement: Callable[[str, Callable[[bool], None]], None],
    ) -> None:
        self._broker = broker
        self._loop = asyncio.get_running_loop()
        self._await_settlement = await_settlement
        self._queue: PriorityQueue[Any] = PriorityQueue()
        self._threads: list[_Thread] = []
        self._busy = 0
        #: Threads that may still process a message whose job was cancelled or released.
        self._blocked: set[_Thread] = set()
        self._numbers = itertools.count()

    async def run(self, claim: Claim) -> Settlement:
        """Run a job in a thread, and return its settlement.

        Raises:
            asyncio.CancelledError: The worker stops, or the job was cancelled. Its thread is
                interrupted as soon as it executes Python code.
        """
        try:
            message = JobMessage(self._broker.decode(claim), claim)
        except DecodeError as error:
            encoded = encode_exception(error)
            return Settlement(claim.id, claim.token, SettlementKind.DEAD, error=encoded)
        settled: asyncio.Future[Settlement] = self._loop.create_future()
        message.on_settlement = lambda settlement: self._set(settled, settlement)
        self._busy += 1
        if self._blocked:
            self._blocked = {thread for thread in self._blocked if thread.is_blocked}
        if self._busy > len(self._threads) - len(self._blocked):
            self._start_thread()
        self._queue.put(
            _Item(self._broker.get_actor(claim.action).priority, next(self._numbers), message)
        )
        try:
            return await settled
        except asyncio.CancelledError:
            message.is_abandoned = True
            self._blocked |= {thread for thread in self._threads if thread.interrupt(message)}
            raise
        finally:
            self._busy -= 1

    async def close(self) -> None:
        """End the threads, each after its job. Released jobs are not waited for."""
        for thread in self._threads:
            thread.stop()
        for _ in self._threads:
            self._queue.put(_Item(0, next(self._numbers), _END))
        if self._threads:
            await asyncio.to_thread(self._join)

    def _join(self) -> None:
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _start_thread(self) -> None:
        thread = _Thread(
            broker=self._broker,
            consumers=_Consumers(self._post_process),
            work_queue=self._queue,
            worker_timeout=TIMEOUT_MS,
        )
        self._threads.append(thread)
        thread.start()

    def _post_process(self, message: JobMessage) -> None:
        """Settle a message that was processed. Called in its thread."""
        settlement = message.settle()
        emits = self._broker.signals.has_hooks(*_ACK) and not message.is_abandoned
        if settlement.kind is SettlementKind.RELEASE or not emits:
            message.on_settlement(settlement)
            return
        signal = "nack" if message.failed else "ack"
        stored = threading.Event()
        accepted = False

        def resume(is_accepted: bool) -> None:
            nonlocal accepted
            accepted = is_accepted
            stored.set()

        self._await_settlement(message.claim.id, resume)
        self._broker.emit_before(signal, message)
        message.on_settlement(settlement)
        stored.wait()
        if accepted:
            self._broker.emit_after(signal, message)

    def _set(self, future: asyncio.Future[Settlement], settlement: Settlement) -> None:
        def set_result() -> None:
            if not future.done():
                future.set_result(settlement)

        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(set_result)


@dataclass(frozen=True, slots=True, order=True)
class _Item:
    """A message in the queue of the threads, as dramatiq orders it."""

    priority: int
    number: int
    message: Any = field(compare=False)


class JobInterrupted(Interrupt):
    """Raised in the thread of a job that was cancelled or released."""


class _Thread(WorkerThread):
    """A worker thread of dramatiq that can be interrupted, and ended by a message."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lock = threading.Lock()
        self._current: Any = None

    @property
    def is_blocked(self) -> bool:
        """Whether the thread processes a message whose job was cancelled or released."""
        message = self._current
        return message is not None and message.is_abandoned

    def interrupt(self, message: JobMessage) -> bool:
        """Interrupt the thread if it processes a message, and return whether it does.

        It continues until it executes Python code.
        """
        with self._lock:
            if self._current is not message or self.ident is None:
                return False
            raise_thread_exception(self.ident, JobInterrupted)
            return True

    def process_message(self, message: Any) -> None:
        """Process a message as dramatiq does."""
        if message is _END:
            return
        # The thread does not have the context of the job.
        context_facts.set({"job": message.claim.id})
        # The exception may be raised after the message was processed.
        with contextlib.suppress(JobInterrupted):
            with self._lock:
                if message.is_abandoned:
                    return
                self._current = message
            self._process(message)
            with self._lock:
                self._current = None
        # If it was raised.
        self._current = None

    def _process(self, message: JobMessage) -> None:
        broker: Any = self.broker
        observers = broker.observers
        if observers is None or broker.is_action(message.claim.action):
            # The runner of actions calls the observers.
            super().process_message(message)
            return
        marks = observers.began(message.claim, carrier_in(message.claim.body))
        settlement = None
        try:
            super().process_message(message)
            settlement = message.settle()
        finally:
            observers.ended(message.claim, settlement, marks)


class _Consumers(dict[str, Any]):
    """The consumer of each queue, as far as a worker thread needs it."""

    def __init__(self, post_process: Callable[[JobMessage], None]) -> None:
        super().__init__()
        self._consumer = _Consumer(post_process)

    def __missing__(self, queue_name: str) -> _Consumer:
        return self._consumer


class _Consumer:
    """Post-processes messages in place of dramatiq's `ConsumerThread`."""

    def __init__(self, post_process: Callable[[JobMessage], None]) -> None:
        self.post_process_message = post_process
