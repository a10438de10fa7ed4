"""The metrics of calls, requests and jobs, and those of the metrics themselves."""

from __future__ import annotations

from typing import Final

from actionhero_telemetry.metrics import Counter, Histogram

call_duration: Final = Histogram(
    "actionhero.call.duration",
    "Durations of calls.",
    labels=("action", "transport", "outcome"),
    unit="s",
)
stream_duration: Final = Histogram(
    "actionhero.stream.duration",
    "Durations of calls of actions that stream, until the ends of their streams.",
    labels=("action", "transport", "outcome"),
    unit="s",
    buckets=(0.1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600),
)
calls_refused: Final = Counter(
    "actionhero.call.refused",
    "Calls without an action, such as one that does not exist.",
    labels=("transport", "outcome"),
)
request_duration: Final = Histogram(
    "http.server.request.duration",
    "Durations of HTTP requests.",
    labels=("http_request_method", "http_route", "http_response_status_code", "url_scheme"),
    unit="s",
)
jobs_enqueued: Final = Counter(
    "actionhero.job.enqueued", "Enqueued jobs.", labels=("action", "queue")
)
job_duration: Final = Histogram(
    "actionhero.job.duration",
    "Durations of runs of jobs.",
    labels=("action", "queue", "outcome"),
    unit="s",
)
job_wait: Final = Histogram(
    "actionhero.job.wait",
    "Times between the enqueueing of jobs and their first run, with the delay of delayed jobs.",
    labels=("queue",),
    unit="s",
)
schedule_delay: Final = Histogram(
    "actionhero.schedule.delay",
    "Times between the time of a schedule and the enqueueing of its job.",
    labels=("action",),
    unit="s",
)
series_dropped: Final = Counter(
    "actionhero.series.dropped",
    "Values counted in the series '_other' of a metric with too many series.",
    labels=("instrument",),
)
scrape_errors: Final = Counter(
    "actionhero.scrape.errors",
    "Failed readings of instruments.",
    labels=("instrument",),
)
