"""`MetricsPush`: sends the metrics of all processes to a collector at an interval."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from actionhero import ConfigurationError, Initializer, RunMode
from actionhero.settings import AppSettings
from actionhero.transport import FileLock
from actionhero_telemetry.initializer import FOLDER, metrics_of
from actionhero_telemetry.settings import TelemetrySettings
from actionhero_telemetry.tracing import is_disabled, missing_packages

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_telemetry.initializer import MetricsInitializer

logger = logging.getLogger("actionhero.telemetry")

INTERVAL_VARIABLE: Final = "OTEL_METRIC_EXPORT_INTERVAL"
EXPORTER_VARIABLE: Final = "OTEL_METRICS_EXPORTER"


class MetricsPush(Initializer):
    """Sends the metrics, from one process of each data folder, as they are those of all.

    If that process ends, another one continues.

    Args:
        metrics: The metrics.
        settings: The settings.
    """

    name = "metrics-push"
    requires = ("metrics",)
    modes = frozenset({RunMode.SERVER, RunMode.WORKER, RunMode.SCHEDULER})

    def __init__(self, metrics: MetricsInitializer, settings: TelemetrySettings) -> None:
        self._metrics = metrics
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._lock: FileLock | None = None
        self._since_ns = 0
        self._exporter: Any = None
        self._resource: Any = None
        self._warning: Any = None

    async def start(self, app: Application) -> None:
        """Begin to send.

        Raises:
            ConfigurationError: A variable of OpenTelemetry has an invalid value.
        """
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        from actionhero_telemetry.otel.export import (
            OutageWarning,
            endpoint_of,
            mute_libraries,
            resource_of,
        )
        from actionhero_telemetry.processes import totals_since

        interval = _interval_seconds(self._settings)
        mute_libraries()
        about = app.get(AppSettings)
        folder = about.make_data_dir() / FOLDER
        self._lock = FileLock(folder / "push.lock")
        self._since_ns = totals_since(folder)
        url = endpoint_of(self._settings.endpoint, "metrics")
        self._exporter = OTLPMetricExporter(endpoint=url)
        self._warning = OutageWarning("metrics", url or "OTEL_EXPORTER_OTLP_ENDPOINT")
        self._resource = resource_of(about.name, about.version or "", of_process=False)
        self._task = asyncio.create_task(self._run(interval))

    async def stop(self, app: Application) -> None:
        """Send the last figures."""
        from actionhero_telemetry.otel.export import close_in_thread

        if self._task is None or self._lock is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        if self._lock.try_lock():
            families = await self._metrics.scraper.families()
            await close_in_thread(partial(self._send, families), "metrics")
        exporter = self._exporter
        await close_in_thread(exporter.shutdown, "metrics")
        self._lock.release()

    async def _run(self, interval: float) -> None:
        from actionhero_telemetry.otel.export import call_in_thread

        assert self._lock is not None  # noqa: S101 - set by `start`
        while True:
            await asyncio.sleep(interval)
            if not self._lock.try_lock():
                continue
            try:
                families = await self._metrics.scraper.families()
                await call_in_thread(partial(self._send, families), "metrics")
            except Exception:
                logger.exception("the metrics were not sent")

    def _send(self, families: list[Any]) -> None:
        from opentelemetry.sdk.metrics.export import MetricExportResult

        from actionhero_telemetry.otel.metric_data import metrics_data

        data = metrics_data(
            families,
            self._metrics.dotted_names,
            self._resource,
            since_ns=self._since_ns,
            now_ns=time.time_ns(),
        )
        if self._exporter.export(data) is not MetricExportResult.SUCCESS:
            # The totals stay, and the next ones contain them.
            self._warning.failed()


def push_of(app: Application) -> MetricsPush | None:
    """Return the initializer that sends metrics; `None` if they are not sent."""
    metrics, settings = metrics_of(app), app.get(TelemetrySettings)
    if metrics is None or not settings.push or is_disabled() or missing_packages():
        return None
    if os.environ.get(EXPORTER_VARIABLE, "").strip() == "none":
        return None
    return MetricsPush(metrics, settings)


def _interval_seconds(settings: TelemetrySettings) -> float:
    text = os.environ.get(INTERVAL_VARIABLE, "").strip()
    if not text:
        return settings.push_interval.total_seconds()
    if not text.isdecimal() or int(text) == 0:
        raise ConfigurationError(
            f"{INTERVAL_VARIABLE} is {text!r}; set a number of milliseconds, such as 60000"
        )
    return int(text) / 1000
