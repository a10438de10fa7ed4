"""Metrics that are sent to a collector."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_telemetry.plugin
from actionhero import Action, ConfigurationError, RunMode
from actionhero.settings import AppSettings
from actionhero.testing import free_port, running_app
from actionhero.transport import FileLock
from actionhero_telemetry import Counter, Histogram, TelemetrySettings
from actionhero_telemetry.testing import Collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

orders = Counter("pushed.orders", "Orders placed.", labels=("country",))
amount = Histogram("pushed.order.amount", "Costs.", unit="EUR", buckets=(1, 10, 100))


class Buy(Action):
    """Place an order."""

    name = "buy"

    async def run(self) -> None:
        orders.add(2, country="de")
        for value in (0.5, 5, 7, 5000):
            amount.record(value)


def application(folder: Path, endpoint: str, **options: Any) -> Any:
    """Return an application that sends metrics."""
    settings = TelemetrySettings(**{"push": True, "endpoint": endpoint, **options})
    return running_app(
        actionhero_telemetry.plugin, Buy, mode=RunMode.SERVER, settings=[settings], folder=folder
    )


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


async def test_metrics_are_sent_as_cumulative_totals(collector: Collector, tmp_path: Path) -> None:
    """At the end, too; they continue after a restart."""
    for _ in range(2):
        async with application(tmp_path, collector.url) as app:
            await app.call("buy")

    assert collector.requests == 2
    first, second = [metric for metric in collector.metrics if metric.name == "pushed.orders"]
    [point] = second.sum.data_points
    assert second.sum.is_monotonic
    assert second.sum.aggregation_temporality == 2
    assert [(item.key, item.value.string_value) for item in point.attributes] == [("country", "de")]
    [start] = first.sum.data_points
    assert (start.as_double, point.as_double) == (2, 4)
    assert start.start_time_unix_nano == point.start_time_unix_nano < point.time_unix_nano
    histogram = next(m for m in collector.metrics if m.name == "pushed.order.amount")
    [distribution] = histogram.histogram.data_points
    assert histogram.unit == "EUR"
    assert list(distribution.explicit_bounds) == [1, 10, 100]
    assert list(distribution.bucket_counts) == [1, 2, 0, 1]
    assert (distribution.count, distribution.sum) == (4, 5012.5)
    assert not distribution.HasField("min")
    names = {metric.name for metric in collector.metrics}
    assert {"actionhero.call.duration", "actionhero.call.active"} <= names


async def test_totals_that_begin_anew_have_a_new_start(
    collector: Collector, tmp_path: Path
) -> None:
    """With other buckets, the totals of the previous start are deleted."""
    for buckets in ((1.0,), (1.0, 2.0)):
        async with application(tmp_path, collector.url, buckets=buckets) as app:
            await app.call("buy")

    first, second = [
        metric.sum.data_points[0] for metric in collector.metrics if metric.name == "pushed.orders"
    ]
    assert (first.as_double, second.as_double) == (2, 2)
    assert first.time_unix_nano < second.start_time_unix_nano


async def test_one_of_several_processes_sends(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait until it ends."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    async with application(tmp_path, collector.url) as app:
        other = FileLock(app.get(AppSettings).make_data_dir() / "telemetry" / "push.lock")
        assert other.try_lock()
        await app.call("buy")
        await asyncio.sleep(0.1)
        requests = collector.requests
        other.release()
        async with asyncio.timeout(10):
            while collector.requests < 2:  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.01)
        is_held = not other.try_lock()

    assert requests == 0
    assert is_held
    assert "pushed.orders" in {metric.name for metric in collector.metrics}


async def test_a_collector_that_is_away_delays_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is warned of."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    async with application(tmp_path, f"http://127.0.0.1:{free_port()}") as app:
        await app.call("buy")

    warning = "does not accept metrics; the next attempt sends them again"
    assert caplog.text.count(warning) == 1


async def test_an_invalid_interval_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "soon")
    with pytest.raises(ConfigurationError, match="OTEL_METRIC_EXPORT_INTERVAL is 'soon'"):
        async with application(tmp_path, "http://127.0.0.1:9"):
            pass


PROGRAM = """
import asyncio, sys
from datetime import timedelta
import actionhero_telemetry.plugin
from actionhero import RunMode
from actionhero.settings import AppSettings
from actionhero.testing import running_app
from actionhero_telemetry import TelemetrySettings

async def main():
    settings = TelemetrySettings(push=True, endpoint=sys.argv[1])
    async with running_app(
        actionhero_telemetry.plugin,
        settings=[AppSettings(data_dir=sys.argv[2]), settings],
        mode=RunMode.WORKER,
    ):
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


async def test_a_request_to_the_collector_does_not_delay_the_end_of_the_process(
    collector: Collector, tmp_path: Path
) -> None:
    """Which the collector has accepted, and does not answer."""
    collector.responds.clear()
    variables = {"OTEL_METRIC_EXPORT_INTERVAL": "20", "OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, collector.url, str(tmp_path)),
        stdin=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    async with asyncio.timeout(30):
        while collector.requests == 0:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)
        await process.communicate(b"\n")
    collector.responds.set()

    assert process.returncode == 0
