"""Metrics and traces for ActionHero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_telemetry.current_span import CurrentSpan as CurrentSpan
    from actionhero_telemetry.current_span import span as span
    from actionhero_telemetry.metrics import Counter as Counter
    from actionhero_telemetry.metrics import Gauge as Gauge
    from actionhero_telemetry.metrics import Histogram as Histogram
    from actionhero_telemetry.settings import TelemetrySettings as TelemetrySettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".current_span": ["CurrentSpan", "span"],
        ".metrics": ["Counter", "Gauge", "Histogram"],
        ".settings": ["TelemetrySettings"],
    },
)
