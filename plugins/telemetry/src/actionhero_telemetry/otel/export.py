"""`Exporting`: sends spans to a collector, from a thread that starts after any fork."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider, set_tracer_provider

from actionhero import ConfigurationError
from actionhero_telemetry.otel.trace_ids import TraceIds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from actionhero_telemetry.otel.sampling import Sampling

logger = logging.getLogger("actionhero.telemetry")

#: How long the shutdown waits for the collector.
FLUSH_SECONDS: Final = 2.0
#: The time between two warnings of a collector that is away.
WARNING_SECONDS: Final = 60.0
#: The libraries log every attempt, and every invalid field of a client, with its text.
_LOGGERS: Final = (
    "opentelemetry.exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.trace.span",
    "opentelemetry.baggage",
)
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_{}_ENDPOINT")


class OutageWarning:
    """Warns of a collector that is away, once a minute.

    Args:
        kind: The data, such as `spans`.
        endpoint: The collector.
    """

    def __init__(self, kind: str, endpoint: str) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._lost = 0
        self._next = 0.0

    def failed(self, *, lost: int = 0) -> None:
        """Warn of a failed export, unless the last warning is recent.

        Args:
            lost: The number of items that are not sent again.
        """
        self._lost += lost
        now = time.monotonic()
        if now >= self._next:
            self._next = now + WARNING_SECONDS
            logger.warning(
                "the collector at %s does not accept %s; %s",
                self._endpoint,
                self._kind,
                f"{self._lost} are lost" if self._lost else "the next attempt sends them again",
            )
            self._lost = 0


class WarningExporter(SpanExporter):
    """An exporter whose failures are warned of once a minute.

    Args:
        exporter: The exporter.
        endpoint: The collector, for the warning.
    """

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._warning = OutageWarning("spans", endpoint)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; called in the thread of the processor."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - of any exporter
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._warning.failed(lost=len(spans))
        return result

    def shutdown(self) -> None:
        """Interrupt the attempts to send."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: it keeps no spans."""
        return True


class Exporting:
    """The provider of tracers, from its creation to `close`.

    Args:
        name: The name of the service, unless the environment has one.
        version: Its version.
        endpoint: The collector, unless the environment has one.
        sampling: Which traces are recorded; `None`: the sampler of the environment.

    Raises:
        ConfigurationError: The environment names an exporter that is not installed.
    """

    def __init__(self, name: str, version: str, endpoint: str, sampling: Sampling | None) -> None:
        mute_libraries()
        self.ids = TraceIds()
        self.provider = TracerProvider(
            sampler=None if sampling is None else sampling.sampler(),
            resource=resource_of(name, version),
            id_generator=self.ids,
            # It would wait for the collector at the exit for half a minute.
            shutdown_on_exit=False,
        )
        for exporter in exporters_of(endpoint):
            self.provider.add_span_processor(BatchSpanProcessor(exporter))
        # For the instrumentation of other libraries, unless the process has another provider.
        if isinstance(get_tracer_provider(), ProxyTracerProvider):
            set_tracer_provider(self.provider)

    async def close(self) -> None:
        """Send the remaining spans, for at most two seconds."""
        await close_in_thread(self.provider.shutdown, "spans")


def mute_libraries() -> None:
    """Silence the libraries, unless the application has chosen their level."""
    for name in _LOGGERS:
        library = logging.getLogger(name)
        if library.level == logging.NOTSET:
            library.setLevel(logging.CRITICAL + 1)


def resource_of(name: str, version: str, *, of_process: bool = True) -> Resource:
    """Return the attributes of the application; those of the environment take precedence.

    Args:
        name: The name of the service.
        version: Its version.
        of_process: Whether they are those of this process, with its id.
    """
    attributes: dict[str, Any] = {}
    declared = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not os.environ.get("OTEL_SERVICE_NAME") and f"{SERVICE_NAME}=" not in declared:
        attributes[SERVICE_NAME] = name
    if version and f"{SERVICE_VERSION}=" not in declared:
        attributes[SERVICE_VERSION] = version
    if of_process:
        attributes["process.pid"] = os.getpid()
    return Resource.create(attributes)


def endpoint_of(endpoint: str, signal: str) -> str | None:
    """Return the URL for a signal, `traces` or `metrics`; `None` if the environment has one."""
    if any(os.environ.get(name.format(signal.upper())) for name in _ENDPOINTS):
        return None
    return f"{endpoint.rstrip('/')}/v1/{signal}"


def exporters_of(endpoint: str) -> list[SpanExporter]:
    """Return the exporters of `OTEL_TRACES_EXPORTER`, by default OTLP over HTTP.

    Raises:
        ConfigurationError: One is not installed.
    """
    names = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    exporters: list[SpanExporter] = []
    for name in (part.strip() for part in names.split(",")):
        if name == "none":
            continue
        if name == "otlp" and _protocol() == "http/protobuf":
            exporters.append(_otlp(endpoint))
            continue
        key = "otlp_proto_grpc" if name == "otlp" else name
        matches = entry_points(group="opentelemetry_traces_exporter", name=key)
        if not matches:
            variable = "OTEL_EXPORTER_OTLP_PROTOCOL" if name == "otlp" else "OTEL_TRACES_EXPORTER"
            raise ConfigurationError(
                f"{variable} needs the exporter {key!r}, which is not installed; install the "
                "package with it, or remove the variable to use OTLP over HTTP"
            )
        exporters.append(WarningExporter(next(iter(matches)).load()(), name))
    return exporters


def _otlp(endpoint: str) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    url = endpoint_of(endpoint, "traces")
    exporter = OTLPSpanExporter(endpoint=url)
    return WarningExporter(exporter, url or "the endpoint of OTEL_EXPORTER_OTLP_ENDPOINT")


def _protocol() -> str:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if value := os.environ.get(name, "").strip():
            return value
    return "http/protobuf"


async def close_in_thread(close: Callable[[], object], kind: str) -> None:
    """Call a function that may block in a thread, and wait for it for at most two seconds."""
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await call_in_thread(close, kind)
    except TimeoutError:
        logger.warning("the collector did not accept the remaining %s in time", kind)


async def call_in_thread(function: Callable[[], object], kind: str) -> None:
    """Call a function that may block in a thread that does not delay the end of the process."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def run() -> None:
        try:
            function()
        except Exception:
            logger.exception("the %s were not sent", kind)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(ended.set)

    # Not in a thread of the loop's executor, which the end of the loop would wait for.
    threading.Thread(target=run, name="telemetry-send", daemon=True).start()
    await ended.wait()
