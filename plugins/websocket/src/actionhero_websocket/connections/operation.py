"""`Operation`: a message to connections, or their closing, for the process that serves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionhero.transport import dumps, loads

if TYPE_CHECKING:
    from actionhero_websocket.connections.live_connection import LiveConnection


@dataclass(frozen=True, slots=True)
class Operation:
    """A message to one connection or to those of a user, or their closing.

    Args:
        id: The identifier of the connection; `None`: the connections of `user`.
        user: The user as JSON; empty with an `id`.
        body: The encoded message; empty to close.
        code: The close code.
        reason: The reason for closing.
    """

    id: str | None = None
    user: str = ""
    body: bytes = b""
    code: int = 0
    reason: str = ""

    def apply(self, connection: LiveConnection) -> None:
        """Send the message to a connection, or close it."""
        if self.body:
            connection.send_encoded(self.body)
        else:
            connection.close(self.code, self.reason)

    def encode(self) -> bytes:
        """Return the operation as JSON."""
        return dumps([self.id, self.user, self.body.decode(), self.code, self.reason])


def decode_operation(content: str) -> Operation:
    """Return an operation from its JSON."""
    id, user, body, code, reason = loads(content.encode())
    return Operation(id, user, body.encode(), code, reason)
