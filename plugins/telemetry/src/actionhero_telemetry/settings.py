"""The settings of metrics and traces: section `telemetry`."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import ClassVar

from pydantic import SecretStr, field_validator

from actionhero import Field, Settings
from actionhero_telemetry.address import parse_address

#: The boundaries of OpenTelemetry for durations in seconds.
DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


class TelemetrySettings(Settings):
    """Metrics for Prometheus, and traces with OpenTelemetry."""

    section: ClassVar[str] = "telemetry"

    metrics: bool = Field(
        default=True,
        description="Whether servers, workers and schedulers count calls, requests and jobs.",
    )
    listen: str | None = Field(
        default=None,
        description="The host and port of a listener for operators, such as 127.0.0.1:9464: it "
        "responds to /metrics for all processes. Not set: none.",
    )
    route: str = Field(
        default="",
        description="A path on the web server with the metrics, such as /metrics. Empty: none.",
    )
    username: str | None = Field(
        default=None,
        description="The user that may read the metrics. Not set: no credentials are required.",
    )
    password: SecretStr | None = Field(
        default=None, description="The password of the user. Set both or neither."
    )
    buckets: list[float] = Field(
        default=DURATION_BUCKETS,
        description="The bucket boundaries of durations, in seconds.",
    )
    series_limit: int = Field(
        default=2000,
        ge=1,
        description="The largest number of series of each metric in a process. Beyond it, all "
        "labels are '_other'.",
    )
    traces: bool = Field(
        default=False,
        description="Whether calls, requests and jobs are traced. It requires the extra 'otel'.",
    )
    sample: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The ratio of traces that are recorded, of those that begin here; a trace of "
        "the caller is recorded if the caller records it. Not set: 1 in development, 0.1 in "
        "production. OTEL_TRACES_SAMPLER overrides it.",
    )
    endpoint: str = Field(
        default="http://localhost:4318",
        description="The collector: OTLP over HTTP. The OTEL_* variables override it.",
    )
    push: bool = Field(
        default=False,
        description="Whether metrics are also sent to the collector. It requires the extra 'otel'.",
    )
    push_interval: timedelta = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="How often metrics are sent to the collector.",
    )
    job_parent: bool = Field(
        default=True,
        description="Whether a job continues the trace that enqueued it. If not, it has its own "
        "trace with a link.",
    )

    @field_validator("listen")
    @classmethod
    def _is_address(cls, listen: str | None) -> str | None:
        if listen is not None:
            parse_address(listen)
        return listen

    @field_validator("route")
    @classmethod
    def _is_path(cls, route: str) -> str:
        if route and (not route.startswith("/") or any(sign in route for sign in "{}?# ")):
            raise ValueError("should be a path without parameters, such as '/metrics', or empty")
        return route

    @field_validator("username")
    @classmethod
    def _has_no_colon(cls, username: str | None) -> str | None:
        if username is not None and (not username or ":" in username):
            raise ValueError("should be a name without a colon")
        return username

    @field_validator("buckets")
    @classmethod
    def _are_increasing(cls, buckets: list[float]) -> list[float]:
        if not buckets or buckets != sorted(set(buckets)) or not all(map(math.isfinite, buckets)):
            raise ValueError("should be increasing numbers, such as 0.01,0.1,1")
        return buckets
