"""`InstrumentReader`: reads the instruments of all plugins, and lets the recorded ones record."""

from __future__ import annotations

import asyncio
import inspect
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from prometheus_client.metrics_core import Metric as Family

from actionhero import BootError, Instrument
from actionhero_telemetry.builtin_metrics import scrape_errors, series_dropped
from actionhero_telemetry.metrics import OTHER, Counter, Gauge, Histogram, label_text
from actionhero_telemetry.names import exposed_name, name_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero import Application
    from actionhero_telemetry.metrics import Metric
    from actionhero_telemetry.recording import Recording

logger = logging.getLogger("actionhero.telemetry")

#: How long the reading of a shared instrument may take, and how long its result is used.
SHARED_SECONDS: Final = 1.0

_RECORDED: Final[dict[str, type[Metric]]] = {
    "counter": Counter,
    "gauge": Gauge,
    "histogram": Histogram,
}


#: The names of labels, and their values.
_Labels: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


class InstrumentReader:
    """The instruments of an application.

    Args:
        app: The application, whose initializers have been initialized.
        recording: Where the figures of this process are stored.
        own: The instruments of this package.
        series_limit: The maximum number of series of each instrument.

    Raises:
        BootError: An instrument is invalid.
    """

    def __init__(
        self,
        app: Application,
        recording: Recording,
        own: Iterable[Instrument],
        series_limit: int,
    ) -> None:
        self._recording = recording
        self._series_limit = series_limit
        collected = app.plugins.collect("actionhero_instruments", Instrument, app=app)
        app.raise_for_problems()
        instruments = [*own, *(item for _, item in collected)]
        _check(app, instruments, set(recording.units))
        for item in instruments:
            recording.names[exposed_name(item.name, item.unit)] = (item.name, item.unit)
        self._process = [_ProcessInstrument(item) for item in instruments if _is(item, "process")]
        self._shared = [item for item in instruments if _is(item, "shared")]
        self._shared_families: list[Family] = []
        self._shared_at = float("-inf")
        self._failed: set[str] = set()
        self._recorded = [item for item in instruments if item.read is None]
        metrics = [_metric(item) for item in self._recorded]
        recording.bind(metrics)
        for item, metric in zip(self._recorded, metrics, strict=True):
            item.record = _record(metric)

    async def update(self) -> None:
        """Read the instruments of this process, and store their figures for all processes."""
        for item in self._process:
            try:
                assert item.instrument.read is not None  # noqa: S101 - only those are in the list
                readings = item.instrument.read()
                if inspect.isawaitable(readings):
                    async with asyncio.timeout(SHARED_SECONDS):
                        readings = await readings
                self._store(item, readings)
            except Exception as error:  # noqa: BLE001 - of a plugin
                self._report(item.instrument, error)

    async def shared(self) -> list[Family]:
        """Return the figures that are the same for all processes; at most a second old."""
        if monotonic() - self._shared_at >= SHARED_SECONDS:
            results = await asyncio.gather(*map(self._read_shared, self._shared))
            self._shared_families = [family for family in results if family is not None]
            self._shared_at = monotonic()
        return self._shared_families

    def stop(self) -> None:
        """Stop recording the recorded instruments."""
        for item in self._recorded:
            item.record = None

    async def _read_shared(self, instrument: Instrument) -> Family | None:
        try:
            async with asyncio.timeout(SHARED_SECONDS):
                assert instrument.read is not None  # noqa: S101 - only those are in the list
                readings = instrument.read()
                if inspect.isawaitable(readings):
                    readings = await readings
            name = exposed_name(instrument.name, instrument.unit)
            family = Family(name, instrument.description, instrument.kind)
            sample = f"{name}_total" if instrument.kind == "counter" else name
            for (names, texts), number in self._sums(instrument, readings, {}).items():
                family.add_sample(sample, dict(zip(names, texts, strict=True)), number)
        except Exception as error:  # noqa: BLE001 - of a plugin
            self._report(instrument, error)
            return None
        return family

    def _store(
        self, item: _ProcessInstrument, readings: Iterable[tuple[Mapping[str, str], float]]
    ) -> None:
        missing = set(item.totals)
        sums = self._sums(item.instrument, readings, item.totals)
        for key, number in sums.items():
            value = item.values.get(key)
            if value is None:
                value = item.values[key] = self._value(item.instrument, *key)
            if item.instrument.kind == "counter":
                # The stored total is that of all processes that have had this slot.
                if (increase := number - item.totals.get(key, 0.0)) > 0:
                    value.add(increase)
            else:
                value.set(number)
            item.totals[key] = number
        if item.instrument.kind == "gauge":
            for key in missing - sums.keys():
                item.values[key].set(0)

    def _sums(
        self,
        instrument: Instrument,
        readings: Iterable[tuple[Mapping[str, str], float]],
        known: Mapping[_Labels, float],
    ) -> dict[_Labels, float]:
        """Return the numbers by their labels, of which there are not more than the limit."""
        sums: dict[_Labels, float] = {}
        count = len(known)
        for labels, number in readings:
            names = tuple(sorted(labels))
            key = names, tuple([label_text(labels[name]) for name in names])
            if key not in known and key not in sums:
                if error := name_error(instrument.name, names):
                    raise ValueError(error)
                if count >= self._series_limit:
                    series_dropped.add(1, instrument=instrument.name)
                    key = names, (OTHER,) * len(names)
                else:
                    count += 1
            # A text or `None` is an error of this instrument, and not of the scrape.
            sums[key] = sums.get(key, 0.0) + number
        return sums

    def _value(self, instrument: Instrument, names: tuple[str, ...], texts: tuple[str, ...]) -> Any:
        name = exposed_name(instrument.name, instrument.unit)
        self._recording.units[name] = instrument.unit
        if instrument.kind == "counter":
            return self._recording.counter(name, names, texts, instrument.description)
        return self._recording.gauge(
            name, names, texts, instrument.description, instrument.aggregation
        )

    def _report(self, instrument: Instrument, error: Exception) -> None:
        scrape_errors.add(1, instrument=instrument.name)
        if instrument.name not in self._failed:
            self._failed.add(instrument.name)
            logger.warning(
                "the instrument %r cannot be read, so it is left out: %s; further errors are "
                "counted only",
                instrument.name,
                str(error) or type(error).__name__,
            )


