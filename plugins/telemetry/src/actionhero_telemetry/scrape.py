"""`Scraper`: collects the figures of all processes, and writes them as text."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from typing import TYPE_CHECKING, Final, TypeVar

from prometheus_client import exposition
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics

from actionhero.settings import AppSettings
from actionhero_telemetry.merging import Merger
from actionhero_telemetry.names import exposed_unit
from actionhero_telemetry.processes import (
    live_slots,
    open_requests,
    request_figures,
    take_requests,
    unanswered,
    value_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionhero import Application
    from actionhero_telemetry.instruments import InstrumentReader
    from actionhero_telemetry.recording import Recording

Result = TypeVar("Result")

#: How long to wait for the figures of other processes, whose event loops may be blocked.
ANSWER_SECONDS: Final = 0.25
#: How often to look whether they have arrived.
POLL_SECONDS: Final = 0.002

TEXT: Final = exposition.CONTENT_TYPE_PLAIN_0_0_4
OPENMETRICS: Final = openmetrics.CONTENT_TYPE_LATEST


class Scraper:
    """Reads the metrics of all processes of the application, from any of them.

    Args:
        app: The application.
        recording: The values of this process.
        reader: Its instruments.
    """

    def __init__(self, app: Application, recording: Recording, reader: InstrumentReader) -> None:
        self._recording = recording
        self._reader = reader
        self._slot = recording.slot
        self._info = _info_of(app)
        self._merger = Merger()
        # Scrapes one after the other: each of them uses a core.
        self._lock = asyncio.Lock()
        self._descriptor: int | None = None
        self._updating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Respond to the requests of other processes."""
        self._descriptor = open_requests(self._slot.requests)
        asyncio.get_running_loop().add_reader(self._descriptor, self._answer)

    async def stop(self) -> None:
        """Stop responding, and store the last figures of this process."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        if self._updating is not None:
            await asyncio.wait({self._updating})
        await self._reader.update()

    async def scrape(self, *, as_openmetrics: bool = False) -> bytes:
        """Return all metrics as text.

        Args:
            as_openmetrics: Whether in the format OpenMetrics 1.0 instead of the text format 0.0.4.
        """
        return await self._collect(
            openmetrics.generate_latest if as_openmetrics else exposition.generate_latest
        )

    async def families(self) -> list[Family]:
        """Return all metrics, as the objects of prometheus-client."""
        return await self._collect(lambda registry: list(registry.collect()))

    async def _collect(self, write: Callable[[_Registry], Result]) -> Result:
        async with self._lock:
            requested = await asyncio.to_thread(self._request)
            await self._update()
            shared = await self._reader.shared()
            return await asyncio.to_thread(self._write, requested, shared, write)

    def _answer(self) -> None:
        assert self._descriptor is not None  # noqa: S101 - its reader is removed with it
        take_requests(self._descriptor)
        if self._updating is None or self._updating.done():
            self._updating = asyncio.create_task(self._update())

    async def _update(self) -> None:
        await self._reader.update()
        self._recording.flush()
        self._slot.mark_read()

    def _request(self) -> dict[int, int]:
        folder = self._slot.folder
        return request_figures(folder, live_slots(folder) - {self._slot.number})

    def _write(
        self,
        requested: dict[int, int],
        shared: Iterable[Family],
        write: Callable[[_Registry], Result],
    ) -> Result:
        folder = self._slot.folder
        deadline = time.monotonic() + ANSWER_SECONDS
        while requested and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            requested = unanswered(folder, requested)
        families = [
            family
            for family in self._merger.merge(value_files(folder))
            # Another version of the application had a metric of another kind with this name.
            if self._recording.kinds.get(family.name, family.type) == family.type
        ]
        for family in families:
            unit = exposed_unit(self._recording.units.get(family.name, ""))
            if unit and family.name.endswith(f"_{unit}"):
                family.unit = unit
        return write(_Registry([self._info, *families, *shared]))


class _Registry:
    """Families of metrics, for the writers of prometheus-client."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = sorted(families, key=lambda family: family.name)

    def collect(self) -> Iterable[Family]:
        """Return the families."""
        return self._families


def _info_of(app: Application) -> Family:
    from actionhero import __version__

    family = Family("actionhero_info", "The versions of the application.", "gauge")
    labels = {
        "version": __version__,
        "app_version": app.get(AppSettings).version or "",
        "python": platform.python_version(),
    }
    family.add_sample("actionhero_info", labels, 1)
    return family
