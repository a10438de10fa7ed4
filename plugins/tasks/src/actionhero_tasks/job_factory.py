"""`JobFactory`: creates the jobs that `Tasks` enqueues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero.transport import new_identifier, request_id
from actionhero_tasks.envelope import encode_job
from actionhero_tasks.job import NewJob
from actionhero_tasks.job_options import check_priority, check_text, delay_ms, milliseconds
from actionhero_tasks.keys import key_of
from actionhero_tasks.request_context import current_call
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from actionhero import Action, Application
    from actionhero_tasks.encryption import Encryption


class JobFactory:
    """Creates jobs of the actions of an application.

    Args:
        app: The application.
        encryption: Encrypts secret inputs.
    """

    def __init__(self, app: Application, encryption: Encryption) -> None:
        self._actions = app.actions
        self._settings = app.get(TasksSettings)
        self._encryption = encryption

    def create(
        self,
        action: type[Action] | str,
        inputs: Any,
        delay: timedelta | None,
        at: datetime | None,
        queue: str | None,
        priority: int | None,
        key: str | None,
    ) -> NewJob:
        """Return a new job; the arguments are those of `Tasks.enqueue`.

        Raises:
            ActionNotFound: The action does not exist.
            InvalidInput: The inputs are invalid, the delay is longer than `MAX_DELAY`, the priority
                exceeds `MAX_PRIORITY`, or the queue or key contains a lone surrogate.
        """
        actions = self._actions
        registered = actions.find(action) if isinstance(action, str) else actions.of_type(action)
        task = task_of(registered)
        id = new_identifier()
        call = current_call()
        queue = queue or task.queue
        priority = task.priority if priority is None else priority
        check_priority(priority)
        check_text("queue", queue)
        check_text("key", key or "")
        body = encode_job(
            registered,
            inputs,
            self._encryption,
            id,
            queue,
            request_id=request_id.get(),
            user=None if call is None else call.session.get(self._settings.user_key),
        )
        window = self._settings.deduplication_window
        if key is None and task.unique_for is not None:
            key, window = key_of(registered, inputs), task.unique_for
        return NewJob(
            id=id,
            queue=queue,
            action=registered.name,
            body=body,
            priority=priority,
            delay_ms=delay_ms(delay, at),
            key=None if key is None else f"{registered.name} {key}",
            deduplication_window_ms=milliseconds(window),
        )