class _ProcessInstrument:
    """An instrument of this process, and its last readings."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.values: dict[_Labels, Any] = {}
        self.totals: dict[_Labels, float] = {}


def _check(app: Application, instruments: Iterable[Instrument], taken: set[str]) -> None:
    for item in instruments:
        place = f"instrument {item.name!r} ({app.plugins.describe(item)})"
        if error := name_error(item.name, item.labels):
            raise BootError(f"{place} {error}")
        name = exposed_name(item.name, item.unit)
        if item.read is not None and name in taken:
            raise BootError(f"{place} has the name of another metric, {name!r}; rename one of them")
        taken.add(name)


def _is(instrument: Instrument, scope: str) -> bool:
    return instrument.read is not None and instrument.scope == scope


def _metric(instrument: Instrument) -> Metric:
    class_ = _RECORDED[instrument.kind]
    return class_(
        instrument.name, instrument.description, labels=instrument.labels, unit=instrument.unit
    )


def _record(metric: Metric) -> Any:
    """Return the function that records a number and the values of labels."""
    is_counter = isinstance(metric, Counter)

    def record(number: float, *values: str) -> None:
        series = metric.series(*values)
        if series is not None:
            if is_counter:
                series.add(number)
            else:
                series.record(number)

    if isinstance(metric, Gauge):
        return lambda number, *values: metric.series(*values).set(number)
    return record
