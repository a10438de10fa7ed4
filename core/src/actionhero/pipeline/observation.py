"""`Observer`: sees every call from its beginning to its end, for metrics, traces and audits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero.call import Call, Outcome
    from actionhero.connection import Connection
    from actionhero.errors import TypedError

logger = logging.getLogger("actionhero.observers")


class Observer:
    """Observes the calls of an application, added by the hook `actionhero_observers`.

    Its methods are called on the event loop, in the context of the call, and must not block. Their
    exceptions are logged once for each class, and change nothing.
    """

    def began(self, call: Call) -> Any:
        """Handle the beginning of a call, before its session is opened.

        Returns:
            Anything; passed to `ended`.
        """

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        """Handle the end of a call, after its session was saved. Always called, and once.

        Observers are called in the reverse order of `began`.

        Args:
            call: The call.
            outcome: The outcome, which must not be changed.
            seconds: The duration.
            mark: The result of `began`; `None` if it raised.
        """

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        """Handle a call without an action.

        Args:
            connection: The client.
            name: The name that it asked for, from the client; perhaps empty.
            error: The error.
        """

    def facts(self, call: Call) -> Mapping[str, Any]:
        """Return facts for the log line of a call that has ended."""
        return {}


class ObserverFailures:
    """Logs the exceptions of observers, once for each class.

    Args:
        kind: The kind of the observers, for the message.
        logger: The logger; that of core by default.
    """

    def __init__(self, kind: str = "observer", logger: logging.Logger = logger) -> None:
        self._kind = kind
        self._logger = logger
        self._failed: set[type] = set()

    def report(self, observer: object, error: Exception) -> None:
        """Log an exception of an observer."""
        if type(observer) not in self._failed:
            self._failed.add(type(observer))
            name = f"{type(observer).__module__}.{type(observer).__qualname__}"
            self._logger.error(
                "the %s %s has failed; its further errors are not logged",
                self._kind,
                name,
                exc_info=error,
            )


class Observers:
    """The observers of an application, whose exceptions change nothing.

    Args:
        observers: The observers.
    """

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)
        self._reversed = self._observers[::-1]
        self._with_facts = tuple(
            item for item in self._observers if type(item).facts is not Observer.facts
        )
        self._failures = ObserverFailures()

    def began(self, call: Call) -> Any:
        """Call `began` of all observers, and return their marks."""
        marks = []
        for observer in self._observers:
            mark = None
            try:
                mark = observer.began(call)
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._failures.report(observer, error)
            marks.append(mark)
        return marks

    def ended(self, call: Call, outcome: Outcome, seconds: float, marks: Any) -> None:
        """Call `ended` of all observers, in reverse order, with the result of `began`."""
        for observer in self._reversed:
            try:
                observer.ended(call, outcome, seconds, marks.pop())
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._failures.report(observer, error)

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        """Call `refused` of all observers."""
        for observer in self._observers:
            try:
                observer.refused(connection, name, error)
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._failures.report(observer, error)

    def facts(self, call: Call) -> dict[str, Any]:
        """Return the facts of all observers for a log line."""
        facts: dict[str, Any] = {}
        for observer in self._with_facts:
            try:
                facts |= observer.facts(call)
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._failures.report(observer, error)
        return facts


class SingleObserver(Observers):
    """The only observer of an application, without loops, which would take time in every call.

    Args:
        observer: The observer.
    """

    def __init__(self, observer: Observer) -> None:
        super().__init__((observer,))
        self._observer = observer

    def began(self, call: Call) -> Any:
        """Call `began` of the observer, and return its mark."""
        try:
            return self._observer.began(call)
        except Exception as error:  # noqa: BLE001 - of a plugin
            self._failures.report(self._observer, error)

    def ended(self, call: Call, outcome: Outcome, seconds: float, marks: Any) -> None:
        """Call `ended` of the observer, with the result of `began`."""
        try:
            self._observer.ended(call, outcome, seconds, marks)
        except Exception as error:  # noqa: BLE001 - of a plugin
            self._failures.report(self._observer, error)


def join_observers(observers: Iterable[Observer]) -> Observers | None:
    """Return the observers as one; `None` without any, as even a false object would take time."""
    observers = tuple(observers)
    if len(observers) == 1:
        return SingleObserver(observers[0])
    return Observers(observers) if observers else None
