"""`Merger`: joins the values of all processes to the families of prometheus-client.

Its `MultiProcessCollector` does the same with some objects for each value of each process, so that
the garbage collector of Python stops the event loop for a tenth of a second and more. Here only the
joined values are objects, and each key is parsed once.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: How the gauges of processes are joined, by the name of their files.
_JOINS: Final[dict[str, Callable[[float, float], float]]] = {"livemax": max, "livemin": min}


class _Key(NamedTuple):
    """A parsed key: one number of one series."""

    family: str
    sample: str
    labels: dict[str, str]
    description: str
    #: The labels without that of the bucket, by which the buckets of a series are found.
    series: tuple[tuple[str, str], ...]
    #: The boundary of a bucket; `None` for other numbers.
    boundary: float | None


#: A metric and its labels, without that of the bucket.
_Series: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


class Merger:
    """Reads files of values."""

    def __init__(self) -> None:
        #: The keys of the last reading.
        self._keys: dict[str, _Key] = {}

    def merge(self, files: Iterable[str]) -> list[Family]:
        """Return the families of all metrics in some files."""
        values: dict[str, dict[str, float]] = {"counter": {}, "gauge": {}, "histogram": {}}
        for path in files:
            kind, *modes, _ = Path(path).stem.split("_")
            # The process has ended, and another one has begun.
            with contextlib.suppress(FileNotFoundError):
                _join(values[kind], path, _JOINS.get(modes[0]) if modes else None)
        keys: dict[str, _Key] = {}
        families = [
            family
            for kind, numbers in values.items()
            for family in self._families(kind, numbers, keys)
        ]
        self._keys = keys
        return families

    def _families(
        self, kind: str, numbers: dict[str, float], keys: dict[str, _Key]
    ) -> Iterable[Family]:
        families: dict[str, Family] = {}
        # The numbers of a series of a histogram follow each other, as OpenMetrics requires.
        buckets: defaultdict[_Series, list[tuple[float, str]]] = defaultdict(list)
        sums: dict[_Series, Sample] = {}
        for text, number in numbers.items():
            key = self._keys.get(text)
            if key is None:
                key = _parse(text)
            keys[text] = key
            family = families.get(key.family)
            if family is None:
                family = families[key.family] = Family(key.family, key.description, kind)
            if key.boundary is None and kind == "histogram":
                sums[key.family, key.series] = Sample(key.sample, key.labels, number)
            elif key.boundary is None:
                family.samples.append(Sample(key.sample, key.labels, number))
            else:
                buckets[key.family, key.series].append((key.boundary, text))
        for (name, series), parts in buckets.items():
            samples = families[name].samples
            count = 0.0
            # In the files, each bucket has its own number; for Prometheus, those below it, too.
            for _, text in sorted(parts):
                count += numbers[text]
                key = keys[text]
                samples.append(Sample(key.sample, key.labels, count))
            samples.append(Sample(f"{name}_count", dict(series), count))
            if (name, series) in sums:
                samples.append(sums[name, series])
        return families.values()


def _join(
    numbers: dict[str, float], path: str, join: Callable[[float, float], float] | None
) -> None:
    for key, number, _, _ in MmapedDict.read_all_values_from_file(path):
        other = numbers.get(key)
        if other is None:
            numbers[key] = number
        else:
            numbers[key] = other + number if join is None else join(other, number)


def _parse(text: str) -> _Key:
    family, sample, labels, description = json.loads(text)
    boundary = labels.get("le") if sample.endswith("_bucket") else None
    series = tuple(sorted(item for item in labels.items() if item[0] != "le"))
    return _Key(
        family,
        sample,
        labels,
        description,
        series,
        None if boundary is None else float(boundary),
    )
