"""`Counter`, `Histogram` and `Gauge`: the metrics of an application, declared in its modules."""

from __future__ import annotations

import math
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final

from actionhero_telemetry.names import exposed_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: The longest value of a label.
LABEL_LENGTH: Final = 128
#: The value of all labels of the series beyond the limit.
OTHER: Final = "_other"

_declared: weakref.WeakSet[Metric] = weakref.WeakSet()
#: Called for each further declaration: those of open recordings, of which the newest records.
_on_declaration: list[Callable[[Metric], None]] = []


class Metric:
    """The base class of metrics. Until the process has started, nothing is recorded.

    One that is declared later, as by a module that is imported on demand, is recorded from then on.

    Args:
        name: The name: lower case, with dots, as `shop.orders`.
        description: One sentence.
        labels: The names of the labels. Each needs a small set of values.
        unit: The unit, such as `s`, `By` (bytes) or `EUR`; empty for a number of things.
    """

    kind = ""

    def __init__(
        self, name: str, description: str = "", *, labels: Sequence[str] = (), unit: str = ""
    ) -> None:
        self.name = name
        self.description = description
        self.labels = tuple(labels)
        self.unit = unit
        self.exposed_name = exposed_name(name, unit)
        #: The place of the declaration, for messages.
        self.source = _caller()
        self._series: dict[Any, Any] = {}
        self._create: Callable[[Metric, tuple[str, ...]], Any] | None = None
        self._limit = 0
        self._on_dropped: Callable[[Metric], None] = _ignore
        _declared.add(self)
        if _on_declaration:
            _on_declaration[-1](self)

    def bind(
        self,
        create: Callable[[Metric, tuple[str, ...]], Any],
        limit: int,
        on_dropped: Callable[[Metric], None],
    ) -> None:
        """Begin to record.

        Args:
            create: Creates the values of a series.
            limit: The maximum number of series.
            on_dropped: Called for each value that is recorded in the series beyond the limit.
        """
        self._series = {}
        self._create, self._limit, self._on_dropped = create, limit, on_dropped

    def unbind(self, create: Callable[[Metric, tuple[str, ...]], Any]) -> None:
        """Stop recording, unless another application has begun to."""
        if self._create == create:
            self._create = None
            self._on_dropped = _ignore
            self._series = {}

    def series(self, *values: str) -> Any:
        """Return the values of a series, to record without looking it up; `None` if unbound."""
        if self._create is None:
            return None
        series = self._series.get(values)
        if series is None:
            series = self._add_series(values)
        return series

    @property
    def overflow(self) -> Any:
        """The series of the values beyond the limit; `None` without one.

        Each of its values is counted, so it must not be stored as the series of other labels.
        """
        return self._series.get((OTHER,) * len(self.labels))

    def _find(self, labels: Mapping[str, object]) -> Any:
        if self._create is None:
            return None
        try:
            values = tuple([labels[name] for name in self.labels])
        except KeyError:
            values = ()
        if len(labels) != len(self.labels) or len(values) != len(self.labels):
            names = ", ".join(self.labels) or "none"
            raise TypeError(
                f"the metric {self.name!r} was recorded with the labels "
                f"{', '.join(labels) or 'none'}; it has {names}"
            )
        series = self._series.get(values)
        return self._add_series(values) if series is None else series

    def _add_series(self, values: tuple[object, ...]) -> Any:
        texts = tuple([label_text(value) for value in values])
        series = self._series.get(texts)
        if series is not None:
            return series
        if self.labels and len(self._series) >= self._limit:
            self._on_dropped(self)
            texts = (OTHER,) * len(self.labels)
            series = self._series.get(texts)
            if series is not None:
                return series
        assert self._create is not None  # noqa: S101 - asked by the callers
        series = self._series[texts] = self._create(self, texts)
        return series

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


class Counter(Metric):
    """A total, which only increases.

    ```python
    orders = Counter("shop.orders", "Orders placed.", labels=("country",))
    orders.add(1, country="de")
    ```
    """

    kind = "counter"

    def add(self, amount: float = 1, **labels: object) -> None:
        """Add an amount.

        Raises:
            ValueError: The amount is negative, or not a finite number: the total would stay so.
            TypeError: The labels are others than those of the declaration.
        """
        if not 0 <= amount < math.inf:
            raise ValueError(f"the counter {self.name!r} cannot be increased by {amount}")
        series = self._find(labels)
        if series is not None:
            series.add(amount)


class Gauge(Metric):
    """A number that goes up and down, such as a temperature.

    The numbers of several processes are added.
    """

    kind = "gauge"

    def set(self, value: float, **labels: object) -> None:
        """Set the number."""
        series = self._find(labels)
        if series is not None:
            series.set(value)

    def add(self, amount: float = 1, **labels: object) -> None:
        """Add an amount, which may be negative."""
        series = self._find(labels)
        if series is not None:
            series.add(amount)


class Histogram(Metric):
    """The distribution of values, such as durations or sizes.

    ```python
    amount = Histogram("shop.order.amount", "Costs of orders.", unit="EUR", buckets=(1, 10, 100))
    amount.record(12.5)
    ```

    Args:
        buckets: The upper boundaries of the buckets; `None`: those of `telemetry.buckets`.
        arguments: Those of `Metric`.
    """

    kind = "histogram"

    def __init__(
        self,
        name: str,
        description: str = "",
        *,
        labels: Sequence[str] = (),
        unit: str = "",
        buckets: Sequence[float] | None = None,
    ) -> None:
        self.buckets = None if buckets is None else tuple(float(item) for item in buckets)
        super().__init__(name, description, labels=labels, unit=unit)

    def record(self, value: float, **labels: object) -> None:
        """Count a value.

        Raises:
            ValueError: It is not a finite number: the sum of all values would stay so.
            TypeError: The labels are others than those of the declaration.
        """
        if not -math.inf < value < math.inf:
            raise ValueError(f"the histogram {self.name!r} cannot record {value}")
        series = self._find(labels)
        if series is not None:
            series.record(value)


def declared_metrics() -> list[Metric]:
    """Return the metrics that modules have declared, by name."""
    return sorted(_declared, key=lambda metric: (metric.name, metric.source))


def watch_declarations(function: Callable[[Metric], None]) -> Callable[[], None]:
    """Call a function for each metric that is declared from now on.

    Returns:
        The function that ends it.
    """
    _on_declaration.append(function)
    return lambda: _on_declaration.remove(function)


def label_text(value: object) -> str:
    """Return the value of a label: as text, cut, and without lone surrogates."""
    text = str(value)[:LABEL_LENGTH]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _ignore(metric: Metric) -> None:
    """Do nothing."""


def _caller() -> str:
    """Return the file and line that declares a metric."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
