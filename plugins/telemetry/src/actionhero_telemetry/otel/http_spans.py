"""`HttpSpans`: a span for each HTTP request, by the semantic conventions of OpenTelemetry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from actionhero_telemetry.otel.spans import SpanKind
from actionhero_telemetry.otel.transport_span import TransportSpan
from actionhero_telemetry.web_observer import METHODS, OTHER_METHOD

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

    from actionhero_telemetry.otel.spans import Spans

#: Longer texts of clients are cut.
_MAX_LENGTH: Final = 512
_PARAMETER: Final = re.compile(r"\{([^}:]+)")


class HttpSpans:
    """Begins a span for each request; see `WebObserver` of `actionhero-web`.

    Args:
        spans: Begins spans.
        clients: Returns the clients of requests, also behind trusted proxies.
        secret_names: The names of the secret inputs of all actions.
        has_secret_paths: Whether an action has one of them in its path.
    """

    def __init__(
        self, spans: Spans, clients: Any, secret_names: frozenset[str], *, has_secret_paths: bool
    ) -> None:
        self._spans = spans
        self._clients = clients
        self._secret_names = secret_names
        self._has_secret_paths = has_secret_paths

    def began(self, request: BaseRequest) -> TransportSpan:
        """Begin the span of a request."""
        parent = self._spans.propagation.extract(request.headers)
        return TransportSpan(request, self._spans.begin(request.method, SpanKind.SERVER, parent))

    def ended(self, request: BaseRequest, status: int | None, route: str, mark: Any) -> None:
        """Set the attributes of a request, and end its span."""
        if mark is None:
            return
        scope = mark.scope
        if scope is not None and scope.is_recording:
            method = request.method if request.method in METHODS else OTHER_METHOD
            name = "HTTP" if method == OTHER_METHOD else method
            scope.span.update_name(f"{name} {route}" if route else name)
            scope.span.set_attributes(self._attributes(request, status, route, method, mark))
            if status is not None and status >= 500:
                error = mark.error
                scope.set_error(str(status) if error is None else str(error.type.value))
        mark.end()

    def _attributes(
        self, request: BaseRequest, status: int | None, route: str, method: str, mark: TransportSpan
    ) -> dict[str, str | int]:
        client = self._clients.client(request)
        host, port = _host_and_port(request.host)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "url.scheme": client.scheme,
            "server.address": host,
            "network.protocol.version": f"{request.version.major}.{request.version.minor}",
        }
        if port is not None:
            attributes["server.port"] = port
        if client.address is not None:
            attributes["client.address"] = client.address
        if route:
            attributes["http.route"] = route
        if not self._may_have_secret(route):
            attributes["url.path"] = request.path[:_MAX_LENGTH]
        if status is not None:
            attributes["http.response.status_code"] = status
        if agent := request.headers.get("User-Agent"):
            attributes["user_agent.original"] = agent[:_MAX_LENGTH]
        return attributes

    def _may_have_secret(self, route: str) -> bool:
        """Return whether the path of a request to a route may contain a secret."""
        if not route:
            # Perhaps the path of another route with a typing error.
            return self._has_secret_paths
        return not self._secret_names.isdisjoint(_PARAMETER.findall(route))


def _host_and_port(host: str) -> tuple[str, int | None]:
    name, separator, port = host.rpartition(":")
    if separator and port.isdecimal() and not name.endswith(":"):
        return name, int(port)
    return host, None
