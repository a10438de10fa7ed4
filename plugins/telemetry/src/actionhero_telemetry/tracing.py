"""`Tracing`: the traces of a process. It imports OpenTelemetry only if they are on."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Final

from actionhero import Initializer, RunMode
from actionhero.settings import AppSettings
from actionhero.transport import request_id
from actionhero_telemetry.current_span import remove_spans, set_spans
from actionhero_telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_telemetry.otel.export import Exporting

#: The packages of the extra. To look for modules instead would import their parents.
_PACKAGES: Final = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
#: The command that installs the extra.
INSTALL: Final = "pip install 'actionhero-telemetry[otel]'"


class Tracing(Initializer):
    """Begins spans, and exports them while the application runs.

    The thread of the exporter starts with the application, after any fork.

    Args:
        settings: The settings.
    """

    name = "traces"
    modes = frozenset({RunMode.SERVER, RunMode.WORKER, RunMode.SCHEDULER})

    def __init__(self, settings: TelemetrySettings) -> None:
        from actionhero_telemetry.otel.spans import Spans

        self.settings = settings
        self.spans = Spans()
        self._exporting: Exporting | None = None

    async def start(self, app: Application) -> None:
        """Begin to record traces.

        Raises:
            ConfigurationError: A variable of OpenTelemetry has an invalid value.
        """
        from actionhero_telemetry.otel.export import Exporting
        from actionhero_telemetry.otel.sampling import sampling_from

        ratio = self.settings.sample
        if ratio is None:
            ratio = 0.1 if app.environment == "production" else 1.0
        sampling = sampling_from(ratio)
        service = app.get(AppSettings)
        self._exporting = Exporting(
            service.name, service.version or "", self.settings.endpoint, sampling
        )
        tracer = self._exporting.provider.get_tracer("actionhero_telemetry")
        self.spans.open(tracer, self._exporting.ids, sampling)
        set_spans(self.spans)

    async def stop(self, app: Application) -> None:
        """Send the remaining spans."""
        remove_spans(self.spans)
        self.spans.close()
        exporting, self._exporting = self._exporting, None
        if exporting is not None:
            await exporting.close()


def tracing_of(app: Application) -> Tracing | None:
    """Return the traces of an application; `None` if they are off, or for a command."""
    if app.mode is RunMode.CLI or app.has_invalid_settings or not app.has(TelemetrySettings):
        return None
    settings = app.get(TelemetrySettings)
    if not settings.traces or is_disabled() or missing_packages():
        return None
    if not app.has(Tracing):
        app.provide(Tracing, Tracing(settings))
    return app.get(Tracing)


def is_disabled() -> bool:
    """Return whether `OTEL_SDK_DISABLED` is true."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def missing_packages() -> bool:
    """Return whether the extra `otel` is not installed."""
    try:
        for name in _PACKAGES:
            distribution(name)
    except PackageNotFoundError:
        return True
    return False


def validate_extra(app: Application) -> list[str]:
    """Return the errors of settings that need the extra `otel`."""
    settings = app.get(TelemetrySettings)
    names = [name for name in ("traces", "push") if getattr(settings, name)]
    if not names or not missing_packages():
        return []
    return [
        f"telemetry.{name} is true, but the extra 'otel' is not installed; run: {INSTALL}"
        for name in names
    ]


def fields_of_call() -> dict[str, str]:
    """Return the trace fields of the current call, which a command passes on to its jobs."""
    return dict(getattr(request_id.source(), "carrier", {}))
