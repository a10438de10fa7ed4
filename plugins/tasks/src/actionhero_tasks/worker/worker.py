"""`Worker`: claims jobs from a store, and runs them concurrently on the event loop.

A thread calls the store: in one step it settles the jobs that have ended, and claims new ones. A
job is an asyncio task, so thousands of them can wait concurrently.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from actionhero.transport import Backoff, context_facts, dumps
from actionhero_tasks.job import Settlement, SettlementKind, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.job_source import JobSource
    from actionhero_tasks.stores.worker_registry import WorkerRegistry

logger = logging.getLogger("actionhero.tasks")

#: How often the thread sweeps, and stores the heartbeat and the progress of jobs.
SWEEP_SECONDS: Final = 1.0
#: After this time without capacity, jobs that were delivered ahead are returned.
SUSPEND_SECONDS: Final = 0.1
#: The first and the longest delay before an unavailable store is called again.
BACKOFF_SECONDS: Final = (0.1, 2.0)
#: How long to wait for the end of the thread.
JOIN_SECONDS: Final = 3.0


class Worker:
    """Runs jobs from `start` to `close`.

    Args:
        source: Where the jobs come from: the job store, or the queues of a broker.
        registry: The job store.
        run: Runs a job, and returns its settlement.
        fail: Returns the settlement of a job that failed outside of `run`.
        worker_id: A unique worker id.
        queues: The queues to claim from; `None`: all.
        concurrency: How many jobs run concurrently.
        sends_heartbeat: Returns whether the worker extends its own lease; not if a supervisor
            does.
        on_poll: Called about once a second, in the thread; `True` if the store is available.
        on_settled: Called in the thread with settlements that the store has, and the ids of those
            that it rejected.
        on_thread: Called in the thread: with `True` when it starts, with `False` when it ends.
    """

    def __init__(
        self,
        source: JobSource,
        registry: WorkerRegistry,
        run: Callable[[Claim], Awaitable[Settlement]],
        fail: Callable[[Claim, BaseException], Settlement],
        *,
        worker_id: str,
        queues: Sequence[str] | None,
        concurrency: int,
        sends_heartbeat: Callable[[], bool],
        on_poll: Callable[[bool], None] = lambda _: None,
        on_settled: Callable[[Sequence[Settlement], Sequence[str]], None] = lambda *_: None,
        on_thread: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.worker_id = worker_id
        self._source = source
        self._registry = registry
        self._run = run
        self._fail = fail
        self._queues = queues
        self._concurrency = concurrency
        self._sends_heartbeat = sends_heartbeat
        self._on_poll = on_poll
        self._on_settled = on_settled
        self._on_thread = on_thread
        self._wake_event = threading.Event()
        self._stopping = False
        self._releasing = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: dict[asyncio.Task[Settlement], Claim] = {}
        #: The running jobs that were cancelled by request.
        self._cancelled: set[asyncio.Task[Settlement]] = set()
        #: The event loop appends to it, the thread pops from it.
        self._settled: deque[Settlement] = deque()
        self._progress: dict[str, tuple[int, float, float | None]] = {}
        self._wake_scheduled = False

    # -- on the event loop ---------------------------------------------------------------------

    def start(self) -> None:
        """Start claiming jobs."""
        self._loop = asyncio.get_running_loop()
        self._source.wake_events.add(self._wake_event)
        self._thread = threading.Thread(target=self._run_thread, name="tasks-worker", daemon=True)
        self._thread.start()

    def stop_claiming(self) -> None:
        """Stop claiming jobs."""
        self._stopping = True
        self._wake_event.set()

    async def finish(self) -> None:
        """Wait until no job is running."""
        await self._idle.wait()

    async def close(self) -> None:
        """Cancel and release the running jobs, and remove the worker from the store."""
        self.stop_claiming()
        self._releasing = True
        for task in self._running:
            task.cancel()
        while self._running:
            await asyncio.wait(self._running)
            # Their callbacks run in the next iteration of the event loop.
            await asyncio.sleep(0)
        self._closing = True
        self._wake_event.set()
        await asyncio.to_thread(self._thread.join, JOIN_SECONDS)
        self._source.wake_events.discard(self._wake_event)

    def release(self) -> None:
        """Release the running jobs, and remove the worker, because the process exits now.

        Called in any thread, also while the event loop is blocked: the running jobs are not
        cancelled.
        """
        self._stopping = True
        self._closing = True
        self._wake_event.set()
        self._thread.join(JOIN_SECONDS)

    def record_progress(self, claim: Claim, done: float, total: float | None) -> None:
        """Record the progress of a job, which the thread stores with its next sweep."""
        self._progress[claim.id] = (claim.token, done, total)

    def _start_jobs(self, claims: list[Claim]) -> None:
        if self._stopping:
            for claim in claims:
                self._settle(Settlement(claim.id, claim.token, SettlementKind.RELEASE))
            return
        self._idle.clear()
        for claim in claims:
            task: asyncio.Task[Settlement] = self._loop.create_task(self._run_job(claim))
            self._running[task] = claim
            task.add_done_callback(self._job_done)

    async def _run_job(self, claim: Claim) -> Settlement:
        # In the context of the job, which no other code shares.
        context_facts.set({"job": claim.id})
        try:
            return await self._run(claim)
        except asyncio.CancelledError as error:
            if self._releasing or asyncio.current_task() in self._cancelled:
                raise
            # By the code of a job. Released, the job would run again at once, without end.
            return self._fail(claim, error)

    def _cancel_jobs(self, ids: list[str]) -> None:
        for task, claim in self._running.items():
            # Once only: `run` may still await its end.
            if claim.id in ids and task not in self._cancelled:
                self._cancelled.add(task)
                task.cancel()

    def _job_done(self, task: asyncio.Task[Settlement]) -> None:
        claim = self._running.pop(task)
        was_cancelled = task in self._cancelled
        self._cancelled.discard(task)
        if not self._running:
            self._idle.set()
        if task.cancelled():
            kind = SettlementKind.CANCEL if was_cancelled else SettlementKind.RELEASE
            settlement = Settlement(claim.id, claim.token, kind)
        elif (failure := task.exception()) is not None:
            # An internal error, after which nothing is known of its retries: the job is kept for
            # operators, who can retry it.
            facts = {"job": claim.id}
            logger.error("job %s could not be run", claim.id, exc_info=failure, extra=facts)
            error = dumps({"message": "it could not be run", "type": type(failure).__name__})
            settlement = Settlement(claim.id, claim.token, SettlementKind.DEAD, error=error)
        else:
            settlement = task.result()
        self._settle(settlement)

    def _settle(self, settlement: Settlement) -> None:
        self._settled.append(settlement)
        if not self._wake_scheduled:
            # Once for all jobs that end in this iteration of the event loop.
            self._wake_scheduled = True
            self._loop.call_soon(self._wake_thread)

    def _wake_thread(self) -> None:
        self._wake_scheduled = False
        self._wake_event.set()

    # -- in the thread -------------------------------------------------------------------------

    def _run_thread(self) -> None:
        self._on_thread(True)
        try:
            self._poll()
        finally:
            self._on_thread(False)

    def _poll(self) -> None:
        active = 0
        unsettled: list[Settlement] = []
        next_sweep = 0.0
        registered = False
        backoff = Backoff(*BACKOFF_SECONDS)
        while True:
            self._wake_event.clear()
            closing = self._closing
            try:
                if not registered:
                    self._registry.register_worker(self.worker_id)
                    registered = True
                while self._settled:
                    unsettled.append(self._settled.popleft())
                limit = 0 if self._stopping else self._concurrency - active + len(unsettled)
                claims = self._settle_and_claim(limit, unsettled)
                active += len(claims) - len(unsettled)
                unsettled = []
                if claims:
                    with contextlib.suppress(RuntimeError):  # the loop is closed
                        self._loop.call_soon_threadsafe(self._start_jobs, claims)
                if (now := time.monotonic()) >= next_sweep:
                    next_sweep = now + SWEEP_SECONDS
                    self._sweep()
                    self._on_poll(True)
                backoff.reset()
                if closing and not self._settled:
                    self._store_progress()
                    self._source.suspend(self.worker_id)
                    self._registry.remove_worker(self.worker_id, crashed=False)
                    return
                has_capacity = not self._stopping and active < self._concurrency
                seconds = max(next_sweep - time.monotonic(), 0.0)
                self._wait(seconds, has_capacity=has_capacity, claims=claims)
            except StoreUnavailable as error:
                logger.warning("the job store cannot be reached: %s; trying again", error)
                self._on_poll(False)
                if closing:
                    return
                self._wake_event.wait(backoff.next_seconds())
            except Exception:
                # Without this thread, the process would seem to work, and run no more jobs.
                logger.exception("a step of the worker has failed; trying again")
                self._on_poll(False)
                if closing:
                    return
                self._wake_event.wait(backoff.next_seconds())

    def _settle_and_claim(self, limit: int, unsettled: list[Settlement]) -> list[Claim]:
        if limit <= 0 and not unsettled:
            return []
        try:
            return self._step(limit, unsettled)
        except StoreUnavailable:
            raise
        except Exception:
            if not unsettled:
                raise
            logger.exception("a step of the worker has failed; settling each job alone")
        return [claim for settlement in unsettled for claim in self._settle_alone(settlement)]

    def _settle_alone(self, settlement: Settlement) -> list[Claim]:
        """Settle a job; dead-letter it if the store cannot write its settlement."""
        try:
            return self._step(0, [settlement])
        except StoreUnavailable:
            raise
        except Exception as error:
            facts = {"job": settlement.id}
            logger.exception("the result of job %s cannot be stored", settlement.id, extra=facts)
            document = dumps(
                {"message": "its result could not be stored", "type": type(error).__name__}
            )
            dead = Settlement(settlement.id, settlement.token, SettlementKind.DEAD, error=document)
            return self._step(0, [dead])

    def _step(self, limit: int, settlements: list[Settlement]) -> list[Claim]:
        claims, rejected = self._source.settle_and_claim(
            self.worker_id, self._queues, limit, settlements
        )
        for id in rejected:
            logger.warning(
                "job %s finished after its lease was reassigned; result discarded",
                id,
                extra={"job": id},
            )
        self._on_settled(settlements, rejected)
        return claims

    def _wait(self, seconds: float, *, has_capacity: bool, claims: list[Claim]) -> None:
        if not has_capacity:
            suspend_seconds = min(seconds, SUSPEND_SECONDS)
            if not self._wake_event.wait(suspend_seconds):
                self._source.suspend(self.worker_id)
                self._wake_event.wait(seconds - suspend_seconds)
        elif not claims:
            self._source.wait(self.worker_id, self._wake_event, int(seconds * 1000) + 1)

    def _sweep(self) -> None:
        if self._sends_heartbeat():
            self._registry.record_heartbeat(self.worker_id)
        self._store_progress()
        if self._running and (ids := self._registry.cancellations(self.worker_id)):
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._cancel_jobs, ids)
        self._registry.sweep()

    def _store_progress(self) -> None:
        while self._progress:
            id, (token, done, total) = self._progress.popitem()
            self._registry.progress(id, token, done, total)
