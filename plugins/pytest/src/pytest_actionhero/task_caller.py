"""The task caller, which calls actions as jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from actionhero_tasks import Tasks
from pytest_actionhero.typed_errors import typed_error

if TYPE_CHECKING:
    from actionhero import Application
    from pytest_actionhero.job_queue import JobQueue


class TaskCaller:
    """Enqueues actions and waits for their results.

    Args:
        app: The application.
        queue: The queue of the application, which has no worker.
    """

    def __init__(self, app: Application, queue: JobQueue) -> None:
        self._tasks = app.get(Tasks)
        self._queue = queue

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Run an action as a job after all jobs before it, and return its result.

        Raises:
            TypedError: The action cannot be enqueued, or its first attempt failed.
        """
        id = await self._tasks.enqueue(action, inputs)
        settlements = {settlement.id: settlement for settlement in await self._queue.drain_all()}
        settlement = settlements[id]
        if settlement.error is not None:
            raise typed_error(json.loads(settlement.error))
        return json.loads(settlement.result) if settlement.result is not None else None
