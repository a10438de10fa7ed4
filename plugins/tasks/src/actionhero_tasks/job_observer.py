"""`JobObserver`: sees jobs from their enqueueing to their settlement, for traces and metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from actionhero.transport import ObserverFailures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from actionhero import Application
    from actionhero_tasks.job import Claim, NewJob, Settlement
    from actionhero_tasks.reports import JobId

    #: The jobs as they are stored, and their ids.
    Enqueued: TypeAlias = tuple[list[NewJob], list[JobId]]

CARRIERS_HOOK: Final = "actionhero_tasks_carriers"
OBSERVERS_HOOK: Final = "actionhero_tasks_observers"

logger = logging.getLogger("actionhero.tasks")


@runtime_checkable
class JobObserver(Protocol):
    """An observer of jobs, from the hook `actionhero_tasks_observers`.

    Any object with these methods is one, so a plugin does not have to import this package. They are
    called in the context of the code that enqueues, or of the job, and must not block. Their
    exceptions are logged once for each class, and change nothing.
    """

    def enqueuing(self, action: str) -> Any:
        """Handle the beginning of an enqueueing, before the carriers are called.

        Returns:
            Anything; passed to `enqueued` or `not_enqueued`.
        """

    def enqueued(self, jobs: Sequence[NewJob], ids: Sequence[str], mark: Any) -> None:
        """Handle jobs that are stored, in a transaction perhaps not committed yet.

        Args:
            jobs: The jobs.
            ids: Their ids; that of an earlier job, if the deduplication key has one.
            mark: The result of `enqueuing`; `None` if it raised.
        """

    def not_enqueued(self, error: BaseException | None, mark: Any) -> None:
        """Handle the end of an enqueueing without a job.

        Args:
            error: The error; `None`: another scheduler has enqueued it.
            mark: The result of `enqueuing`.
        """

    def ticking(self, action: str, time_ms: int) -> Any:
        """Handle a time of a schedule, before `enqueuing`.

        Args:
            action: The recurring action.
            time_ms: The time, in milliseconds since the epoch.

        Returns:
            Anything; passed to `ticked`.
        """

    def ticked(self, is_new: bool, mark: Any) -> None:
        """Handle the end of a time of a schedule.

        Args:
            is_new: Whether this process has enqueued the action.
            mark: The result of `ticking`.
        """

    def began(self, claim: Claim, carrier: Mapping[str, str]) -> Any:
        """Handle the beginning of a run of a job.

        Args:
            claim: The claim of the job.
            carrier: The trace fields of the code that enqueued it.

        Returns:
            Anything; passed to `ended`.
        """

    def ended(self, claim: Claim, settlement: Settlement | None, mark: Any) -> None:
        """Handle the end of a run of a job. Always called, and once.

        Args:
            claim: The claim of the job.
            settlement: How it is settled; `None`: the run was interrupted.
            mark: The result of `began`.
        """


class Tick:
    """A time of a schedule."""

    #: Whether this process has enqueued the action.
    is_new = False


class JobObservers:
    """The observers of an application, whose exceptions change nothing.

    Args:
        observers: The observers, at least one.
    """

    def __init__(self, observers: Sequence[JobObserver]) -> None:
        self._observers = tuple(observers)
        self._failures = ObserverFailures("job observer", logger)

    def enqueuing(self, action: str) -> list[Any]:
        """Call `enqueuing` of all observers, and return their marks."""
        return [self._begin(item, item.enqueuing, action) for item in self._observers]

    def enqueued(self, jobs: Sequence[NewJob], ids: Sequence[str], marks: Sequence[Any]) -> None:
        """Call `enqueued` of all observers, in reverse order."""
        self._end("enqueued", marks, jobs, ids)

    def not_enqueued(self, error: BaseException | None, marks: Sequence[Any]) -> None:
        """Call `not_enqueued` of all observers, in reverse order."""
        self._end("not_enqueued", marks, error)

    def ticking(self, action: str, time_ms: int) -> list[Any]:
        """Call `ticking` of all observers, and return their marks."""
        return [self._begin(item, item.ticking, action, time_ms) for item in self._observers]

    def ticked(self, marks: Sequence[Any], *, is_new: bool) -> None:
        """Call `ticked` of all observers, in reverse order."""
        self._end("ticked", marks, is_new)

    async def observe(
        self,
        action: str,
        create: Callable[[], list[NewJob]],
        store: Callable[[list[NewJob]], Awaitable[Enqueued]],
    ) -> list[JobId]:
        """Create and store jobs between `enqueuing` and `enqueued`, and return their ids."""
        marks = self.enqueuing(action)
        try:
            jobs, ids = await store(create())
        except BaseException as error:
            self.not_enqueued(error, marks)
            raise
        if jobs:
            self.enqueued(jobs, ids, marks)
        else:
            self.not_enqueued(None, marks)
        return ids

    @contextmanager
    def tick(self, action: str, time_ms: int) -> Iterator[Tick]:
        """Call `ticking` of all observers, and `ticked` after the block."""
        marks = self.ticking(action, time_ms)
        tick = Tick()
        try:
            yield tick
        finally:
            self.ticked(marks, is_new=tick.is_new)

    def began(self, claim: Claim, carrier: Mapping[str, str]) -> list[Any]:
        """Call `began` of all observers, and return their marks."""
        return [self._begin(item, item.began, claim, carrier) for item in self._observers]

    def ended(self, claim: Claim, settlement: Settlement | None, marks: Sequence[Any]) -> None:
        """Call `ended` of all observers, in reverse order."""
        self._end("ended", marks, claim, settlement)

    def _begin(self, observer: JobObserver, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception as error:  # noqa: BLE001 - of a plugin
            self._failures.report(observer, error)
            return None

    def _end(self, name: str, marks: Sequence[Any], *arguments: Any) -> None:
        for observer, mark in zip(reversed(self._observers), reversed(marks), strict=True):
            try:
                getattr(observer, name)(*arguments, mark)
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._failures.report(observer, error)


class JobCarriers:
    """The functions of plugins that return trace fields for jobs.

    Args:
        carriers: The functions.
    """

    def __init__(self, carriers: Sequence[Callable[[], Mapping[str, str]]] = ()) -> None:
        self._carriers = tuple(carriers)

    def fields(self) -> dict[str, str] | None:
        """Return the trace fields of the current context; `None` without any.

        An exception is logged, and the fields of the others are returned.
        """
        if not self._carriers:
            return None
        fields: dict[str, str] = {}
        for carrier in self._carriers:
            try:
                fields |= carrier()
            except Exception:
                logger.exception("trace fields of a job cannot be determined")
        return fields or None


def observers_of(app: Application) -> JobObservers | None:
    """Return the observers of the plugins; `None` without any.

    Raises:
        PluginError: A plugin returns something else than observers.
    """
    collected = app.plugins.collect(OBSERVERS_HOOK, JobObserver, app=app)
    app.raise_for_problems()
    return JobObservers([item for _, item in collected]) if collected else None


def carriers_of(app: Application) -> JobCarriers:
    """Return the carriers of the plugins.

    Raises:
        PluginError: A plugin returns something that cannot be called.
    """
    collected = app.plugins.collect(CARRIERS_HOOK, Callable, app=app)  # type: ignore[arg-type]
    app.raise_for_problems()
    return JobCarriers([item for _, item in collected])
