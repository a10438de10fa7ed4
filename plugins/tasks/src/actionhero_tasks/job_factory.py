"""`JobFactory`: creates the jobs that `Tasks` enqueues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import ActionNotFound, InvalidInput
from actionhero.transport import new_identifier, request_id
from actionhero_tasks.envelope import encode_job
from actionhero_tasks.job import JobMessageFields, NewJob
from actionhero_tasks.job_observer import carriers_of, observers_of
from actionhero_tasks.job_options import check_priority, check_text, delay_ms, milliseconds
from actionhero_tasks.job_principal import grants_of
from actionhero_tasks.keys import key_of
from actionhero_tasks.request_context import current_call, operator_principal
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, timedelta

    from actionhero import Action, Application, TypedError
    from actionhero_tasks.encryption import Encryption


NO_MESSAGE: Final = JobMessageFields()


class JobFactory:
    """Creates jobs of the actions of an application.

    Args:
        app: The application.
        encryption: Encrypts secret inputs.
    """

    def __init__(self, app: Application, encryption: Encryption) -> None:
        settings = app.get(TasksSettings)
        self._actions = app.actions
        self._user_key = settings.user_key
        self._window_ms = milliseconds(settings.deduplication_window)
        self.encryption = encryption
        self.carriers = carriers_of(app)
        self.observers = observers_of(app)

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
                exceeds `MAX_PRIORITY`, or the queue or key contains a lone surrogate or a null
                character.
            TypeError: One of these, in a call.
        """
        try:
            check_text("key", key or "")
            return next(self._create(action, [inputs], delay, at, queue, priority, key))
        except (ActionNotFound, InvalidInput) as error:
            raise _error_of_author(error, action) from None

    def create_many(
        self,
        action: type[Action] | str,
        inputs: Iterable[Any],
        delay: timedelta | None = None,
        queue: str | None = None,
        priority: int | None = None,
    ) -> list[NewJob]:
        """Return a new job for each item of `inputs`, as `create` does."""
        try:
            return list(self._create(action, inputs, delay, None, queue, priority, None))
        except (ActionNotFound, InvalidInput) as error:
            raise _error_of_author(error, action) from None

    def create_from_message(
        self,
        action: str,
        inputs: Any,
        delay: timedelta,
        queue: str,
        priority: int | None,
        message: JobMessageFields,
    ) -> NewJob:
        """Return a new job for a message of dramatiq, as `create` does."""
        try:
            return next(self._create(action, [inputs], delay, None, queue, priority, None, message))
        except (ActionNotFound, InvalidInput) as error:
            raise _error_of_author(error, action) from None

    def _create(
        self,
        action: type[Action] | str,
        inputs: Iterable[Any],
        delay: timedelta | None,
        at: datetime | None,
        queue: str | None,
        priority: int | None,
        key: str | None,
        message: JobMessageFields = NO_MESSAGE,
    ) -> Iterator[NewJob]:
        actions = self._actions
        registered = actions.find(action) if isinstance(action, str) else actions.of_type(action)
        task = task_of(registered)
        name = registered.name
        # Without the limits of a `Queue`.
        queue = str(queue or task.queue)
        priority = task.priority if priority is None else priority
        check_priority(priority)
        check_text("queue", queue)
        delay_until_ms = delay_ms(delay, at)
        unique_for = task.unique_for if key is None else None
        window_ms = self._window_ms if unique_for is None else milliseconds(unique_for)
        call = current_call()
        user, grants = message.user, message.grants
        if call is None and (operator := operator_principal.get()) is not None:
            user = operator.user
        if call is not None:
            user, grants = call.session.get(self._user_key), grants_of(call.principal)
        id_of_request = request_id.get() or message.request_id
        carrier = self.carriers.fields() or message.carrier
        for item in inputs:
            id = message.id or new_identifier()
            body = encode_job(
                registered,
                item,
                self.encryption,
                id,
                queue,
                request_id=id_of_request,
                user=user,
                grants=grants,
                carrier=carrier,
                message_options=message.options,
            )
            job_key = key if unique_for is None else key_of(registered, item, self.encryption)
            yield NewJob(
                id,
                queue,
                name,
                body,
                priority,
                delay_until_ms,
                None if job_key is None else f"{name} {job_key}",
                window_ms,
            )


def _error_of_author(error: TypedError, action: type[Action] | str) -> Exception:
    """Return the error to raise: in a call, one that is not reported to the client as its own."""
    if current_call() is None:
        return error
    name = action if isinstance(action, str) else action.__qualname__
    return TypeError(f"{name} cannot be enqueued: {error.message}")
