"""`LiveConnection`: the connection of a client that stays, with its user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from actionhero import Connection
from actionhero.transport import loads
from actionhero_websocket import messages
from actionhero_websocket.connections.connection_info import time_of
from actionhero_websocket.protocol import frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from actionhero import Session

Resource = TypeVar("Resource")


class Client(Protocol):
    """The socket of a connection."""

    def send_text(self, body: bytes) -> None:
        """Send a text message, encoded as UTF-8."""

    def close_when_idle(self, code: int, reason: str = "") -> None:
        """Close the socket once the messages before are answered."""


class ConnectionOwner(Protocol):
    """The connections of this process, as one connection uses them."""

    def get(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`."""

    async def load_session(self, connection: Connection) -> Session:
        """Return the session of a connection."""

    def session_saved(self, connection: LiveConnection, session: Session) -> None:
        """Update the user of a connection."""


class LiveConnection(Connection):
    """The connection of a client that stays: `call.connection` over WebSocket.

    Args:
        client: The socket.
        owner: The connections of this process.
        remote: The address of the client.
        request: The request of the handshake, with the path, the query and the headers.
    """

    __slots__ = ("_client", "_owner", "registered_user", "user_json")

    def __init__(
        self, client: Client, owner: ConnectionOwner, remote: str | None, request: Any = None
    ) -> None:
        super().__init__("websocket", remote, raw=request)
        self._client: Client | None = client
        self._owner = owner
        #: The user as JSON; empty for an anonymous client.
        self.user_json = ""
        #: The user, as JSON, with whom other processes see this connection; `None` if they do not.
        self.registered_user: str | None = None

    @property
    def user(self) -> Any:
        """The value of the session key `sessions.user_key`; `None` for an anonymous client."""
        return loads(self.user_json.encode()) if self.user_json else None

    @property
    def trace_fields(self) -> Mapping[str, str]:
        """None: those of a call are in its message."""
        return {}

    @property
    def idempotency_key(self) -> str | None:
        """None: that of a call is in its message."""
        return None

    def add_response_header(self, name: str, value: str) -> None:
        """Do nothing: the responses over WebSocket have no headers."""

    @property
    def since(self) -> datetime:
        """When the client connected."""
        return time_of(self.id)

    @property
    def is_open(self) -> bool:
        """Whether the client is connected."""
        return self._client is not None

    def get(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`, or the settings of it."""
        return self._owner.get(type_)

    async def load_session(self) -> Session:
        """Return the session of the client; changes to it are not saved."""
        return await self._owner.load_session(self)

    def send(self, message: Any) -> None:
        """Send a message to this client; nothing is sent if it is disconnected.

        Args:
            message: Any JSON serializable value.

        Raises:
            TypeError: The message is not JSON serializable.
        """
        self.send_encoded(messages.direct(message))

    def send_encoded(self, body: bytes) -> None:
        """Send an encoded message of the server."""
        if self._client is not None:
            self._client.send_text(body)

    def close(self, code: int = frames.POLICY_VIOLATION, reason: str = "") -> None:
        """Ignore further messages, and close the connection once its calls are answered.

        After five seconds it is closed in any case.

        Args:
            code: The close code: 1000, 1001, 1008, or 3000 to 4999 for your own.
            reason: The reason for the client, at most 123 bytes of UTF-8; the rest is dropped.

        Raises:
            ValueError: The code is invalid.
        """
        frames.check_code(code)
        if self._client is not None:
            self._client.close_when_idle(code, reason)

    def detach(self) -> None:
        """Drop the socket, which is disconnected."""
        self._client = None

    def session_saved(self, session: Session) -> None:
        """Update the user."""
        self._owner.session_saved(self, session)
