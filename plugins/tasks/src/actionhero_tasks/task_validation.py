"""Validation of the `task` attributes of an application's actions, at start-up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actionhero_tasks.queue_limits import limit_errors
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application
    from actionhero_tasks.task import Task


def validate_tasks(app: Application) -> list[str]:
    """Return the errors in the tasks of an application."""
    errors = []
    for action in app.actions:
        location = f"action {action.name!r} ({action.source})"
        try:
            task = task_of(action)
        except ValueError as error:
            errors.append(f"{location} has {error}")
            continue
        task_errors = [*_field_errors(task)]
        if task.recurs and not task_errors:
            task_errors += _schedule_errors(task)
        errors += [f"{location} has a task with {error}" for error in task_errors]
        if task.recurs:
            required = [field.name for field in action.inputs.fields if field.required]
            if required:
                errors.append(
                    f"{location} recurs, and requires {', '.join(map(repr, required))}, which a "
                    "schedule does not provide; declare defaults"
                )
    return [*errors, *limit_errors(app)]


def _field_errors(task: Task) -> Iterator[str]:
    """Yield the errors in the fields of a task, whose types were not checked."""
    queue: Any = task.queue
    if not isinstance(queue, str) or not queue:
        yield f"queue = {queue!r}; write a name, such as 'default'"
    for name in ("every", "backoff", "time_limit", "unique_for"):
        value: Any = getattr(task, name)
        if value is not None and not (isinstance(value, timedelta) and value >= timedelta(0)):
            yield f"{name} = {value!r}; write timedelta(seconds=…), not below zero"
        elif name == "every" and value is not None and value < timedelta(seconds=1):
            yield f"every = {value!r}; the minimum is one second"
    if task.every is not None and task.cron is not None:
        yield "both every and cron; remove one of them"
    retries: Any = task.retries
    if retries is not None and (type(retries) is not int or retries < 0):
        yield f"retries = {retries!r}; write an integer, not below zero"
    if type(task.priority) is not int:
        yield f"priority = {task.priority!r}; write an integer"
    if task.catch_up not in {"once", "skip"}:
        yield f"catch_up = {task.catch_up!r}; available: 'once', 'skip'"


def _schedule_errors(task: Task) -> list[str]:
    # Only for recurring actions: this imports APScheduler.
    from actionhero_tasks.schedule import schedule_error

    error = schedule_error(task)
    return [] if error is None else [error]
