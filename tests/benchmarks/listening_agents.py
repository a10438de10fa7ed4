"""Agents that listen for changes of a resource, each over its own connection."""

from __future__ import annotations

import json
import selectors
import socket
import time
from typing import TYPE_CHECKING, Final, Self

from tests.benchmarks import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_ACKNOWLEDGED: Final = b"notifications/subscriptions/acknowledged"
_CHANGED: Final = b"notifications/resources/updated"
_SECONDS: Final = 30.0
#: Notifications about one resource follow each other after a second.
_PAUSE_SECONDS: Final = 1.2


class ListeningAgents:
    """Clients whose streams are open as long as a `with` block runs.

    Args:
        port: The port of the server.
        count: The number of clients.
        uri: The resource.
    """

    def __init__(self, port: int, count: int, uri: str) -> None:
        self._port = port
        self._count = count
        params = {"notifications": {"resourceSubscriptions": [uri]}, "_meta": cases.META}
        message = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}
        body = json.dumps(message)
        self._request = (
            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\n"
            f"MCP-Protocol-Version: {cases.REVISION}\r\nMcp-Method: subscriptions/listen\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        for _ in range(self._count):
            connection = socket.create_connection(("127.0.0.1", self._port), _SECONDS)
            self._sockets.append(connection)
            connection.sendall(self._request)
            received = b""
            while _ACKNOWLEDGED not in received:
                received += self._receive(connection)
            if b"resourceSubscriptions" not in received:
                raise RuntimeError(f"the subscription is refused: {received[-2000:]!r}")
            self._selector.register(connection, selectors.EVENT_READ)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._selector.close()
        for connection in self._sockets:
            connection.close()

    def notified(self, change: Callable[[], object]) -> float:
        """Change the resource, and return the seconds until all clients are notified."""
        time.sleep(_PAUSE_SECONDS)
        received = dict.fromkeys(self._sockets, b"")
        begun = time.perf_counter()
        change()
        waiting = set(self._sockets)
        while waiting:
            ready = self._selector.select(_SECONDS)
            if not ready:
                raise RuntimeError(f"{len(waiting)} clients are not notified")
            for key, _ in ready:
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                received[connection] += self._receive(connection)
                if _CHANGED in received[connection]:
                    waiting.discard(connection)
        return time.perf_counter() - begun

    @staticmethod
    def _receive(connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if not data:
            raise RuntimeError("the server has closed a stream")
        return data
