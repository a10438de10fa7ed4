"""`RequestObserver`: measures HTTP requests, by the semantic conventions of OpenTelemetry."""

from __future__ import annotations

from collections import defaultdict
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from actionhero import Instrument
from actionhero_telemetry.builtin_metrics import request_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The methods of the conventions; every other one is `_OTHER`, as a client may send any text.
METHODS: Final = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)
OTHER_METHOD: Final = "_OTHER"

#: The time of the beginning of a request, and its method and its scheme.
_Mark: TypeAlias = tuple[float, tuple[str, str]]


class RequestObserver:
    """Measures the durations of requests, and counts those in progress."""

    def __init__(self) -> None:
        #: Returns the schemes of requests, also behind trusted proxies; set by the web server.
        self.clients: Any = None
        self._active: dict[tuple[str, str], int] = defaultdict(int)
        self._series: dict[tuple[tuple[str, str], str, int | None], Any] = {}

    def began(self, request: Any) -> _Mark:
        """Count the request as in progress."""
        method = request.method
        origin = (method if method in METHODS else OTHER_METHOD, self.clients.scheme(request))
        self._active[origin] += 1
        return perf_counter(), origin

    def ended(self, request: Any, status: int | None, route: str, mark: Any) -> None:
        """Record the duration of the request."""
        started, origin = mark
        self._active[origin] -= 1
        key = origin, route, status
        series = self._series.get(key)
        if series is None:
            method, scheme = origin
            code = "" if status is None else str(status)
            series = request_duration.series(method, route, code, scheme)
            if series is None:
                return
            self._series[key] = series
        series.record(perf_counter() - started)

    @property
    def instrument(self) -> Instrument:
        """The instrument of requests in progress."""
        return Instrument(
            "http.server.active_requests",
            description="HTTP requests in progress.",
            read=self._read,
        )

    def _read(self) -> Iterable[tuple[Mapping[str, str], float]]:
        return [
            ({"http_request_method": method, "url_scheme": scheme}, number)
            for (method, scheme), number in self._active.items()
        ]
