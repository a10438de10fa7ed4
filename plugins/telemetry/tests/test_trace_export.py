"""The export of traces: collectors that are away, variables of OpenTelemetry, the extra."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_telemetry.plugin
from actionhero import Action, ConfigurationError, PluginError, RunMode, hookimpl
from actionhero.testing import free_port, running_app
from actionhero_telemetry import TelemetrySettings
from actionhero_telemetry.testing import Collector
from actionhero_telemetry.tracing import INSTALL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Work(Action):
    """Do nothing."""

    name = "work"

    async def run(self) -> str:
        return "done"


class Application:
    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Work]


def application(endpoint: str, **options: Any) -> Any:
    """Return an application with traces."""
    settings = TelemetrySettings(
        metrics=False, **{"traces": True, "sample": 1.0, "endpoint": endpoint, **options}
    )
    return running_app(
        actionhero_telemetry.plugin, Application(), settings=[settings], mode=RunMode.SERVER
    )


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


async def test_spans_are_sent_while_the_application_runs(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the delay of the variables."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    async with application(collector.url) as app:
        await app.call("work")
        async with asyncio.timeout(10):
            while not collector.spans:  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.01)
        assert [span.name for span in collector.spans] == ["work"]


@pytest.mark.parametrize("fault", ["away", "slow", "refusing"])
async def test_a_faulty_collector_delays_neither_calls_nor_the_shutdown(
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    """It is warned of once."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2" if fault == "refusing" else "60")
    endpoint = f"http://127.0.0.1:{free_port()}" if fault == "away" else collector.url
    collector.status = 503
    if fault == "slow":
        collector.responds.clear()
    async with application(endpoint) as app:
        for _ in range(3):
            started = time.perf_counter()
            assert await app.call("work") == "done"
            assert time.perf_counter() - started < 0.5
            # Long enough for a batch of its own.
            await asyncio.sleep(0.3 if fault == "refusing" else 0.03)
        stopped = time.perf_counter()
    seconds = time.perf_counter() - stopped
    collector.responds.set()

    assert seconds < 2.5
    warnings = [record.getMessage() for record in caplog.records if "collector" in record.message]
    assert len(warnings) == 1
    if fault == "refusing":
        assert warnings[0].startswith(f"the collector at {endpoint}/v1/traces does not accept")
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_the_queue_is_bounded(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest spans are dropped."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    collector.responds.clear()
    async with application(collector.url) as app:
        for _ in range(200):
            await app.call("work")
        collector.responds.set()

    assert 10 <= len(collector.spans) <= 40


async def test_the_variables_of_opentelemetry_override_settings(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the endpoint, the headers, the compression, the resource and the sampler."""
    for name, value in {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=key",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "named-by-variable",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging",
        "OTEL_TRACES_SAMPLER": "always_on",
    }.items():
        monkeypatch.setenv(name, value)
    async with application("http://127.0.0.1:9", sample=0.0) as app:
        await app.call("work")

    assert [span.name for span in collector.spans] == ["work"]
    assert collector.headers[0]["x-api-key"] == "key"
    assert collector.headers[0]["Content-Encoding"] == "gzip"
    assert collector.one("work").resource["service.name"] == "named-by-variable"
    assert collector.one("work").resource["deployment.environment.name"] == "staging"


@pytest.mark.parametrize(
    ("sampler", "argument", "count"),
    [
        ("always_off", "", 0),
        ("parentbased_always_on", "", 20),
        ("traceidratio", "0", 0),
        ("parentbased_traceidratio", "1.0", 20),
        # Of the SDK: an unknown one is its default.
        ("unknown_sampler", "", 20),
    ],
)
async def test_the_sampler_of_the_environment_decides(
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
    argument: str,
    count: int,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    async with application(collector.url, sample=0.5) as app:
        for _ in range(20):
            await app.call("work")

    assert len(collector.spans) == count


async def test_the_ratio_is_that_of_the_trace_ids(collector: Collector) -> None:
    """So other services that decide by the id decide alike."""
    async with application(collector.url, sample=0.3) as app:
        for _ in range(300):
            await app.call("work")

    bound = round(0.3 * 2**64)
    assert 40 < len(collector.spans) < 150
    assert all(int(span.trace_id[16:], 16) < bound for span in collector.spans)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OTEL_TRACES_SAMPLER_ARG", "2", "OTEL_TRACES_SAMPLER_ARG is '2', which is not a ratio"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER needs the exporter 'zipkin'"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "needs the exporter 'otlp_proto_grpc'"),
    ],
)
async def test_invalid_variables_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    """With exit code 78."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message) as caught:
        async with application("http://127.0.0.1:9"):
            pass

    assert caught.value.exit_code == 78


@pytest.mark.parametrize("name", ["OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"])
async def test_traces_can_be_disabled_by_the_environment(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "true" if name == "OTEL_SDK_DISABLED" else "none")
    async with application(collector.url) as app:
        await app.call("work")

    assert collector.requests == 0


async def test_traces_without_the_extra_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs it."""
    monkeypatch.setattr("actionhero_telemetry.tracing._PACKAGES", ("no-such-package",))
    with pytest.raises(PluginError) as caught:
        async with application("http://127.0.0.1:9"):
            pass

    assert "telemetry.traces is true, but the extra 'otel' is not installed" in str(caught.value)
    assert INSTALL in str(caught.value)
    assert caught.value.exit_code == 78


def test_spans_of_other_libraries_are_part_of_the_trace() -> None:
    """By the global provider; with an exporter of the environment."""
    code = """
import asyncio
import actionhero_telemetry.plugin
from actionhero import Action, RunMode
from actionhero.testing import running_app
from actionhero_telemetry import TelemetrySettings
from opentelemetry import trace

class Query(Action):
    name = "query"

    async def run(self) -> None:
        with trace.get_tracer("a-driver").start_as_current_span("SELECT"):
            pass

async def main():
    settings = [TelemetrySettings(metrics=False, traces=True, sample=1)]
    async with running_app(
        actionhero_telemetry.plugin, Query, settings=settings, mode=RunMode.SERVER
    ) as app:
        await app.call("query")

asyncio.run(main())
"""
    command = [sys.executable, "-c", code]
    environ = {**os.environ, "OTEL_TRACES_EXPORTER": "console"}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    decoder, text, spans = json.JSONDecoder(), result.stdout.strip(), []
    while text:
        span, end = decoder.raw_decode(text)
        spans.append(span)
        text = text[end:].strip()

    query, call = spans
    assert (query["name"], call["name"]) == ("SELECT", "query")
    assert query["parent_id"] == call["context"]["span_id"]
    assert query["context"]["trace_id"] == call["context"]["trace_id"]


@pytest.mark.parametrize(("mode", "traces"), [("SERVER", "False"), ("CLI", "True")])
def test_opentelemetry_is_imported_for_traces_of_servers_only(mode: str, traces: str) -> None:
    """It takes long."""
    code = f"""
import asyncio, sys
import actionhero_telemetry.plugin
from actionhero import RunMode
from actionhero.testing import running_app
from actionhero_telemetry import TelemetrySettings, span

async def main():
    settings = [TelemetrySettings(metrics=False, traces={traces})]
    async with running_app(
        actionhero_telemetry.plugin, settings=settings, mode=RunMode.{mode}
    ) as app:
        with span("a"):
            await app.call("status")

asyncio.run(main())
print([name for name in sys.modules if name.startswith("opentelemetry.")])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert result.stdout.strip() == "[]", result.stderr
