"""`RequestObserver`: measures HTTP requests, by the semantic conventions of OpenTelemetry."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from actionhero import Instrument
from actionhero_telemetry.builtin_metrics import request_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The methods of the conventions; every other one is `_OTHER`, as a client may send any text.
METHODS: Final = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)
OTHER_METHOD: Final = "_OTHER"


class _Origin:
    """A method and a scheme: the requests in progress, and the series of their durations."""

    __slots__ = ("active", "method", "scheme", "series")

    def __init__(self, method: str, scheme: str) -> None:
        self.method = method
        self.scheme = scheme
        self.active = 0
        #: By route and status.
        self.series: dict[tuple[str, int | None], Any] = {}


class RequestObserver:
    """Measures the durations of requests, and counts those in progress."""

    def __init__(self) -> None:
        #: Returns the schemes of requests, also behind trusted proxies; set by the web server.
        self.clients: Any = None
        self._origins: dict[tuple[str, str], _Origin] = {}

    def began(self, request: Any) -> tuple[_Origin, float]:
        """Count the request as in progress."""
        key = request.method, self.clients.scheme(request)
        origin = self._origins.get(key)
        if origin is None:
            origin = self._add_origin(*key)
        origin.active += 1
        return origin, perf_counter()

    def ended(self, request: Any, status: int | None, route: str, mark: Any) -> None:
        """Record the duration of the request."""
        origin, started = mark
        origin.active -= 1
        series = origin.series.get((route, status))
        if series is None:
            code = "" if status is None else str(status)
            series = request_duration.series(origin.method, route, code, origin.scheme)
            if series is None:
                return
            if series is not request_duration.overflow:
                origin.series[route, status] = series
        series.record(perf_counter() - started)

    @property
    def instrument(self) -> Instrument:
        """The instrument of requests in progress."""
        return Instrument(
            "http.server.active_requests",
            description="HTTP requests in progress.",
            read=self._read,
        )

    def _add_origin(self, method: str, scheme: str) -> _Origin:
        if method not in METHODS:
            method = OTHER_METHOD
        key = method, scheme
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = _Origin(method, scheme)
        return origin

    def _read(self) -> Iterable[tuple[Mapping[str, str], float]]:
        return [
            ({"http_request_method": item.method, "url_scheme": item.scheme}, item.active)
            for item in self._origins.values()
        ]
