"""`MetricsEndpoint`: the responses with metrics, on the listener and on the web server."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero import ActionNotFound, MethodNotAllowed, SignInRequired, TypedError
from actionhero.transport import dumps, error_document
from actionhero_telemetry.scrape import OPENMETRICS, TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from actionhero_telemetry.scrape import Scraper

#: The methods that are possible.
METHODS: Final = ("GET", "HEAD")
_OPENMETRICS_TYPE: Final = "application/openmetrics-text"
_TEXT_TYPE: Final = "text/plain"


class MetricsResponse(NamedTuple):
    """A response, complete but for its framing."""

    status: int
    content_type: str
    body: bytes
    #: Further headers.
    headers: tuple[tuple[str, str], ...]


class MetricsEndpoint:
    """Responds with the metrics of all processes.

    Args:
        scraper: Collects the metrics.
        username: The user that may read them; `None`: no credentials are required.
        password: The password of the user.
    """

    def __init__(self, scraper: Scraper, username: str | None, password: str | None) -> None:
        self._scraper = scraper
        self._expected = None if username is None else f"{username}:{password or ''}".encode()

    @property
    def requires_credentials(self) -> bool:
        """Whether only a user with a password may read the metrics."""
        return self._expected is not None

    async def respond(self, method: str, headers: Mapping[str, str] | Message) -> MetricsResponse:
        """Return the response to a request.

        Args:
            method: The method.
            headers: The headers; names in any case if the mapping ignores it, else as `Accept`.
        """
        error: TypedError
        if method not in METHODS:
            error = MethodNotAllowed(f"The metrics have no method {method[:20]}")
            return error_response(405, error, ("Allow", ", ".join(METHODS)))
        if self._expected is not None and not self._is_authorized(headers.get("Authorization", "")):
            error = SignInRequired("The metrics require a user and a password")
            return error_response(
                401, error, ("WWW-Authenticate", 'Basic realm="Metrics", charset="UTF-8"')
            )
        as_openmetrics = prefers_openmetrics(headers.get("Accept", ""))
        body = await self._scraper.scrape(as_openmetrics=as_openmetrics)
        content_type = OPENMETRICS if as_openmetrics else TEXT
        return MetricsResponse(200, content_type, body, (("Vary", "Accept"),))

    def _is_authorized(self, authorization: str) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        assert self._expected is not None  # noqa: S101 - asked by the caller
        matches = hmac.compare_digest(decoded, self._expected)
        return matches and scheme.lower() == "basic"


def not_found_response() -> MetricsResponse:
    """Return the response for all other paths of the listener."""
    return error_response(404, ActionNotFound("Only /metrics is served here"))


def error_response(status: int, error: TypedError, *headers: tuple[str, str]) -> MetricsResponse:
    """Return the response for an error, with the document of every error."""
    document = error_document(error, timestamp_ms=time.time_ns() // 1_000_000, request_id=None)
    return MetricsResponse(status, "application/json", dumps(document), headers)


def prefers_openmetrics(accept: str) -> bool:
    """Return whether a client prefers OpenMetrics 1.0 to the text format (RFC 9110, 12.5.1)."""
    qualities = {_OPENMETRICS_TYPE: 0.0, _TEXT_TYPE: 0.0}
    ranges: dict[str, float] = {}
    for item in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        options = {
            name.strip(): value.strip().strip('"')
            for name, _, value in (part.partition("=") for part in parameters)
        }
        if media_type == _OPENMETRICS_TYPE and options.get("version", "1.0.0") != "1.0.0":
            continue
        try:
            quality = min(max(float(options.get("q", "1")), 0.0), 1.0)
        except ValueError:
            continue
        ranges[media_type] = max(quality, ranges.get(media_type, 0.0))
    for media_type in qualities:
        main = media_type.partition("/")[0] + "/*"
        for candidate in (media_type, main, "*/*"):
            if candidate in ranges:
                qualities[media_type] = ranges[candidate]
                break
    return qualities[_OPENMETRICS_TYPE] > 0 and (
        qualities[_OPENMETRICS_TYPE] > qualities[_TEXT_TYPE]
        # Named by the client, with the same quality.
        or (_OPENMETRICS_TYPE in ranges and qualities[_OPENMETRICS_TYPE] == qualities[_TEXT_TYPE])
    )
