"""`Task`: how an action runs as a job, declared on the action. Nothing here imports a library."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application
    from actionhero.transport import RegisteredAction

#: The name of the attribute of an action.
ATTRIBUTE: Final = "task"
DEFAULT_QUEUE: Final = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """How an action runs as a job: `task = Task(queue="mail")`.

    Every action can be enqueued; this says what is to be otherwise than the settings have it.
    """

    #: The queue that it waits in.
    queue: str = DEFAULT_QUEUE
    #: It recurs, so long after one time the next.
    every: timedelta | None = None
    #: It recurs at these times: minute, hour, day, month, day of week. Days of the week by name.
    cron: str | None = None
    #: The time zone of `cron`, such as `Europe/Lisbon`.
    timezone: str = "UTC"
    #: How often it is tried again after a failure; `None`: as `tasks.retries` says.
    retries: int | None = None
    #: How long it waits before the first of them, twice as long before each that follows.
    backoff: timedelta | None = None
    #: How long it may run; `None`: as long as the action may anywhere; zero: for ever.
    time_limit: timedelta | None = None
    #: The lower, the sooner, among those that are ready.
    priority: int = 0
    #: For so long, the same inputs are enqueued once.
    unique_for: timedelta | None = None
    #: What becomes of times that nobody was there for: one run for them all, or none.
    catch_up: Literal["once", "skip"] = "once"
    #: Whether it begins although its last run has not ended.
    overlap: bool = False

    @property
    def recurs(self) -> bool:
        """Whether a scheduler enqueues it."""
        return self.every is not None or self.cron is not None

    def faults(self) -> list[str]:
        """Return what is wrong with it, each as the end of a sentence that names the action."""
        return list(self._faults())

    def _faults(self) -> Iterator[str]:
        # Whatever its annotations say: it may come from a dictionary.
        queue, retries, priority = self._given("queue"), self._given("retries"), self.priority
        if not isinstance(queue, str) or not queue:
            yield f"queue = {queue!r}; give a name, such as 'default'"
        for name in ("every", "backoff", "time_limit", "unique_for"):
            value = self._given(name)
            if value is not None and not (isinstance(value, timedelta) and value >= timedelta(0)):
                yield f"{name} = {value!r}; write timedelta(seconds=…), not below zero"
            elif name == "every" and value is not None and value < timedelta(seconds=1):
                yield f"every = {value!r}; it cannot recur more often than once in a second"
        if self.every is not None and self.cron is not None:
            yield "every and cron, and only one can be; remove one of them"
        if retries is not None and (type(retries) is not int or retries < 0):
            yield f"retries = {retries!r}; give a whole number, not below zero"
        if type(priority) is not int:
            yield f"priority = {priority!r}; give a whole number"
        if self.catch_up not in {"once", "skip"}:
            yield f"catch_up = {self.catch_up!r}; there are: 'once', 'skip'"

    def _given(self, name: str) -> Any:
        return getattr(self, name)


_NAMES: Final = {item.name for item in dataclasses.fields(Task)}
_PLAIN: Final = Task()


def task_of(action: RegisteredAction) -> Task:
    """Return how an action runs as a job; with nothing declared, as all others do.

    Raises:
        ValueError: What is declared is none; `faults_in` tells it to the developer.
    """
    given = action.attribute(ATTRIBUTE)
    if given is None:
        return _PLAIN
    return given if isinstance(given, Task) else _from_data(given)


def faults_in(app: Application) -> list[str]:
    """Return what is wrong with the tasks of an application."""
    found = []
    for action in app.actions:
        where = f"action {action.name!r} ({action.source})"
        try:
            task = task_of(action)
        except ValueError as error:
            found.append(f"{where} has {error}")
            continue
        found += [f"{where} has a task with {fault}" for fault in task.faults()]
        if task.recurs:
            found += [f"{where} has a task with {fault}" for fault in _faults_of_times(task)]
            required = [field.name for field in action.inputs.fields if field.required]
            if required:
                found.append(
                    f"{where} recurs, and requires {', '.join(map(repr, required))}, which a "
                    "schedule does not give; give them defaults"
                )
    return found


def _faults_of_times(task: Task) -> list[str]:
    if task.faults():
        return []
    # Only where something recurs: this imports what computes times.
    from actionhero_tasks.schedule import fault_in

    fault = fault_in(task)
    return [] if fault is None else [fault]


def _from_data(given: Any) -> Task:
    if not isinstance(given, dict):
        raise ValueError(f"task = {given!r}; write Task(queue=…), or a dictionary of its arguments")
    unknown = [name for name in given if name not in _NAMES]
    if unknown:
        raise ValueError(
            f"a task with {', '.join(map(repr, unknown))}, which it does not know; there are: "
            f"{', '.join(sorted(_NAMES))}"
        )
    return Task(**given)
