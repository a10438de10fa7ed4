"""Time limits for many calls at once, for next to nothing each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actionhero.errors import ABSENT
from actionhero.first_step import cancelling
from actionhero.identifier import new_identifier

if TYPE_CHECKING:
    from actionhero.call import Call


class Deadline:
    """The time limit of one call. `arm` makes one; `disarm` it, whatever came of the call."""

    __slots__ = ("_bucket", "cancelling", "expired", "task", "when")

    def __init__(self, bucket: _Bucket, task: asyncio.Task[Any], when: float) -> None:
        self._bucket = bucket
        self.task = task
        self.when = when
        #: How many cancellations the task had been asked for before.
        self.cancelling = cancelling(task)
        #: The mark: this limit, and nobody else, has cancelled the task.
        self.expired = False

    def disarm(self) -> None:
        """Forget the limit."""
        self._bucket.waiting.pop(self, None)

    def restart(self) -> None:
        """Begin the limit anew: the next item of a stream is waited for."""
        bucket = self._bucket
        if bucket.waiting.pop(self, ABSENT) is not ABSENT:
            self.when = bucket.now() + bucket.seconds
            bucket.waiting[self] = None

    def caught(self) -> bool:
        """Take back our cancellation, and say whether no other one is outstanding.

        Called at most once, when `expired` is set. The same rule as in `asyncio.timeout`.
        """
        return self.task.uncancel() <= self.cancelling


class Opening:
    """A call that begins at once, and gets a time limit only if it has to wait for something.

    Whoever begins it by `first_step.begin` hands it to the corridor, and to `Pipeline.keep`
    together with the task, if there is one. Without one, it can be used for another call.

    Args:
        begins: Whether it begins at once; else it streams, or has to wait for its turn.
    """

    __slots__ = ("begins", "call", "deadline", "seconds")

    def __init__(self, *, begins: bool = True) -> None:
        #: Whether its first step is taken, so that nothing can cancel it yet.
        self.begins = begins
        #: The call, once it is in the corridor.
        self.call: Call | None = None
        #: The limit of what runs; zero: none.
        self.seconds = 0.0
        #: The limit, once it holds.
        self.deadline: Deadline | None = None

    def identify(self) -> str:
        """Return the identifier of the request."""
        return new_identifier() if self.call is None else self.call.request_id


class _Bucket:
    """All calls with one and the same limit, which end in the order in which they began.

    So a dictionary keeps them in order, arming and disarming are one step each, and one timer,
    set to the oldest, serves them all. A heap would have to keep every call that ended long
    before its limit: at 300 seconds and 20,000 calls a second, six million of them.
    """

    __slots__ = ("_timer", "loop", "seconds", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.loop = loop
        self.seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.waiting: dict[Deadline, None] = {}

    def arm(self, task: asyncio.Task[Any]) -> Deadline:
        when = self.loop.time() + self.seconds
        deadline = Deadline(self, task, when)
        self.waiting[deadline] = None
        if self._timer is None:
            self._timer = self.loop.call_at(when, self._sweep)
        return deadline

    def now(self) -> float:
        return self.loop.time()

    def _sweep(self) -> None:
        self._timer = None
        now = self.loop.time()
        while self.waiting:
            deadline = next(iter(self.waiting))
            if deadline.when > now:
                self._timer = self.loop.call_at(deadline.when, self._sweep)
                return
            del self.waiting[deadline]
            deadline.expired = True
            deadline.task.cancel()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Deadlines:
    """The time limits of all calls on one event loop."""

    def __init__(self) -> None:
        self._buckets: dict[float, _Bucket] = {}

    def arm(self, seconds: float, task: asyncio.Task[Any] | None = None) -> Deadline:
        """Cancel `task`, or the running one, in `seconds`, unless it is disarmed before."""
        if task is None:
            loop = asyncio.get_running_loop()
            task = asyncio.current_task(loop)
            assert task is not None  # noqa: S101 - the corridor is awaited, so there is one
        else:
            loop = task.get_loop()
        bucket = self._buckets.get(seconds)
        if bucket is None or bucket.loop is not loop:
            bucket = self._buckets[seconds] = _Bucket(loop, seconds)
        return bucket.arm(task)

    def close(self) -> None:
        """Drop the timers. Calls that still run have no limit any more."""
        for bucket in self._buckets.values():
            bucket.close()
        self._buckets.clear()
