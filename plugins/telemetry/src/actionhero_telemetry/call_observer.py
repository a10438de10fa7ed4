"""`CallObserver`: measures calls over all transports."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from actionhero import Instrument, Observer
from actionhero_telemetry.builtin_metrics import call_duration, calls_refused, stream_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero import Call, Connection, Outcome, TypedError


class CallObserver(Observer):
    """Measures the durations of calls, and counts those in progress.

    The series are looked up once for each action, transport and outcome.
    """

    def __init__(self) -> None:
        self._active: dict[str, int] = defaultdict(int)
        self._series: dict[tuple[str, str, str], Any] = {}

    def began(self, call: Call) -> None:
        """Count the call as in progress."""
        self._active[call.connection.transport] += 1

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        """Record the duration of the call."""
        transport = call.connection.transport
        self._active[transport] -= 1
        key = call.action.name, transport, outcome.name
        series = self._series.get(key)
        if series is None:
            series = self._find(key, streams=call.action.streams)
            if series is None:
                return
        series.record(seconds)

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        """Count a call without an action. It has no duration, and its name is from a client."""
        calls_refused.add(1, transport=connection.transport, outcome=error.type.value)

    @property
    def instrument(self) -> Instrument:
        """The instrument of calls in progress."""
        return Instrument("actionhero.call.active", description="Calls in progress.",
                          read=self._read)  # fmt: skip

    def _find(self, key: tuple[str, str, str], *, streams: bool) -> Any:
        # A stream lasts as long as its client wants, so its duration says nothing about the action.
        metric = stream_duration if streams else call_duration
        series = metric.series(*key)
        if series is not metric.overflow:
            self._series[key] = series
        return series

    def _read(self) -> Iterable[tuple[Mapping[str, str], float]]:
        return [({"transport": name}, number) for name, number in self._active.items()]
