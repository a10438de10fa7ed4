"""The figures of the sockets, for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Instrument
from actionhero_websocket.session_registry import SessionRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application
    from actionhero_websocket.protocol.socket_registry import SocketRegistry


def instruments(app: Application) -> list[Instrument]:
    """Return the instruments of the sockets."""

    def sockets() -> SocketRegistry | None:
        # It is created with the HTTP server.
        return app.get(SessionRegistry).sockets if app.has(SessionRegistry) else None

    def connections() -> list[tuple[Mapping[str, str], float]]:
        registry = sockets()
        return [({}, 0 if registry is None else len(registry))]

    def messages() -> list[tuple[Mapping[str, str], float]]:
        registry = sockets()
        if registry is None:
            return []
        return [
            ({"direction": "received"}, registry.messages_received),
            ({"direction": "sent"}, registry.messages_sent),
        ]

    def closed() -> list[tuple[Mapping[str, str], float]]:
        registry = sockets()
        if registry is None:
            return []
        return [({"code": code}, number) for code, number in registry.closed.items()]

    return [
        Instrument(
            "actionhero.websocket.connections",
            description="Open WebSocket connections.",
            read=connections,
        ),
        Instrument(
            "actionhero.websocket.messages",
            "counter",
            description="Messages of clients and to clients.",
            read=messages,
        ),
        Instrument(
            "actionhero.websocket.closed",
            "counter",
            description="Closed WebSocket connections, by the close code.",
            read=closed,
        ),
    ]
