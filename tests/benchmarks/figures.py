"""The figures: their limits, their aims, and the comparison with the readings."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Figure:
    """One measured figure."""

    key: str
    title: str
    #: The limit; `None`: the figure is reported only.
    must: float | None = None
    #: The aim.
    aim: float | None = None
    unit: str = "×"  # noqa: RUF001 - times
    lower_is_better: bool = False

    def holds(self, reading: Reading) -> bool:
        """Return whether the reading is within the limit."""
        return self.must is None or self._reaches(reading, self.must)

    def result(self, reading: Reading) -> str:
        """Return the result, in a word or two."""
        if self.must is None:
            return ""
        if not self.holds(reading):
            return "FAILS"
        if self.aim is not None and self._reaches(reading, self.aim):
            return "aim reached"
        return "holds"

    def _reaches(self, reading: Reading, limit: float) -> bool:
        if self.lower_is_better:
            return reading.median <= limit
        return reading.median >= limit


@dataclass
class Reading:
    """The values of several pairs, or parts, of one measurement."""

    values: list[float]
    note: str = ""
    #: How often it was measured: a figure that fails is measured again.
    attempts: int = field(default=1)

    @property
    def median(self) -> float:
        """The median, which is compared."""
        return median(self.values)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def quartile(values: Sequence[float]) -> float:
    """Return the lower quartile: the times without disturbance."""
    return sorted(values)[len(values) // 4]


_FASTAPI = "vs FastAPI + uvicorn"
_TUNED = "vs tuned aiohttp"
_FASTAPI_DATA = "vs FastAPI, SQLAlchemy"
_LITESTAR = "vs Litestar, SQLAlchemy"
_BY_HAND = "vs aiohttp, Tortoise ORM, by hand"

#: The job stores, and one with a message broker.
STORES = ("embedded", "redis", "postgres", "rabbitmq")

FIGURES = (
    Figure("in_process.W2", f"W2 in process, {_TUNED}", 0.85, 1.1),
    Figure("in_process.W2b", f"W2b in process, {_TUNED}"),
    Figure("in_process.W1", f"W1 in process, {_TUNED}"),
    Figure("in_process.W3", f"W3 in process, {_TUNED}"),
    Figure("in_process.routes", "200 routes under one prefix vs one route", 0.9, 0.97),
    Figure("in_process.log", "log line per call on vs off, W2 in process", 0.75, 0.87),
    Figure(
        "in_process.cross_origin",
        "the check for pages of other sites, by fetch metadata",
        1.5,
        0.5,
        "µs",
        lower_is_better=True,
    ),
    Figure(
        "in_process.cross_origin.host",
        "the same of a browser without them, by host",
        1.5,
        None,
        "µs",
        lower_is_better=True,
    ),
    Figure(
        "in_process.cross_origin.program",
        "the same of a program",
        1.5,
        0.5,
        "µs",
        lower_is_better=True,
    ),
    Figure(
        "in_process.api_key",
        "W2 in process, with an API key vs without",
        1.1,
        1.05,
        lower_is_better=True,
    ),
    Figure(
        "in_process.session_principal",
        "the principal from a cached session, over a socket",
        3.0,
        2.0,
        "µs",
        lower_is_better=True,
    ),
    Figure("over_http.W1", f"W1 {_FASTAPI}", 2.0, 3.0),
    Figure("over_http.W2", f"W2 {_FASTAPI}", 1.9, 2.8),
    Figure("over_http.W2b", f"W2b {_FASTAPI}", 1.8, 2.5),
    Figure("over_http.W3", f"W3 {_FASTAPI}", 4.0, 6.0),
    Figure("over_http.W1.tuned", f"W1 over HTTP, {_TUNED}"),
    Figure("over_http.W2.tuned", f"W2 over HTTP, {_TUNED}"),
    Figure("over_http.W2b.tuned", f"W2b over HTTP, {_TUNED}"),
    Figure("over_http.W3.tuned", f"W3 over HTTP, {_TUNED}"),
    Figure("data.status.FastAPI", f"status with a session {_FASTAPI_DATA}", 3.0, 4.5),
    Figure("data.list.FastAPI", f"messages:list of 50 rows {_FASTAPI_DATA}", 2.5, 5.0),
    Figure("data.create.FastAPI", f"message:create {_FASTAPI_DATA}", 2.5, 3.0),
    Figure("data.status.Litestar", f"status with a session {_LITESTAR}"),
    Figure("data.list.Litestar", f"messages:list of 50 rows {_LITESTAR}"),
    Figure("data.create.Litestar", f"message:create {_LITESTAR}"),
    Figure("data.status.by hand", f"status with a session {_BY_HAND}", 0.8, 0.9),
    Figure("data.list.by hand", f"messages:list of 50 rows {_BY_HAND}", 0.8, 0.9),
    Figure("data.create.by hand", f"message:create {_BY_HAND}"),
    Figure("data.status.drivers", "status with a session vs drivers only"),
    Figure("data.list.drivers", "messages:list of 50 rows vs drivers only"),
    Figure("data.create.drivers", "message:create vs drivers only"),
    Figure(
        "growth.cursor_page",
        "a page by cursor of 1,000,000 rows vs of 1,000",
        1.2,
        1.05,
        lower_is_better=True,
    ),
    Figure("growth.page", "a page with a total, the same", lower_is_better=True),
    Figure(
        "growth.sessions",
        "ending 100,000 sessions of one user",
        5.0,
        1.0,
        "s",
        lower_is_better=True,
    ),
    *(
        Figure(
            f"growth.{operation}.{store}",
            f"{title} with 1,000,000 waiting jobs vs with 1,000, {store}",
            1.2,
            1.05,
            lower_is_better=True,
        )
        for store in STORES
        for operation, title in (("enqueue", "enqueuing a job"), ("claim", "running a job"))
    ),
    *(
        Figure(
            f"growth.fan_out.{store}",
            f"fan_out_status of 100,000 jobs, {store}",
            100,
            10,
            "ms",
            lower_is_better=True,
        )
        for store in STORES
        if store != "rabbitmq"
    ),
    *(
        Figure(
            f"growth.{operation}.embedded",
            f"{title} of 1,000,000 jobs, embedded",
            20,
            3,
            "ms",
            lower_is_better=True,
        )
        for operation, title in (("list", "a list of 100"), ("counts", "the counts"))
    ),
    Figure("sockets.calls.by hand", "calls of 50 sockets vs aiohttp, hand-written", 1.6, 2.1),
    Figure("sockets.calls.FastAPI", f"calls of 50 sockets {_FASTAPI}", 2.2, 2.8),
    Figure(
        "sockets.signed_in",
        "a call over a socket with a session vs without",
        1.3,
        lower_is_better=True,
    ),
    Figure("sockets.rate.by hand", "a broadcast to 1,000 vs gather(send_str), rate", 1.6, 2.2),
    Figure("sockets.rate.FastAPI", f"a broadcast to 1,000 {_FASTAPI}, rate", 2.5, 3.8),
    Figure("sockets.p99", "a broadcast to 1,000: p99 over p50", 3.0, 2.5, lower_is_better=True),
    Figure(
        "sockets.many", "a broadcast to 10,000 idle sockets", 3.0, 1.0, "s", lower_is_better=True
    ),
    Figure("sockets.memory", "memory of an idle socket", None, 25, "KiB", lower_is_better=True),
    Figure("agents.bridged", "a call of a tool vs the SDK's low-level server in aiohttp", 2.5, 3.5),
    Figure("agents.sdk", "a call of a tool vs MCPServer of the SDK + uvicorn", 3.2, 5.0),
    Figure("agents.fastmcp", "a call of a tool vs fastmcp + uvicorn", 5.5, 8.0),
    Figure("agents.http", "a call of a tool vs a request for the same action, rate", 0.5, 0.75),
    Figure("agents.token", "a call of a tool with a token vs without, rate", 0.85, 0.95),
    Figure(
        "agents.memory",
        "memory of a server with 40 tools vs without actionhero-mcp",
        5.0,
        3.0,
        "MiB",
        lower_is_better=True,
    ),
    Figure(
        "agents.listen", "memory of an idle stream of an agent", 30, 20, "KiB", lower_is_better=True
    ),
    Figure(
        "agents.notify",
        "500 streams of agents notified of a change",
        100,
        30,
        "ms",
        lower_is_better=True,
    ),
    Figure(
        "agents.stdio",
        "the first response of a process for an agent vs fastmcp",
        1.5,
        1.0,
        lower_is_better=True,
    ),
    Figure(
        "limits.alone", "one limit in Redis, one call at a time", 30, 20, "µs", lower_is_better=True
    ),
    Figure("limits.concurrent", "the same, 32 calls at once", 8, 4, "µs", lower_is_better=True),
    Figure(
        "limits.refused",
        "the same for a caller who has been refused",
        3,
        1,
        "µs",
        lower_is_better=True,
    ),
    Figure("limits.package", "a fixed window of the package limits vs a limit", 3.0, 5.0),
    Figure(
        "telemetry.metrics.call",
        "the cost of metrics in a call",
        5,
        1.5,
        "µs",
        lower_is_better=True,
    ),
    Figure(
        "telemetry.metrics.W2",
        "W2 with metrics vs without",
        1.12,
        1.05,
        lower_is_better=True,
    ),
    Figure(
        "telemetry.metrics.scrape",
        "event loop blocked by a scrape of 600 histograms, 4 processes",
        12,
        5,
        "ms",
        lower_is_better=True,
    ),
    Figure(
        "telemetry.start",
        "`actionhero call` with telemetry vs without",
        1.05,
        1.0,
        lower_is_better=True,
    ),
    Figure(
        "telemetry.traces.sampled",
        "the cost of traces in a call, 1 % recorded",
        5,
        3,
        "µs",
        lower_is_better=True,
    ),
    Figure(
        "telemetry.traces.recorded",
        "the same, all recorded",
        32,
        25,
        "µs",
        lower_is_better=True,
    ),
    Figure("tasks.enqueue", "enqueuing a job vs dramatiq's send, rate", 0.85, 0.95),
    Figure("tasks.batch", "enqueuing 1,000 jobs together vs one by one, rate", 3.0),
    Figure("tasks.drain.dramatiq", "running 10,000 small jobs vs dramatiq, rate", 2.3, 3.5),
    Figure(
        "tasks.drain.celery", "running 10,000 small jobs vs Celery with threads, rate", 5.0, 8.0
    ),
    Figure("tasks.signals", "running them with signals of dramatiq vs without, rate", 0.65, 0.8),
    Figure(
        "tasks.median", "an idle worker starts a job, median", 50, 5, "ms", lower_is_better=True
    ),
    Figure("tasks.p99", "an idle worker starts a job, p99", 100, 20, "ms", lower_is_better=True),
    Figure(
        "tasks.postgres.enqueue", "50 calls that enqueue in PostgreSQL vs in Redis, rate", 0.5, 0.8
    ),
    Figure("tasks.postgres.single", "one call after the other, vs in Redis, rate", None, 0.5),
    Figure("tasks.postgres.drain", "running 10,000 small jobs vs in Redis, rate", 0.4, 0.6),
    Figure(
        "tasks.postgres.median",
        "an idle worker starts a job in PostgreSQL, median",
        20,
        5,
        "ms",
        lower_is_better=True,
    ),
    Figure("tasks.waiting", "concurrent waiting jobs of one process", 64, 1000, "jobs"),
    Figure("tasks.waiting.1000", "the same, with --concurrency 1000", 1000, None, "jobs"),
    Figure(
        "tasks.memory",
        "a worker's memory from the 20,000th to the 100,000th job",
        5.0,
        1.0,
        "MiB",
        lower_is_better=True,
    ),
    Figure(
        "cold_start.time", "cold start, 200 actions, vs FastAPI", 1.0, 0.8, lower_is_better=True
    ),
    Figure("cold_start.memory", "idle memory of the server", 55, 45, "MiB", lower_is_better=True),
    Figure("command_line.version", "--version vs click's --help", 1.3, 1.2, lower_is_better=True),
    Figure("command_line.help", "--help vs click's --help", 2.0, 1.2, lower_is_better=True),
)
