"""`CallRates`: counts and durations of the calls of this process, for the last hour."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from actionhero import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actionhero import Call, Connection, Outcome, TypedError

#: The length of an interval, and the number of intervals in memory: an hour.
INTERVAL_SECONDS: Final = 10
MAX_INTERVALS: Final = 360
#: The interval of the durations: five minutes.
RECENT_INTERVALS: Final = 30
#: The buckets of a duration are powers of this number, so percentiles are exact to 9 %.
_BUCKETS_PER_OCTAVE: Final = 8
_PERCENTILES: Final = (0.5, 0.95, 0.99)
#: The outcomes that are not failures.
_NO_ERRORS: Final = frozenset({"ok", "cancelled"})


class Tally:
    """The calls of a transport or an action: number, failures, and a histogram of durations.

    Streams, and calls without an action, have no duration.
    """

    __slots__ = ("calls", "errors", "histogram")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        #: The number of calls by the exponent of their bucket.
        self.histogram: dict[int, int] = {}

    def add(self, bucket: int | None, *, is_error: bool) -> None:
        """Count a call.

        Args:
            bucket: The bucket of its duration; `None`: it is not counted.
            is_error: Whether it has failed.
        """
        self.calls += 1
        self.errors += is_error
        if bucket is not None:
            self.histogram[bucket] = self.histogram.get(bucket, 0) + 1

    def to_json(self) -> list[Any]:
        """Return it as JSON, for `Summary`."""
        return [self.calls, self.errors, list(self.histogram.items())]


class _Interval:
    """The tallies of one interval, by transport."""

    __slots__ = ("number", "transports")

    def __init__(self, number: int) -> None:
        #: The time, in intervals since the epoch.
        self.number = number
        self.transports: dict[str, Tally] = {}


class CallRates(Observer):
    """Counts the calls of this process. It sends and writes nothing.

    Args:
        clock: Returns the seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._intervals: deque[_Interval] = deque(maxlen=MAX_INTERVALS)
        self._actions: dict[str, Tally] = {}

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        """Count a call."""
        # A stream lasts as long as its client wants.
        bucket = None if call.action.streams else bucket_of(seconds)
        is_error = outcome.name not in _NO_ERRORS
        self._count(call.connection.transport, bucket, is_error=is_error)
        name = call.action.name
        tally = self._actions.get(name)
        if tally is None:
            tally = self._actions[name] = Tally()
        tally.add(bucket, is_error=is_error)

    def refused(self, connection: Connection, name: str, error: TypedError) -> None:
        """Count a call of an unknown action, as a failure without a duration."""
        self._count(connection.transport, None, is_error=True)

    def rates(self) -> dict[str, Any]:
        """Return calls and failures of the last hour by interval, and recent durations."""
        current = int(self._clock() / INTERVAL_SECONDS)
        series = []
        recent: dict[str, Tally] = {}
        for interval in self._intervals:
            tallies = interval.transports.values()
            calls = sum(tally.calls for tally in tallies)
            series.append([interval.number, calls, sum(tally.errors for tally in tallies)])
            if interval.number > current - RECENT_INTERVALS:
                for name, tally in interval.transports.items():
                    _merge(recent.setdefault(name, Tally()), tally.to_json())
        return {
            "current": current,
            "series": [item for item in series if item[0] > current - MAX_INTERVALS],
            "transports": {name: tally.to_json() for name, tally in recent.items()},
        }

    def actions(self) -> dict[str, Any]:
        """Return the calls of each action since the start of this process."""
        return {name: tally.to_json() for name, tally in self._actions.items()}

    def _count(self, transport: str, bucket: int | None, *, is_error: bool) -> None:
        number = int(self._clock() / INTERVAL_SECONDS)
        intervals = self._intervals
        if not intervals or intervals[-1].number != number:
            intervals.append(_Interval(number))
        transports = intervals[-1].transports
        tally = transports.get(transport)
        if tally is None:
            tally = transports[transport] = Tally()
        tally.add(bucket, is_error=is_error)


def bucket_of(seconds: float) -> int:
    """Return the exponent of the bucket of a duration."""
    return math.ceil(math.log2(max(seconds, 1e-6)) * _BUCKETS_PER_OCTAVE)


def summary(tallies: Iterable[list[Any]]) -> dict[str, Any]:
    """Return calls, failures and percentiles in milliseconds, of the tallies of all processes."""
    total = Tally()
    for tally in tallies:
        _merge(total, tally)
    p50, p95, p99 = (_percentile(total.histogram, share) for share in _PERCENTILES)
    return {"calls": total.calls, "errors": total.errors, "p50": p50, "p95": p95, "p99": p99}


def merge_rates(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rates of all processes together."""
    series: dict[int, list[int]] = {}
    transports: dict[str, list[list[Any]]] = {}
    current = 0
    for answer in answers:
        current = max(current, answer["current"])
        for number, calls, errors in answer["series"]:
            point = series.setdefault(number, [0, 0])
            point[0] += calls
            point[1] += errors
        for name, tally in answer["transports"].items():
            transports.setdefault(name, []).append(tally)
    return {
        "interval_seconds": INTERVAL_SECONDS,
        "recent_seconds": RECENT_INTERVALS * INTERVAL_SECONDS,
        "now": current * INTERVAL_SECONDS * 1000,
        "series": [
            [number * INTERVAL_SECONDS * 1000, *point] for number, point in sorted(series.items())
        ],
        "transports": {name: summary(tallies) for name, tallies in sorted(transports.items())},
        "total": summary(tally for tallies in transports.values() for tally in tallies),
    }


def merge_actions(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the calls of each action in all processes."""
    tallies: dict[str, list[list[Any]]] = {}
    for answer in answers:
        for name, tally in answer.items():
            tallies.setdefault(name, []).append(tally)
    return {name: summary(items) for name, items in tallies.items()}


def _merge(total: Tally, tally: list[Any]) -> None:
    calls, errors, histogram = tally
    total.calls += calls
    total.errors += errors
    for bucket, count in histogram:
        total.histogram[bucket] = total.histogram.get(bucket, 0) + count


def _percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """Return a percentile in milliseconds, `None` without durations."""
    rank = math.ceil(sum(histogram.values()) * share)
    for bucket in sorted(histogram):
        rank -= histogram[bucket]
        if rank <= 0:
            # The middle of the bucket.
            seconds: float = 2 ** ((bucket - 0.5) / _BUCKETS_PER_OCTAVE)
            return float(f"{seconds * 1000:.3g}")
    return None
