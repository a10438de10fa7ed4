"""`Value`: a number in a file of this process, which the other processes read."""

from __future__ import annotations

import math
import os
import threading
import weakref
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.mmap_dict import mmap_key
from prometheus_client.utils import floatToGoString

from actionhero_telemetry.reserved_file import NoFile, ReservedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from actionhero_telemetry.processes import Slot

#: Held for each change of a value: threads may record, too.
_lock = threading.Lock()
#: The size of a number. A time follows it, which is not used.
_NUMBER_BYTES: Final = 8
_open_stores: weakref.WeakSet[ValueStore] = weakref.WeakSet()


class _ValueFile:
    """A file of values, in the format of prometheus-client, which also creates and grows it.

    Its own classes of values find the folder by an environment variable of the whole process, which
    all libraries with metrics and all child processes would use.
    """

    def __init__(self, path: Path) -> None:
        self._dict: Any = ReservedFile(path)
        self._is_detached = False
        self._map: Any = None
        #: The numbers of the file; another object after each growth.
        self.numbers: Any = None
        self._view()

    def open(self, key: str) -> tuple[int, float]:
        """Return the place of a number among the numbers, and the number."""
        if self._is_detached:
            return 0, 0.0
        number, _ = self._dict.read_value(key)
        self._view()
        return self._dict._positions[key] // _NUMBER_BYTES, number

    def _view(self) -> None:
        if self._map is not self._dict._m:
            self._map = self._dict._m
            # Each number is at a multiple of its size, and is written in one step.
            self.numbers = memoryview(self._map).cast("d")

    def detach(self) -> None:
        """Ignore all further changes."""
        self._is_detached = True
        numbers = self.numbers
        self.numbers = memoryview(bytearray(numbers.nbytes)).cast("d")
        numbers.release()

    def close(self) -> None:
        """Close the file, once it is detached."""
        self._dict.close()


def _try_open(file: _ValueFile | NoFile, keys: Sequence[str]) -> tuple[Any, list[Any]]:
    """Return a file with places and numbers of some keys: no file if the disk is full."""
    with _lock:
        try:
            return file, [file.open(key) for key in keys]
        except OSError as error:
            return NoFile(error), [(0, 0.0)] * len(keys)


class Value:
    """A number.

    Args:
        file: Its file.
        key: Its key in the file.
    """

    __slots__ = ("_file", "_place", "_value")

    def __init__(self, file: _ValueFile | NoFile, key: str) -> None:
        self._file, [(self._place, self._value)] = _try_open(file, [key])

    def add(self, amount: float) -> None:
        """Add an amount."""
        with _lock:
            self._value = value = self._value + amount
            self._file.numbers[self._place] = value

    def set(self, value: float) -> None:
        """Set the number."""
        with _lock:
            self._value = value
            self._file.numbers[self._place] = value


class HistogramValue:
    """The buckets of a histogram and the sum of its values.

    Values are collected, and written together by `flush`: writing each of them would take more time
    in a call than all else that is measured of it.

    Args:
        file: Its file.
        boundaries: The upper boundaries of the buckets, without that of all values.
        bucket_keys: The keys of the buckets, and of that of all values.
        sum_key: The key of the sum.
    """

    __slots__ = ("_boundaries", "_file", "_places", "_sum_place", "_values", "record")

    def __init__(
        self,
        file: _ValueFile | NoFile,
        boundaries: Sequence[float],
        bucket_keys: Sequence[str],
        sum_key: str,
    ) -> None:
        self._boundaries = tuple(boundaries)
        self._file, numbers = _try_open(file, [*bucket_keys, sum_key])
        *self._places, self._sum_place = [place for place, _ in numbers]
        self._values: list[float] = []
        #: Counts a value. That of the list itself, as it is called in every call and request.
        self.record: Callable[[float], None] = self._values.append

    def flush(self) -> None:
        """Write the collected values."""
        if not self._values:
            return
        with _lock:
            count = len(self._values)
            values = sorted(self._values[:count])
            # Other threads may have added more in the meantime.
            del self._values[:count]
            numbers = self._file.numbers
            start = 0
            for place, boundary in zip(self._places, self._boundaries, strict=False):
                end = bisect_right(values, boundary, start)
                if end > start:
                    numbers[place] += end - start
                    start = end
            numbers[self._places[-1]] += count - start
            numbers[self._sum_place] += sum(values)

    def detach(self) -> None:
        """Ignore all further values."""
        self.record = _ignore
        self._values.clear()


def _ignore(value: float) -> None:
    """Do nothing."""


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
        self._histograms: dict[str, HistogramValue] = {}
        self._is_detached = False
        _open_stores.add(self)

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
        key = mmap_key(family, sample, list(labels), list(values), description)
        value = self._values.get((kind, key))
        if value is None:
            value = self._values[kind, key] = Value(self._file(kind), key)
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
        sum_key = mmap_key(family, f"{family}_sum", list(labels), list(values), description)
        histogram = self._histograms.get(sum_key)
        if histogram is None:
            names = [*labels, "le"]
            bucket_keys = [
                mmap_key(family, f"{family}_bucket", names, [*values, boundary], description)
                for boundary in map(floatToGoString, (*boundaries, math.inf))
            ]
            histogram = self._histograms[sum_key] = HistogramValue(
                self._file("histogram"), boundaries, bucket_keys, sum_key
            )
            if self._is_detached:
                histogram.detach()
        return histogram

    def _file(self, kind: str) -> _ValueFile | NoFile:
        file = self._files.get(kind)
        if file is None:
            try:
                file = self._files[kind] = _ValueFile(self._slot.file(kind))
            except OSError as error:
                return NoFile(error)
        return file

    def flush(self) -> None:
        """Write the values that histograms have collected."""
        for histogram in tuple(self._histograms.values()):
            histogram.flush()

    def detach(self) -> None:
        """Ignore all further changes."""
        self._is_detached = True
        for histogram in self._histograms.values():
            histogram.detach()
        for file in self._files.values():
            file.detach()

    def close(self) -> None:
        """Write all values, close all files, and ignore all further changes."""
        self.flush()
        with _lock:
            self.detach()
            for file in self._files.values():
                file.close()


def _detach_in_child() -> None:
    """Stop a forked process from writing into the files of its parent."""
    global _lock
    _lock = threading.Lock()
    for store in tuple(_open_stores):
        store.detach()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_detach_in_child)
