"""`ProgressPublisher`: publishes the progress of running jobs on their channels."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import JobState, SettlementKind
from actionhero_tasks.settings import TasksSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero import Application
    from actionhero_tasks.job import Claim, Settlement

    Broadcast = Callable[[str, Any, str], Awaitable[object]]

logger = logging.getLogger("actionhero.tasks")

#: The shortest time between two messages of one job.
INTERVAL_SECONDS: Final = 0.1
_STATES: Final = {
    SettlementKind.DONE: JobState.DONE,
    SettlementKind.DEAD: JobState.DEAD,
    SettlementKind.CANCEL: JobState.CANCELLED,
    SettlementKind.RELEASE: JobState.READY,
}


class ProgressPublisher:
    """Publishes the last progress of a job, at most ten times a second, and then its state.

    A job that reports no progress costs nothing.

    Args:
        broadcast: Sends a message to a channel, for a sender.
        loop: The event loop of the broadcasts.
    """

    def __init__(self, broadcast: Broadcast, loop: asyncio.AbstractEventLoop) -> None:
        self._broadcast = broadcast
        self._loop = loop
        #: The last progress of each running job that has reported one.
        self._last: dict[str, dict[str, Any]] = {}
        #: The next message of each job, and the task that publishes it; on the event loop only.
        self._next: dict[str, dict[str, Any]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def report(self, claim: Claim, done: float, total: float | None) -> None:
        """Publish the progress of a job. Called in any thread."""
        message = {"state": str(JobState.RUNNING), "done": done, "total": total}
        self._last[claim.id] = message
        self._send(claim.id, message)

    def settled(self, settlements: Sequence[Settlement], rejected: Sequence[str]) -> None:
        """Publish the states of the jobs that have reported progress. Called in any thread."""
        if not self._last:
            return
        for settlement in settlements:
            last = self._last.pop(settlement.id, None)
            if last is not None and settlement.id not in rejected:
                self._send(settlement.id, {**last, "state": str(_state_after(settlement))})

    async def close(self) -> None:
        """Publish the last messages."""
        # Those of other threads are scheduled already.
        await asyncio.sleep(0)
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    def _send(self, id: str, message: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._start, id, message)

    def _start(self, id: str, message: dict[str, Any]) -> None:
        self._next[id] = message
        if id not in self._tasks:
            self._tasks[id] = asyncio.create_task(self._publish(id))

    async def _publish(self, id: str) -> None:
        try:
            while (message := self._next.pop(id, None)) is not None:
                try:
                    await self._broadcast(f"job:{id}", message, "actionhero-tasks")
                except Exception as error:  # noqa: BLE001 - a job does not depend on its audience
                    logger.warning("the progress of job %s was not published: %s", id, error)
                await asyncio.sleep(INTERVAL_SECONDS)
        finally:
            del self._tasks[id]


def progress_publisher(app: Application) -> ProgressPublisher | None:
    """Return the publisher of an application; `None` without channels."""
    if not app.get(TasksSettings).publish_progress:
        return None
    try:
        from actionhero_channels import Channels
    except ImportError:
        return None
    if not app.has(Channels):
        return None
    return ProgressPublisher(app.get(Channels).broadcast, asyncio.get_running_loop())


def _state_after(settlement: Settlement) -> JobState:
    state = _STATES.get(settlement.kind)
    if state is not None:
        return state
    return JobState.DELAYED if settlement.delay_ms else JobState.READY
