"""The plugin `telemetry`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from actionhero import Application, Initializer, Observer, Settings


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_telemetry.settings import TelemetrySettings

    return [TelemetrySettings]


@hookimpl
def actionhero_initializers(app: Application) -> list[Initializer]:
    from actionhero_telemetry.initializer import metrics_of
    from actionhero_telemetry.metrics_push import push_of
    from actionhero_telemetry.tracing import tracing_of

    initializers = (metrics_of(app), push_of(app), tracing_of(app))
    return [item for item in initializers if item is not None]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_telemetry.tracing import validate_extra
    from actionhero_telemetry.validation import validate_metrics

    return [*validate_metrics(app), *validate_extra(app)]


@hookimpl
def actionhero_observers(app: Application) -> list[Observer]:
    from actionhero_telemetry.initializer import metrics_of
    from actionhero_telemetry.tracing import tracing_of

    observers: list[Observer] = []
    if (metrics := metrics_of(app)) is not None:
        observers.append(metrics.calls)
    if (tracing := tracing_of(app)) is not None:
        from actionhero_telemetry.otel.call_spans import CallSpans

        observers.append(CallSpans(tracing.spans))
    return observers


@hookimpl(optionalhook=True)
def actionhero_web_observers(app: Application, clients: Any, routes: Sequence[Any]) -> list[Any]:
    from actionhero_telemetry.initializer import metrics_of
    from actionhero_telemetry.tracing import tracing_of

    observers: list[Any] = []
    if (metrics := metrics_of(app)) is not None:
        metrics.requests.clients = clients
        observers.append(metrics.requests)
    if (tracing := tracing_of(app)) is not None:
        from actionhero_telemetry.otel.http_spans import HttpSpans

        secret_names = frozenset(
            name for action in app.actions for name in action.inputs.sensitive_names
        )
        has_secret_paths = any(not secret_names.isdisjoint(route.parameters) for route in routes)
        observers.append(
            HttpSpans(tracing.spans, clients, secret_names, has_secret_paths=has_secret_paths)
        )
    return observers


@hookimpl(optionalhook=True)
def actionhero_web_routes(app: Application) -> list[Any]:
    from actionhero_telemetry.initializer import metrics_of
    from actionhero_telemetry.settings import TelemetrySettings

    metrics, path = metrics_of(app), app.get(TelemetrySettings).route
    if metrics is None or not path:
        return []
    from actionhero_telemetry.web_route import metrics_routes

    return metrics_routes(path, lambda: metrics.endpoint)


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
    from actionhero_telemetry.initializer import metrics_of
    from actionhero_telemetry.tracing import tracing_of

    observers: list[Any] = []
    if metrics_of(app) is not None:
        from actionhero_telemetry.job_observer import JobMetrics

        observers.append(JobMetrics())
    if (tracing := tracing_of(app)) is not None:
        from actionhero_telemetry.otel.job_spans import JobSpans

        observers.append(JobSpans(tracing.spans, continues=tracing.settings.job_parent))
    return observers


@hookimpl(optionalhook=True)
def actionhero_channels_observers(app: Application) -> list[Any]:
    from actionhero_telemetry.tracing import tracing_of

    tracing = tracing_of(app)
    if tracing is None:
        return []
    from actionhero_telemetry.otel.broadcast_spans import BroadcastSpans

    return [BroadcastSpans(tracing.spans)]
