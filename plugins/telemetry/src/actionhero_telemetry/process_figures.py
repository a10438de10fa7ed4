"""The instruments of the process itself: CPU time, memory, files, and the delay of its loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from prometheus_client import ProcessCollector

from actionhero import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal

#: How often the delay of the event loop is measured.
LOOP_SECONDS: Final = 0.1
#: How the figures of processes are joined; all others are added.
_AGGREGATIONS: Final[dict[str, Literal["max", "min"]]] = {
    # The newest process shows restarts.
    "process_start_time_seconds": "max",
    # The limit is that of each process.
    "process_open_fds": "max",
    "process_max_fds": "min",
}


def process_instruments() -> list[Instrument]:
    """Return the instruments that prometheus-client has for a process; on Linux only."""
    collector = ProcessCollector(registry=None)
    names = {family.name: family for family in collector.collect()}

    def read(name: str) -> list[tuple[Mapping[str, str], float]]:
        return [
            (sample.labels, sample.value)
            for family in collector.collect()
            if family.name == name
            for sample in family.samples
        ]

    return [
        Instrument(
            name,
            "counter" if family.type == "counter" else "gauge",
            description=family.documentation,
            read=partial(read, name),
            aggregation=_AGGREGATIONS.get(name, "sum"),
        )
        for name, family in names.items()
    ]


class LoopDelay:
    """Measures how late the event loop runs its timers: for so long it was blocked."""

    def __init__(self) -> None:
        self._longest_seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def instrument(self) -> Instrument:
        """The instrument."""
        return Instrument(
            "actionhero.loop.delay",
            unit="s",
            description="The longest delay of the event loop since the last reading.",
            read=self._read,
            aggregation="max",
        )

    def start(self) -> None:
        """Begin to measure the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._schedule()

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        self._due = self._loop.time() + LOOP_SECONDS
        self._timer = self._loop.call_at(self._due, self._measure)

    def _measure(self) -> None:
        self._longest_seconds = max(self._longest_seconds, self._loop.time() - self._due)
        self._schedule()

    def _read(self) -> Iterable[tuple[Mapping[str, str], float]]:
        # A delay that has not ended yet counts as well.
        delay = max(self._longest_seconds, self._loop.time() - self._due, 0.0)
        self._longest_seconds = 0.0
        return [({}, delay)]
