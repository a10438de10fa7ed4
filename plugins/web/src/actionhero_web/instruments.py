"""The figures of the HTTP server, for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Instrument
from actionhero_web.connections.http_server import SERVERS
from actionhero_web.connections.refusals import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Mapping


def instruments() -> list[Instrument]:
    """Return the instruments of the HTTP server."""
    return [
        Instrument(
            "actionhero.http.connections",
            description="Open HTTP connections.",
            read=_connections,
        ),
        Instrument(
            "actionhero.http.refused",
            "counter",
            description="Requests that were refused before a handler, and slow clients.",
            read=_refusals,
        ),
    ]


def _connections() -> list[tuple[Mapping[str, str], float]]:
    return [({}, sum(server.connection_count for server in SERVERS))]


def _refusals() -> list[tuple[Mapping[str, str], float]]:
    return [({"reason": reason}, number) for reason, number in REFUSALS.items()]
