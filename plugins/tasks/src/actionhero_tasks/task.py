"""`Task`: how an action runs as a job, declared on the action."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from actionhero.transport import unknown_key

if TYPE_CHECKING:
    from datetime import timedelta

    from actionhero.transport import RegisteredAction

#: The attribute of an action that has its `Task`.
ATTRIBUTE: Final = "task"
DEFAULT_QUEUE: Final = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """How an action runs as a job: `task = Task(queue="mail")`.

    Every action can be enqueued; this overrides the settings for one action.
    """

    #: The queue of its jobs: a name, or a `Queue` with limits.
    queue: str = DEFAULT_QUEUE
    #: The action recurs at this interval.
    every: timedelta | None = None
    #: The action recurs at these times: minute, hour, day, month, day of week. The days of the week
    #: are names. If a day and a day of week are given, one of them is enough.
    cron: str | None = None
    #: The time zone of `cron`, such as `Europe/Lisbon`.
    timezone: str = "UTC"
    #: How often a failed job is retried; `None`: `tasks.retries`.
    retries: int | None = None
    #: The delay before the first retry, which doubles with each retry; `None`: `tasks.backoff`.
    backoff: timedelta | None = None
    #: How long a job may run; `None`: the timeout of the action; zero: unlimited.
    time_limit: timedelta | None = None
    #: Of the ready jobs, those with lower numbers run first.
    priority: int = 0
    #: How long the same inputs are not enqueued again.
    unique_for: timedelta | None = None
    #: How missed times are made up for: with one run for all of them, or with none.
    catch_up: Literal["once", "skip"] = "once"
    #: Whether the action may be enqueued while its last recurring run has not ended.
    overlap: bool = False

    @property
    def recurs(self) -> bool:
        """Whether a scheduler enqueues the action."""
        return self.every is not None or self.cron is not None


_FIELD_NAMES: Final = [field.name for field in dataclasses.fields(Task)]
_DEFAULT: Final = Task()


def task_of(action: RegisteredAction) -> Task:
    """Return the `Task` of an action; the default if it declares none.

    Raises:
        ValueError: The declaration is invalid; `validate_tasks` reports it at start-up.
    """
    declared = action.attribute(ATTRIBUTE)
    if declared is None:
        return _DEFAULT
    return declared if isinstance(declared, Task) else _from_dict(declared)


def _from_dict(declared: Any) -> Task:
    if not isinstance(declared, dict):
        raise ValueError(
            f"task = {declared!r}; write Task(queue=…), or a dictionary of its arguments"
        )
    if fault := unknown_key(declared, _FIELD_NAMES):
        raise ValueError(f"a task with {fault}")
    return Task(**declared)
