"""The plugin `telemetry`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero import Application, Initializer, Settings


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_telemetry.settings import TelemetrySettings

    return [TelemetrySettings]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_telemetry.initializer import MetricsInitializer

    return [MetricsInitializer()]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_telemetry.validation import validate_metrics

    return validate_metrics(app)
