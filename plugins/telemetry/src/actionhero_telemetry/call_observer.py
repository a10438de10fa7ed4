"""`CallObserver`: measures calls over all transports."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from actionhero import Instrument, Observer
from actionhero_telemetry.builtin_metrics import call_duration
from actionhero_telemetry.metrics import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero import Call, Connection, Outcome, TypedError


class CallObserver(Observer):
    """Measures the durations of calls, and counts those in progress.

    The series are looked up once for each action, transport and outcome.
    """

    def __init__(self) -> None:
        self._active: dict[str, int] = defaultdict(int)
        self._series: dict[tuple[str, str, str | None], Any] = {}

    def began(self, call: Call) -> None:
        """Count the call as in progress."""
        self._active[call.connection.transport] += 1

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        """Record the duration of the call."""
        transport = call.connection.transport
        self._active[transport] -= 1
        error = outcome.error
        result: str | None = None if error is None else error.type
        if outcome.cancelled:
            result = "cancelled"
        key = call.action.name, transport, result
        series = self._series.get(key)
        if series is None:
            series = self._add(key)
            if series is None:
                return
        series.record(seconds)

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        """Count a call without an action; its name is that of a client."""
        series = call_duration.series(OTHER, connection.transport, str(error.type))
        if series is not None:
            series.record(0.0)

    @property
    def instrument(self) -> Instrument:
        """The instrument of calls in progress."""
        return Instrument("actionhero.call.active", description="Calls in progress.",
                          read=self._read)  # fmt: skip

    def _add(self, key: tuple[str, str, str | None]) -> Any:
        action, transport, result = key
        series = call_duration.series(action, transport, "ok" if result is None else str(result))
        if series is not None:
            self._series[key] = series
        return series

    def _read(self) -> Iterable[tuple[Mapping[str, str], float]]:
        return [({"transport": name}, number) for name, number in self._active.items()]
