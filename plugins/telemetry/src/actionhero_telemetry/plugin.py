"""The plugin `telemetry`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero import Application, Initializer, Observer, Settings


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_telemetry.settings import TelemetrySettings

    return [TelemetrySettings]


@hookimpl
def actionhero_initializers(app: Application) -> list[Initializer]:
    from actionhero_telemetry.initializer import MetricsInitializer
    from actionhero_telemetry.tracing import tracing_of

    tracing = tracing_of(app)
    return [MetricsInitializer()] if tracing is None else [MetricsInitializer(), tracing]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_telemetry.tracing import validate_extra
    from actionhero_telemetry.validation import validate_metrics

    return [*validate_metrics(app), *validate_extra(app)]


@hookimpl
def actionhero_observers(app: Application) -> list[Observer]:
    from actionhero_telemetry.tracing import tracing_of

    tracing = tracing_of(app)
    if tracing is None:
        return []
    from actionhero_telemetry.otel.call_spans import CallSpans

    return [CallSpans(tracing.spans)]


@hookimpl(optionalhook=True)
def actionhero_web_observers(app: Application, clients: Any) -> list[Any]:
    from actionhero_telemetry.tracing import tracing_of

    tracing = tracing_of(app)
    if tracing is None:
        return []
    from actionhero_telemetry.otel.http_spans import HttpSpans

    secret_names = {name for action in app.actions for name in action.inputs.sensitive_names}
    return [HttpSpans(tracing.spans, clients, frozenset(secret_names))]


@hookimpl(optionalhook=True)
def actionhero_tasks_carriers(app: Application) -> list[Callable[[], Mapping[str, str]]]:
    from actionhero_telemetry.settings import TelemetrySettings
    from actionhero_telemetry.tracing import fields_of_call, tracing_of

    tracing = tracing_of(app)
    if tracing is not None:
        return [tracing.spans.propagation.inject]
    # A command records no spans, but its jobs continue the trace in its environment.
    return [fields_of_call] if app.get(TelemetrySettings).traces else []


@hookimpl(optionalhook=True)
def actionhero_tasks_observers(app: Application) -> list[Any]:
    from actionhero_telemetry.tracing import tracing_of

    tracing = tracing_of(app)
    if tracing is None:
        return []
    from actionhero_telemetry.otel.job_spans import JobSpans

    return [JobSpans(tracing.spans, continues=tracing.settings.job_parent)]


@hookimpl(optionalhook=True)
def actionhero_channels_observers(app: Application) -> list[Any]:
    from actionhero_telemetry.tracing import tracing_of

    tracing = tracing_of(app)
    if tracing is None:
        return []
    from actionhero_telemetry.otel.broadcast_spans import BroadcastSpans

    return [BroadcastSpans(tracing.spans)]
