"""`JobDispatcher`: runs a job on the event loop or in a thread, with the signals of dramatiq."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from dramatiq.middleware import MiddlewareError, SkipMessage

from actionhero.transport import loads
from actionhero_tasks.dramatiq.event_loop import ApplicationLoop
from actionhero_tasks.dramatiq.messages import JobMessage
from actionhero_tasks.job import Settlement, SettlementKind
from actionhero_tasks.worker.actor_threads import ActorThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence, Set

    from actionhero_tasks.dramatiq.application_broker import ApplicationBroker
    from actionhero_tasks.job import Claim
    from actionhero_tasks.worker.runner import JobRunner

logger = logging.getLogger("actionhero.tasks")

#: Options of messages for which dramatiq's default middleware enqueues messages, or skips them.
#: Their jobs run in threads, because it blocks.
_THREAD_OPTIONS: Final = (
    b'"pipe_target"',
    b'"on_success"',
    b'"on_failure"',
    b'"max_age"',
)
_ACK: Final = ("before_ack", "after_ack", "before_nack", "after_nack")


class JobDispatcher:
    """Runs jobs from its creation, on the event loop, to `close`.

    Jobs of actions run on the event loop, unless a middleware needs them to have threads. Those of
    actors run in threads of dramatiq.

    Args:
        runner: Runs the jobs of actions.
        broker: The broker of the application.
    """

    def __init__(self, runner: JobRunner, broker: ApplicationBroker) -> None:
        self._runner = runner
        self._broker = broker
        self._threads = ActorThreads(broker, self._await_settlement)
        self._emits = broker.listens_to_actions
        self._in_threads = broker.runs_actions_in_threads
        self._emits_ack = broker.signals.has_hooks(*_ACK)
        #: Called with whether the settlement of a job was accepted, in the worker's thread.
        self._awaited: dict[str, Callable[[bool], None]] = {}
        #: The messages of jobs of the event loop whose settlements are not stored.
        self._unacknowledged: dict[str, JobMessage] = {}
        self._loop = asyncio.get_running_loop()
        broker.loop = ApplicationLoop(self._loop)
        broker.execute = runner.execute

    async def run(self, claim: Claim) -> Settlement:
        """Run a job, and return its settlement.

        Raises:
            asyncio.CancelledError: The worker stops, and the job was interrupted.
        """
        try:
            return await self._dispatch(claim)
        except BaseException as error:
            if _is_interrupted(error):
                raise
            # Of a middleware, or outside of `Exception`: it is a failure of the job like any other.
            return self._runner.fail(claim, error)

    async def _dispatch(self, claim: Claim) -> Settlement:
        if not self._broker.is_action(claim.action):
            if claim.action in self._broker.actors:
                return await self._threads.run(claim)
            # It is dead-lettered.
            return await self._runner.run(claim)
        if self._in_threads or any(option in claim.body for option in _THREAD_OPTIONS):
            return await self._threads.run(claim)
        if self._emits:
            return await self._run_with_signals(claim)
        return await self._runner.run(claim)

    def settled(self, settlements: Sequence[Settlement], rejected: Sequence[str]) -> None:
        """Note which settlements are stored. Called in the thread of the worker."""
        if self._awaited:
            for settlement in settlements:
                resume = self._awaited.pop(settlement.id, None)
                if resume is not None:
                    resume(settlement.id not in rejected)
        if self._unacknowledged:
            ids = [settlement.id for settlement in settlements]
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._emit_acknowledged, ids, set(rejected))

    async def close(self) -> None:
        """End the threads, each after its job."""
        await self._threads.close()
        loop, self._broker.loop = self._broker.loop, None
        if loop is not None:
            loop.remove()

    async def _run_with_signals(self, claim: Claim) -> Settlement:
        message = JobMessage(self._broker.decode(claim), claim)
        try:
            self._broker.emit_before("process_message", message)
        except SkipMessage as error:
            logger.info("job %s was skipped by a dramatiq middleware", claim.id)
            if message.failed:
                message.stuff_exception(error)
            self._broker.emit_after("skip_message", message)
        except MiddlewareError as error:
            self._end(message, error)
        else:
            await self._execute(message)
        settlement = message.settle()
        if self._emits_ack and settlement.kind is not SettlementKind.RELEASE:
            self._acknowledge(message)
        return settlement

    async def _execute(self, message: JobMessage) -> None:
        claim = message.claim
        try:
            message.settlement, outcome = await self._runner.execute(claim)
        except asyncio.CancelledError as error:
            message.settlement = Settlement(claim.id, claim.token, SettlementKind.RELEASE)
            self._end(message, error)
            raise
        if outcome.error is not None:
            self._end(message, outcome.error)
        else:
            message.result = loads(message.settlement.result or b"null")
            self._broker.emit_after("process_message", message, result=message.result)

    def _end(self, message: JobMessage, error: BaseException) -> None:
        message.stuff_exception(error)
        self._broker.emit_after("process_message", message, exception=error)

    def _acknowledge(self, message: JobMessage) -> None:
        """Emit the acknowledgement of a message before its settlement is stored."""
        self._broker.emit_before("nack" if message.failed else "ack", message)
        self._unacknowledged[message.claim.id] = message

    def _emit_acknowledged(self, ids: Iterable[str], rejected: Set[str]) -> None:
        """Emit the acknowledgements of messages after their settlements were stored."""
        for id in ids:
            message = self._unacknowledged.pop(id, None)
            if message is not None and id not in rejected:
                self._broker.emit_after("nack" if message.failed else "ack", message)

    def _await_settlement(self, id: str, resume: Callable[[bool], None]) -> None:
        self._awaited[id] = resume


def _is_interrupted(error: BaseException) -> bool:
    """Return whether the task of a job is cancelled, and not its code has raised the error."""
    task = asyncio.current_task()
    is_cancelled = task is not None and task.cancelling() > 0
    return is_cancelled and isinstance(error, asyncio.CancelledError)


def emit_boot(broker: ApplicationBroker, worker: Any, start: Callable[[], None]) -> None:
    """Start a worker, with the signals of a process of dramatiq."""
    if not broker.has_booted:
        broker.has_booted = True
        broker.emit_after("process_boot")
    broker.emit_before("worker_boot", worker)
    start()
    broker.emit_after("worker_boot", worker)
