"""`Worker`: takes jobs from a store and runs them side by side on the event loop.

One thread talks to the store; it settles what has ended and claims what can begin, in one step for
all that there is. A job is a task of the event loop, so that a thousand of them can wait at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from actionhero_tasks.job import Ending, Settlement, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero_tasks.job import Claim
    from actionhero_tasks.store import JobStore

logger = logging.getLogger("actionhero.tasks")

#: How often the thread looks after owners that are gone, and after its own heartbeat.
ROUND_SECONDS: Final = 1.0
#: How long the thread waits before it asks a store again that was away, at first and at most.
AWAY_SECONDS: Final = (0.1, 2.0)
#: How long the thread may take to end.
JOIN_SECONDS: Final = 3.0


class Worker:
    """Runs jobs, from `start` to `close`.

    Args:
        store: Where they are.
        run: Runs one, and returns what becomes of it.
        owner: A name that no other run of a worker has.
        queues: From which queues; `None`: from all.
        concurrency: How many at once.
        beats: Whether it says itself that it is alive; not if a parent does.
        on_try: Told about once a second, in a thread, that it tries to take jobs, and whether the
            store answers.
    """

    def __init__(
        self,
        store: JobStore,
        run: Callable[[Claim], Awaitable[Settlement]],
        *,
        owner: str,
        queues: Sequence[str] | None,
        concurrency: int,
        beats: bool,
        on_try: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.owner = owner
        self._store = store
        self._run = run
        self._queues = queues
        self._concurrency = concurrency
        self._beats = beats
        self._on_try = on_try
        self._bell = threading.Event()
        self._stopping = False
        self._ending = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: dict[asyncio.Task[Settlement], Claim] = {}
        #: Appended to on the loop, taken from by the thread.
        self._settled: deque[Settlement] = deque()
        self._progress: dict[str, tuple[int, float, float | None]] = {}
        self._ringing = False

    # -- on the event loop ---------------------------------------------------------------------

    def start(self) -> None:
        """Take jobs from now on."""
        self._loop = asyncio.get_running_loop()
        self._store.bells.add(self._bell)
        self._thread = threading.Thread(target=self._talk, name="tasks-worker", daemon=True)
        self._thread.start()

    def stop_claiming(self) -> None:
        """Take no more jobs."""
        self._stopping = True
        self._bell.set()

    async def finish(self) -> None:
        """Return when none runs any more."""
        await self._idle.wait()

    async def close(self) -> None:
        """Cancel what still runs; it goes back into the queue. Then leave the store."""
        self.stop_claiming()
        for task in self._running:
            task.cancel()
        while self._running:
            await asyncio.wait(self._running)
            # Their callbacks take them out in the next turn of the loop.
            await asyncio.sleep(0)
        self._ending = True
        self._bell.set()
        await asyncio.to_thread(self._thread.join, JOIN_SECONDS)
        self._store.bells.discard(self._bell)

    def note_progress(self, claim: Claim, done: float, total: float | None) -> None:
        """Keep how far a job is; the thread tells the store in its next round."""
        self._progress[claim.id] = (claim.token, done, total)

    def _begin(self, claims: list[Claim]) -> None:
        if self._stopping:
            for claim in claims:
                self._settle(Settlement(claim.id, claim.token, Ending.RELEASE))
            return
        self._idle.clear()
        for claim in claims:
            task: asyncio.Task[Settlement] = self._loop.create_task(self._serve(claim))
            self._running[task] = claim
            task.add_done_callback(self._ended)

    async def _serve(self, claim: Claim) -> Settlement:
        return await self._run(claim)

    def _ended(self, task: asyncio.Task[Settlement]) -> None:
        claim = self._running.pop(task)
        if not self._running:
            self._idle.set()
        if task.cancelled():
            settlement = Settlement(claim.id, claim.token, Ending.RELEASE)
        elif (failure := task.exception()) is not None:
            # A mistake of ours: the corridor lets no other exception out.
            logger.error("job %s could not be run", claim.id, exc_info=failure)
            settlement = Settlement(claim.id, claim.token, Ending.RETRY, delay_ms=60_000)
        else:
            settlement = task.result()
        self._settle(settlement)

    def _settle(self, settlement: Settlement) -> None:
        self._settled.append(settlement)
        if not self._ringing:
            # Once for all that end in this turn of the loop.
            self._ringing = True
            self._loop.call_soon(self._ring)

    def _ring(self) -> None:
        self._ringing = False
        self._bell.set()

    # -- in the thread -------------------------------------------------------------------------

    def _talk(self) -> None:
        taken = 0
        unsettled: list[Settlement] = []
        next_round = 0.0
        joined = False
        away = AWAY_SECONDS[0]
        while True:
            self._bell.clear()
            ending = self._ending
            try:
                if not joined:
                    self._store.join(self.owner)
                    joined = True
                while self._settled:
                    unsettled.append(self._settled.popleft())
                room = 0 if self._stopping else self._concurrency - taken + len(unsettled)
                claims = self._trade(room, unsettled)
                taken += len(claims) - len(unsettled)
                unsettled = []
                if claims:
                    with contextlib.suppress(RuntimeError):  # the loop is closed
                        self._loop.call_soon_threadsafe(self._begin, claims)
                if (now := time.monotonic()) >= next_round:
                    next_round = now + ROUND_SECONDS
                    self._look_around()
                    self._on_try(True)
                away = AWAY_SECONDS[0]
                if ending and not self._settled:
                    self._tell_progress()
                    self._store.leave(self.owner, crashed=False)
                    return
                has_room = not self._stopping and taken < self._concurrency
                self._wait(has_room=has_room, claimed=claims)
            except StoreUnavailable as error:
                logger.warning("the store of jobs cannot be reached: %s; trying again", error)
                self._on_try(False)
                if ending:
                    return
                self._bell.wait(away)
                away = min(away * 2, AWAY_SECONDS[1])

    def _trade(self, room: int, unsettled: list[Settlement]) -> list[Claim]:
        if room <= 0 and not unsettled:
            return []
        claims, refused = self._store.trade(self.owner, self._queues, room, unsettled)
        for id in refused:
            logger.warning(
                "job %s ended here after it was given to somebody else; that it did is not kept", id
            )
        return claims

    def _wait(self, *, has_room: bool, claimed: list[Claim]) -> None:
        if not has_room:
            self._bell.wait(ROUND_SECONDS)
        elif not claimed:
            self._store.wait(self.owner, self._bell, int(ROUND_SECONDS * 1000))

    def _look_around(self) -> None:
        if self._beats:
            self._store.beat(self.owner)
        self._tell_progress()
        self._store.sweep()

    def _tell_progress(self) -> None:
        while self._progress:
            id, (token, done, total) = self._progress.popitem()
            self._store.progress(id, token, done, total)
