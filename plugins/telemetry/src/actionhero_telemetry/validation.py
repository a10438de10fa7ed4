"""Errors in the settings of metrics, and in the metrics of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.transport import is_loopback
from actionhero_telemetry.address import parse_address
from actionhero_telemetry.declarations import declaration_errors
from actionhero_telemetry.metrics import declared_metrics
from actionhero_telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from actionhero import Application

_REMEDY = "set ACTIONHERO_TELEMETRY__USERNAME and ACTIONHERO_TELEMETRY__PASSWORD"


def validate_metrics(app: Application) -> list[str]:
    """Return the errors in the settings of metrics, and in the declarations of metrics."""
    # Its metrics are those with which others may clash.
    from actionhero_telemetry import builtin_metrics  # noqa: F401

    settings = app.get(TelemetrySettings)
    problems = declaration_errors(declared_metrics())
    has_credentials = settings.username is not None and settings.password is not None
    if (settings.username is None) != (settings.password is None):
        missing = "username" if settings.username is None else "password"
        problems.append(
            f"telemetry.{missing} is not set, but the other one of telemetry.username and "
            f"telemetry.password is; {_REMEDY}, or neither"
        )
    elif app.environment == "production" and not has_credentials:
        if settings.listen and not is_loopback(parse_address(settings.listen)[0]):
            problems.append(
                f"telemetry.listen is {settings.listen!r} in production, where other machines "
                f"can read the metrics without credentials; {_REMEDY}, or use 127.0.0.1"
            )
        if settings.route:
            problems.append(
                f"telemetry.route is {settings.route!r} in production, where clients can read "
                f"the metrics without credentials; {_REMEDY}, or use telemetry.listen"
            )
    return problems
