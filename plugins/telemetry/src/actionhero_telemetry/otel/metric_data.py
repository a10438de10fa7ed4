"""`metrics_data`: the metrics of all processes in the data classes of OpenTelemetry. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk.resources import Resource
    from prometheus_client.metrics_core import Metric as Family

#: The labels of HTTP metrics, as the semantic conventions spell them.
ATTRIBUTES: Final = {
    "http_request_method": "http.request.method",
    "http_response_status_code": "http.response.status_code",
    "http_route": "http.route",
    "url_scheme": "url.scheme",
}
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


def metrics_data(
    families: Iterable[Family],
    names: Mapping[str, tuple[str, str]],
    resource: Resource,
    *,
    since_ns: int,
    now_ns: int,
) -> MetricsData:
    """Convert metrics of Prometheus.

    Args:
        families: The metrics.
        names: Their names with dots and their units, by the names for Prometheus.
        resource: The attributes of the application.
        since_ns: When the totals began, in nanoseconds since the epoch.
        now_ns: The current time.
    """
    metrics = []
    for family in families:
        name, unit = names.get(family.name, (family.name, ""))
        data = _data(family, since_ns, now_ns)
        if data is not None:
            metrics.append(Metric(name, family.documentation, unit, data))
    scope = ScopeMetrics(InstrumentationScope("actionhero_telemetry"), metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _data(family: Family, since_ns: int, now_ns: int) -> Sum | Gauge | Histogram | None:
    if family.type == "histogram":
        return Histogram(_distributions(family, since_ns, now_ns), _CUMULATIVE)
    if family.type == "counter":
        points = [
            NumberDataPoint(_attributes(sample.labels), since_ns, now_ns, sample.value)
            for sample in family.samples
            if sample.name.endswith("_total")
        ]
        return Sum(points, _CUMULATIVE, is_monotonic=True)
    if family.type != "gauge":
        return None
    return Gauge(
        [
            NumberDataPoint(_attributes(sample.labels), now_ns, now_ns, sample.value)
            for sample in family.samples
        ]
    )


def _distributions(family: Family, since_ns: int, now_ns: int) -> list[HistogramDataPoint]:
    series: dict[tuple[tuple[str, str], ...], tuple[dict[float, float], dict[str, float]]] = {}
    for sample in family.samples:
        labels = {name: text for name, text in sample.labels.items() if name != "le"}
        buckets, totals = series.setdefault(tuple(sorted(labels.items())), ({}, {}))
        if sample.name.endswith("_bucket"):
            buckets[float(sample.labels["le"])] = sample.value
        elif sample.name.endswith("_sum"):
            totals["sum"] = sample.value
    points = []
    for key, (buckets, totals) in series.items():
        boundaries = sorted(buckets)
        # Those of Prometheus contain the values of all lower buckets.
        cumulative = [int(buckets[boundary]) for boundary in boundaries]
        counts = [count - below for count, below in zip(cumulative, [0, *cumulative], strict=False)]
        minimum: Any = None
        points.append(
            HistogramDataPoint(
                _attributes(dict(key)),
                since_ns,
                now_ns,
                count=cumulative[-1] if cumulative else 0,
                sum=totals.get("sum", 0.0),
                bucket_counts=counts,
                explicit_bounds=boundaries[:-1],
                # Prometheus has neither.
                min=minimum,
                max=minimum,
            )
        )
    return points


def _attributes(labels: Mapping[str, str]) -> dict[str, str]:
    return {ATTRIBUTES.get(name, name): text for name, text in labels.items()}
