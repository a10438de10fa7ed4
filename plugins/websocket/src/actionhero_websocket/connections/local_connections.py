"""`LocalConnections`: the live connections of this process, by identifier and by user."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actionhero_websocket.connections.live_connection import LiveConnection
    from actionhero_websocket.connections.operation import Operation


class LocalConnections:
    """The live connections of this process."""

    def __init__(self) -> None:
        self._by_id: dict[str, LiveConnection] = {}
        #: The connections of signed-in users, by user as JSON and by identifier.
        self._by_user: dict[str, dict[str, LiveConnection]] = {}

    def add(self, connection: LiveConnection) -> None:
        """Add a connection."""
        self._by_id[connection.id] = connection
        if connection.user_json:
            self._by_user.setdefault(connection.user_json, {})[connection.id] = connection

    def remove(self, connection: LiveConnection) -> bool:
        """Remove a connection; return whether it was there."""
        removed = self._by_id.pop(connection.id, None) is not None
        self._remove_user(connection)
        return removed

    def set_user(self, connection: LiveConnection, user: str) -> bool:
        """Set the user of a connection, as JSON; return whether it was another."""
        if connection.user_json == user:
            return False
        self._remove_user(connection)
        connection.user_json = user
        if connection.id in self._by_id:
            self.add(connection)
        return True

    def get(self, id: str) -> LiveConnection | None:
        """Return a connection; `None` if it is not one of this process."""
        return self._by_id.get(id)

    def of_user(self, user: str | None) -> Iterable[LiveConnection]:
        """Return the connections of a user, as JSON; `None`: all connections."""
        return (self._by_id if user is None else self._by_user.get(user, {})).values()

    def signed_in(self) -> Iterator[LiveConnection]:
        """Yield the connections with a user."""
        for connections in self._by_user.values():
            yield from connections.values()

    def count(self, user: str | None = None) -> int:
        """Return the number of connections of a user, as JSON; `None`: of all connections."""
        return len(self._by_id if user is None else self._by_user.get(user, ()))

    def page(self, user: str | None, limit: int, after: str) -> list[LiveConnection]:
        """Return the first connections after an identifier, sorted by identifier."""
        connections = (each for each in self.of_user(user) if each.id > after)
        return nsmallest(limit, connections, key=lambda each: each.id)

    def apply(self, operation: Operation) -> int:
        """Apply an operation to its connections, and return their number."""
        if operation.id is None:
            connections = list(self.of_user(operation.user))
        else:
            connection = self._by_id.get(operation.id)
            connections = [] if connection is None else [connection]
        for connection in connections:
            operation.apply(connection)
        return len(connections)

    def _remove_user(self, connection: LiveConnection) -> None:
        connections = self._by_user.get(connection.user_json)
        if connections is not None:
            connections.pop(connection.id, None)
            if not connections:
                del self._by_user[connection.user_json]
