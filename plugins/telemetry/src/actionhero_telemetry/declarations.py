"""The errors in the declarations of metrics: their names, labels and buckets, and clashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import BootError
from actionhero_telemetry.metrics import Histogram
from actionhero_telemetry.names import name_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero_telemetry.metrics import Metric

#: The suffixes of the numbers of a metric, by its kind.
_SUFFIXES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def check(metrics: Iterable[Metric]) -> None:
    """Raise for invalid declarations.

    Raises:
        BootError: The message lists all of them.
    """
    if errors := declaration_errors(metrics):
        raise BootError("\n".join(errors))


def declaration_errors(metrics: Iterable[Metric]) -> list[str]:
    """Return the errors of declarations: of names, labels, buckets, and between metrics."""
    errors = []
    first: dict[str, Metric] = {}
    for metric in metrics:
        place = f"metric {metric.name!r} ({metric.source})"
        if error := name_error(metric.name, metric.labels):
            errors.append(f"{place} {error}")
            continue
        if isinstance(metric, Histogram) and not _are_increasing(metric.buckets):
            errors.append(f"{place} has the buckets {metric.buckets!r}; they must increase")
        others = [first.setdefault(name, metric) for name in sample_names(metric)]
        other = next((other for other in others if not _are_equal(metric, other)), None)
        if other is not None:
            errors.append(
                f"{place} clashes with the {other.kind} {other.name!r} ({other.source}), whose "
                f"labels are {', '.join(other.labels) or 'none'}; rename one, or use the same kind "
                "and labels"
            )
    return errors


def sample_names(metric: Metric) -> list[str]:
    """Return the names for Prometheus that a metric has: its own, and those of its numbers."""
    return [f"{metric.exposed_name}{suffix}" for suffix in ("", *_SUFFIXES.get(metric.kind, ()))]


def _are_equal(metric: Metric, other: Metric) -> bool:
    return (metric.name, metric.kind, metric.labels) == (other.name, other.kind, other.labels)


def _are_increasing(buckets: Sequence[float] | None) -> bool:
    return buckets is None or (bool(buckets) and list(buckets) == sorted(set(buckets)))
