"""Timeouts of many calls at once: `TimeoutQueue`, and the time limits of calls built on it."""

from __future__ import annotations

import asyncio
import logging
from asyncio import current_task, get_running_loop
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from actionhero.identifier import new_identifier

if TYPE_CHECKING:
    from actionhero.call import Call

Entry = TypeVar("Entry", bound=Hashable)

logger = logging.getLogger("actionhero.timeouts")

#: How many entries expire before the event loop runs other callbacks.
BATCH_SIZE: Final = 200


class TimeoutQueue(Generic[Entry]):
    """Calls `expire` with each entry, a fixed time after it was added, unless it was discarded.

    All entries have the same timeout, so they expire in the order in which they were added: a
    dictionary keeps them in order, adding and discarding are one step each, and one timer, set to
    the oldest, serves all. A heap would have to keep every entry that was discarded long before
    its timeout: at 300 seconds and 20,000 calls a second, six million of them.

    Args:
        seconds: The timeout, in seconds.
        expire: Called with an entry that is not in the queue any more. An exception is logged.
        loop: The event loop of the timer; defaults to the running loop at the first `add`.
    """

    __slots__ = ("_expire", "_timer", "_times", "loop", "seconds")

    def __init__(
        self,
        seconds: float,
        expire: Callable[[Entry], object],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.seconds = seconds
        self.loop = loop
        self._expire = expire
        self._times: dict[Entry, float] = {}
        self._timer: asyncio.Handle | None = None

    def add(self, entry: Entry) -> None:
        """Start the timeout of `entry`; if it is in the queue already, its timeout restarts."""
        # To the end: the order is that of expiry.
        self._times.pop(entry, None)
        self.add_new(entry)

    def add_new(self, entry: Entry) -> None:
        """Start the timeout of `entry`, which is not in the queue."""
        loop = self.loop
        if loop is None:
            loop = self.loop = get_running_loop()
        self._times[entry] = when = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(when, self._expire_due)

    def discard(self, entry: Entry) -> None:
        """Cancel the timeout of `entry`, if it is in the queue."""
        self._times.pop(entry, None)

    def clear(self) -> None:
        """Cancel all timeouts, and the timer."""
        self._times.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._times

    def __len__(self) -> int:
        return len(self._times)

    def _expire_due(self) -> None:
        assert self.loop is not None  # noqa: S101 - set by `add`, which set the timer
        # Until the end, this handle prevents `add` from creating another.
        timer = self._timer
        now = self.loop.time()
        try:
            for _ in range(BATCH_SIZE):
                if not self._times:
                    return
                entry, when = next(iter(self._times.items()))
                if when > now:
                    return
                del self._times[entry]
                try:
                    self._expire(entry)
                except Exception:
                    logger.exception("the timeout of %r failed", entry)
        finally:
            # Also after a cancellation; `clear` and `add` in a callback have set a timer already.
            if self._timer is timer:
                first = next(iter(self._times.values()), None)
                self._timer = None if first is None else self.loop.call_at(first, self._expire_due)


class CallTimeout:
    """The time limit of one call, in a `TimeoutQueue`; `cancel` it when the call has ended."""

    __slots__ = ("_cancelling", "_queue", "expired", "task")

    def __init__(self, queue: TimeoutQueue[CallTimeout], task: asyncio.Task[Any]) -> None:
        self._queue = queue
        self.task = task
        # How many cancellations of the task had been requested before.
        self._cancelling = task.cancelling()
        #: Whether this limit has cancelled the task.
        self.expired = False
        queue.add_new(self)

    def cancel(self) -> None:
        """Cancel the limit."""
        self._queue._times.pop(self, None)

    def restart(self) -> None:
        """Restart the limit, for the next item of a stream, or after `cancel`.

        An expired limit stays expired.
        """
        if not self.expired:
            self._queue.add(self)

    def uncancel(self) -> bool:
        """Take back our cancellation of the task, and return whether no other one is outstanding.

        Called at most once, when `expired` is set. The same rule as in `asyncio.timeout`.
        """
        return self.task.uncancel() <= self._cancelling

    def expire(self) -> None:
        """Cancel the task, with the mark by which the pipeline recognizes a timeout."""
        self.expired = True
        self.task.cancel()


class CallTimeouts:
    """The time limits of all calls on one event loop: one queue for each duration."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[float, TimeoutQueue[CallTimeout]] = {}

    def start(self, seconds: float, task: asyncio.Task[Any] | None = None) -> CallTimeout:
        """Cancel `task`, or the running task, in `seconds`, unless the limit is cancelled first."""
        if task is None:
            loop = get_running_loop()
            task = current_task(loop)
            assert task is not None  # noqa: S101 - the pipeline is awaited, so there is a task
        else:
            loop = task.get_loop()
        queue = self._queues.get(seconds)
        if queue is None or queue.loop is not loop:
            queue = self._queues[seconds] = TimeoutQueue(seconds, CallTimeout.expire, loop)
        return CallTimeout(queue, task)

    def close(self) -> None:
        """Cancel all limits, and their timers."""
        for queue in self._queues.values():
            queue.clear()
        self._queues.clear()


class PendingCall:
    """The state of a call that a transport starts eagerly; its time limit starts when it waits.

    A transport passes it to `Pipeline.execute`, and to `Pipeline.start_timeout` with the task if
    the call does not end with its first step. Otherwise it can be used for the next call.

    Args:
        eager: Whether the call starts at once; otherwise it streams, or waits in a queue.
    """

    __slots__ = ("call", "eager", "limit_seconds", "timeout")

    def __init__(self, *, eager: bool = True) -> None:
        #: Whether its first step is running, which cannot be cancelled.
        self.eager = eager
        #: The call, once it is in the pipeline.
        self.call: Call | None = None
        #: The time limit of the running step, in seconds; zero: no limit.
        self.limit_seconds = 0.0
        #: The time limit, once it has started.
        self.timeout: CallTimeout | None = None

    def identify(self) -> str:
        """Return the request identifier."""
        return new_identifier() if self.call is None else self.call.request_id
