"""Validation of the `task` attributes of an application's actions, at start-up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actionhero_tasks.job_options import MAX_DELAY, MAX_PRIORITY
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
    if not isinstance(queue, str) or not queue or not queue.isprintable() or "," in queue:
        # Commas separate names in `tasks.queues`.
        yield f"queue = {queue!r}; write a name without commas, such as 'default'"
    for name in ("every", "backoff", "time_limit", "unique_for"):
        value: Any = getattr(task, name)
        if value is not None and not (isinstance(value, timedelta) and value >= timedelta(0)):
            yield f"{name} = {value!r}; write timedelta(seconds=…), not below zero"
        elif value is not None and value > MAX_DELAY:
            yield f"{name} = {value!r}; the maximum is {MAX_DELAY.days} days"
        elif name == "every" and value is not None and value < timedelta(seconds=1):
            yield f"every = {value!r}; the minimum is one second"
    if task.every is not None and task.cron is not None:
        yield "both every and cron; remove one of them"
    retries: Any = task.retries
    if retries is not None and (type(retries) is not int or retries < 0):
        yield f"retries = {retries!r}; write an integer, not below zero"
    if type(task.priority) is not int or abs(task.priority) > MAX_PRIORITY:
        yield (
            f"priority = {task.priority!r}; write an integer between {-MAX_PRIORITY} and "
            f"{MAX_PRIORITY}"
        )
    cron: Any = task.cron
    if cron is not None and not isinstance(cron, str):
        yield f"cron = {cron!r}; write a text, such as '0 8 * * mon-fri'"
    timezone: Any = task.timezone
    if not isinstance(timezone, str):
        yield f"timezone = {timezone!r}; write a name, such as 'Europe/Lisbon'"
    overlap: Any = task.overlap
    if type(overlap) is not bool:
        yield f"overlap = {overlap!r}; write True or False"
    # A tuple, because the value may not be hashable.
    if task.catch_up not in ("once", "skip"):
        yield f"catch_up = {task.catch_up!r}; available: 'once', 'skip'"


def _schedule_errors(task: Task) -> list[str]:
    # Only for recurring actions: this imports APScheduler.
    from actionhero_tasks.schedule import schedule_error

    error = schedule_error(task)
    return [] if error is None else [error]
