"""`Value`: a number in a file of this process, which the other processes read."""

from __future__ import annotations

import os
import threading
import weakref
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from actionhero_telemetry.processes import Slot

#: Held for each change of a value: threads may record, too.
_lock = threading.Lock()
_open_files: weakref.WeakSet[_ValueFile] = weakref.WeakSet()


class _ValueFile:
    """A file of values, in the format of prometheus-client.

    Its own classes of values find the folder by an environment variable of the whole process, which
    all libraries with metrics and all child processes would use.
    """

    def __init__(self, path: Path) -> None:
        self._dict: Any = MmapedDict(str(path))
        self.read: Callable[[str], tuple[float, float]] = self._dict.read_value
        self.write: Callable[[str, float, float], None] = self._dict.write_value
        _open_files.add(self)

    def detach(self) -> None:
        """Ignore all further changes."""
        self.read = lambda key: (0.0, 0.0)
        self.write = lambda key, value, timestamp: None

    def close(self) -> None:
        """Close the file, and ignore all further changes."""
        with _lock:
            self.detach()
            self._dict.close()


class Value:
    """A number.

    Args:
        file: Its file.
        key: Its key in the file.
    """

    __slots__ = ("_file", "_key", "_value")

    def __init__(self, file: _ValueFile, key: str) -> None:
        self._file = file
        self._key = key
        with _lock:
            self._value: float = file.read(key)[0]

    def add(self, amount: float) -> None:
        """Add an amount."""
        with _lock:
            self._value = value = self._value + amount
            self._file.write(self._key, value, 0.0)

    def set(self, value: float) -> None:
        """Set the number."""
        with _lock:
            self._value = value
            self._file.write(self._key, value, 0.0)


class HistogramValue:
    """The buckets of a histogram and the sum of its values.

    Args:
        boundaries: The upper boundaries of the buckets; that of all values is added.
        buckets: The values of the buckets.
        total: The sum.
    """

    __slots__ = ("_boundaries", "_buckets", "_sum")

    def __init__(self, boundaries: Sequence[float], buckets: Sequence[Value], total: Value) -> None:
        self._boundaries = boundaries
        self._buckets = buckets
        self._sum = total

    def record(self, value: float) -> None:
        """Count a value."""
        self._buckets[bisect_left(self._boundaries, value)].add(1)
        self._sum.add(value)


class ValueStore:
    """The values of this process.

    Args:
        slot: The slot of the process.
    """

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._files: dict[str, _ValueFile] = {}
        # Two objects for one number would overwrite the changes of each other.
        self._values: dict[tuple[str, str], Value] = {}

    def value(
        self,
        kind: str,
        family: str,
        sample: str,
        labels: Sequence[str],
        values: Sequence[str],
        description: str,
    ) -> Value:
        """Return a value.

        Args:
            kind: `counter`, `histogram`, or `gauge_` and how the gauges of processes are joined.
            family: The name of the metric.
            sample: The name of this number of it.
            labels: The names of the labels.
            values: Their values.
            description: The description of the metric.
        """
        file = self._files.get(kind)
        if file is None:
            file = self._files[kind] = _ValueFile(self._slot.file(kind))
        key = mmap_key(family, sample, list(labels), list(values), description)
        value = self._values.get((kind, key))
        if value is None:
            value = self._values[kind, key] = Value(file, key)
        return value

    def histogram(
        self,
        family: str,
        labels: Sequence[str],
        values: Sequence[str],
        description: str,
        boundaries: Sequence[float],
    ) -> HistogramValue:
        """Return the values of a histogram."""
        buckets = [
            self.value(
                "histogram",
                family,
                f"{family}_bucket",
                (*labels, "le"),
                (*values, floatToGoString(boundary)),
                description,
            )
            for boundary in (*boundaries, float("inf"))
        ]
        total = self.value("histogram", family, f"{family}_sum", labels, values, description)
        return HistogramValue(boundaries, buckets, total)

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()


def _detach_in_child() -> None:
    """Stop a forked process from writing into the files of its parent."""
    global _lock
    _lock = threading.Lock()
    for file in tuple(_open_files):
        file.detach()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_detach_in_child)
