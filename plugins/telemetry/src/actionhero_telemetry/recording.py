"""`Recording`: records all metrics of a process, from its start to its stop."""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import TYPE_CHECKING, Any, Final

from actionhero_telemetry.builtin_metrics import series_dropped
from actionhero_telemetry.declarations import check, declaration_errors
from actionhero_telemetry.metrics import Histogram, declared_metrics, watch_declarations
from actionhero_telemetry.processes import claim_slot
from actionhero_telemetry.values import ValueStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from actionhero_telemetry.metrics import Metric

logger = logging.getLogger("actionhero.telemetry")

#: Changed with the format of the files.
FORMAT: Final = 1
#: How often the values of histograms are written. Those since the last time are lost by a kill.
FLUSH_SECONDS: Final = 0.1
#: How the gauges of processes are joined, as prometheus-client spells it.
_GAUGES: Final = {"sum": "gauge_livesum", "max": "gauge_livemax", "min": "gauge_livemin"}


class Recording:
    """The values of the metrics of this process.

    Args:
        folder: The folder of the values of all processes.
        buckets: The boundaries of durations.
        series_limit: The maximum number of series of each metric.
        version: The version of the application, whose series may differ from those of others.

    Raises:
        BootError: A metric is invalid, two clash, or the folder cannot be used.
    """

    def __init__(
        self, folder: Path, buckets: Sequence[float], series_limit: int, version: str = ""
    ) -> None:
        self._buckets = tuple(buckets)
        self._series_limit = series_limit
        metrics = declared_metrics()
        check(metrics)
        own_buckets = {item.name: item.buckets for item in metrics if isinstance(item, Histogram)}
        self.slot = claim_slot(folder, [FORMAT, self._buckets, own_buckets, version])
        self._store = ValueStore(self.slot)
        self._timer: asyncio.TimerHandle | None = None
        # Not those of a function that has ended, which may declare its metric at each call.
        self._metrics: weakref.WeakSet[Metric] = weakref.WeakSet()
        #: The kinds of metrics, by their names for Prometheus.
        self.kinds: dict[str, str] = {}
        #: The units of metrics, by their names for Prometheus.
        self.units: dict[str, str] = {}
        #: The names with dots, and the units, by the names for Prometheus.
        self.names: dict[str, tuple[str, str]] = {}
        self.bind(metrics)
        self._stop_watching = watch_declarations(self._bind_later)

    def bind(self, metrics: Iterable[Metric]) -> None:
        """Begin to record metrics."""
        for metric in metrics:
            self._metrics.add(metric)
            self.kinds[metric.exposed_name] = metric.kind
            self.units[metric.exposed_name] = metric.unit
            self.names[metric.exposed_name] = (metric.name, metric.unit)
            metric.bind(self._create_series, self._series_limit, self._count_dropped)

    def _bind_later(self, metric: Metric) -> None:
        if errors := declaration_errors([*self._metrics, metric]):
            logger.warning("%s; it is not recorded", "; ".join(errors))
        else:
            self.bind([metric])

    def _create_series(self, metric: Metric, values: tuple[str, ...]) -> Any:
        name = metric.exposed_name
        if isinstance(metric, Histogram):
            return self._store.histogram(
                name,
                metric.labels,
                values,
                metric.description,
                self._buckets if metric.buckets is None else metric.buckets,
            )
        if metric.kind == "counter":
            return self.counter(name, metric.labels, values, metric.description)
        return self.gauge(name, metric.labels, values, metric.description)

    def counter(
        self, name: str, labels: Sequence[str], values: Sequence[str], description: str
    ) -> Any:
        """Return the value of a series of a counter."""
        return self._store.value("counter", name, f"{name}_total", labels, values, description)

    def gauge(
        self,
        name: str,
        labels: Sequence[str],
        values: Sequence[str],
        description: str,
        aggregation: str = "sum",
    ) -> Any:
        """Return the value of a series of a gauge."""
        return self._store.value(_GAUGES[aggregation], name, name, labels, values, description)

    def _count_dropped(self, metric: Metric) -> None:
        if metric is not series_dropped:
            series_dropped.add(1, instrument=metric.name)

    def start(self) -> None:
        """Write the values of histograms from time to time, on the running event loop."""
        self.flush()
        self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.start)

    def flush(self) -> None:
        """Write the values of histograms, for the other processes."""
        self._store.flush()

    def close(self) -> None:
        """Stop recording. The totals stay."""
        if self._timer is not None:
            self._timer.cancel()
        self._stop_watching()
        for metric in self._metrics:
            metric.unbind(self._create_series)
        self._store.close()
        self.slot.release()
