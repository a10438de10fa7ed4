"""`TaskCaller`: calls actions as jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from actionhero_tasks import Tasks
from pytest_actionhero.refusal import refusal

if TYPE_CHECKING:
    from actionhero import Application
    from pytest_actionhero.job_queue import JobQueue


class TaskCaller:
    """Somebody who enqueues an action, and waits until it has run.

    Args:
        app: The application.
        queue: Its queue, in which no worker runs.
    """

    def __init__(self, app: Application, queue: JobQueue) -> None:
        self._tasks = app.get(Tasks)
        self._queue = queue

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Let an action run as a job, with all that waits before it, and return its value.

        Raises:
            TypedError: It cannot be enqueued, or its first attempt failed.
        """
        id = await self._tasks.enqueue(action, inputs)
        settled = {settlement.id: settlement for settlement in await self._queue.drain_all()}
        own = settled[id]
        if own.error is not None:
            raise refusal(json.loads(own.error))
        return json.loads(own.result) if own.result is not None else None
