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

    #: The key without the description, which another version of the application may have changed.
    identity: str
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
        #: The keys of the last reading, by their texts.
        self._keys: dict[str, _Key] = {}

    def merge(self, files: Iterable[str]) -> list[Family]:
        """Return the families of all metrics in some files."""
        values: dict[str, dict[str, float]] = {"counter": {}, "gauge": {}, "histogram": {}}
        keys: dict[str, _Key] = {}
        for path in files:
            kind, *modes, _ = Path(path).stem.split("_")
            # The process has ended, and another one has begun.
            with contextlib.suppress(FileNotFoundError):
                self._join(values[kind], keys, path, _JOINS.get(modes[0]) if modes else None)
        self._keys = keys
        by_identity = {key.identity: key for key in keys.values()}
        return [
            family
            for kind, numbers in values.items()
            for family in _families(kind, numbers, by_identity)
        ]

    def _join(
        self,
        numbers: dict[str, float],
        keys: dict[str, _Key],
        path: str,
        join: Callable[[float, float], float] | None,
    ) -> None:
        for text, number, _, _ in MmapedDict.read_all_values_from_file(path):
            key = keys.get(text)
            if key is None:
                key = keys[text] = self._keys.get(text) or _parse(text)
            other = numbers.get(key.identity)
            if other is None:
                numbers[key.identity] = number
            else:
                numbers[key.identity] = other + number if join is None else join(other, number)


def _families(kind: str, numbers: dict[str, float], keys: dict[str, _Key]) -> Iterable[Family]:
    families: dict[str, Family] = {}
    # The numbers of a series of a histogram follow each other, as OpenMetrics requires.
    buckets: defaultdict[_Series, list[tuple[float, str]]] = defaultdict(list)
    sums: dict[_Series, Sample] = {}
    for identity, number in numbers.items():
        key = keys[identity]
        family = families.get(key.family)
        if family is None:
            family = families[key.family] = Family(key.family, key.description, kind)
        if key.boundary is None and kind == "histogram":
            sums[key.family, key.series] = Sample(key.sample, key.labels, number)
        elif key.boundary is None:
            family.samples.append(Sample(key.sample, key.labels, number))
        else:
            buckets[key.family, key.series].append((key.boundary, identity))
    for (name, series), parts in buckets.items():
        samples = families[name].samples
        count = 0.0
        # In the files, each bucket has its own number; for Prometheus, those below it, too.
        for _, identity in sorted(parts):
            count += numbers[identity]
            key = keys[identity]
            samples.append(Sample(key.sample, key.labels, count))
        samples.append(Sample(f"{name}_count", dict(series), count))
        if (name, series) in sums:
            samples.append(sums[name, series])
    return families.values()


def _parse(text: str) -> _Key:
    family, sample, labels, description = json.loads(text)
    boundary = labels.get("le") if sample.endswith("_bucket") else None
    series = tuple(sorted(item for item in labels.items() if item[0] != "le"))
    return _Key(
        json.dumps([family, sample, labels], sort_keys=True),
        family,
        sample,
        labels,
        description,
        series,
        None if boundary is None else float(boundary),
    )
