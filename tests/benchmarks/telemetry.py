"""CPU time that metrics and traces add to calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.figures import Reading
from tests.benchmarks.metrics import measure_metrics
from tests.benchmarks.traces import measure_traces

if TYPE_CHECKING:
    from collections.abc import Iterable


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures."""
    wanted = set(keys)
    readings = measure_metrics(wanted, quick=quick)
    if any(key.startswith("telemetry.traces.") for key in wanted):
        for name, values in measure_traces(quick=quick).items():
            readings[f"telemetry.traces.{name}"] = Reading(values)
    return {key: reading for key, reading in readings.items() if key in wanted}
