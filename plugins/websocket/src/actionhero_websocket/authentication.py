"""`SocketAuthentication`: the messages by which clients without headers send credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from actionhero import Conflict, Credentials, ErrorType, TypedError
from actionhero.transport import ends_task, new_identifier, request_id
from actionhero_websocket import messages

if TYPE_CHECKING:
    import asyncio

    from actionhero_websocket.connections.live_connection import LiveConnection
    from actionhero_websocket.session_registry import SessionRegistry

#: The scheme of a message without one.
DEFAULT_SCHEME: Final = "bearer"
#: A token (RFC 9110 §5.6.2), of a limited length.
_SCHEME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")


class AuthenticatingSession(Protocol):
    """The socket of a client, as this module uses it."""

    connection: LiveConnection
    registry: SessionRegistry

    def send_error(self, id: Any, error: TypedError) -> None:
        """Send the error response to a message."""

    def send_text(self, body: bytes) -> None:
        """Send a message."""

    def end_if_idle(self) -> None:
        """Close the socket, if it waits for the answers to the messages before."""


class SocketAuthentication:
    """Authenticates one socket: browsers cannot set headers of a handshake.

    The calls after the message have its credentials, and are checked by themselves; the response
    reports the principal.

    Args:
        session: The socket.
    """

    def __init__(self, session: AuthenticatingSession) -> None:
        self._session = session
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a message is not answered yet."""
        return self._task is not None

    def submit(self, id: Any, message: dict[str, Any]) -> None:
        """Handle a message.

        Args:
            id: Its `messageId`, or `NO_ID`.
            message: The message, with `token` and perhaps `scheme`.

        Raises:
            TypedError: It is malformed, or another one is being handled.
        """
        if self.is_running:
            raise Conflict("Another authentication of this connection is running")
        connection = self._session.connection
        previous = connection.credentials
        connection.credentials = _credentials(message)
        registry = self._session.registry
        self._task = registry.loop.create_task(self._authenticate(id, previous))

    def cancel(self) -> None:
        """Cancel the authentication: the client is disconnected."""
        if self._task is not None:
            self._task.cancel()

    async def _authenticate(self, id: Any, previous: Credentials | None) -> None:
        session = self._session
        connection, registry = session.connection, session.registry
        credentials = connection.credentials
        # In the context of this task.
        request_id.set(new_identifier())
        try:
            principal = await registry.pipeline.identify(connection)
            assert principal is not None  # noqa: S101 - the connection has credentials
        except BaseException as error:
            connection.credentials = previous
            if ends_task(error):
                raise
            outcome = registry.pipeline.error_outcome("authenticating a connection", error)
            if outcome.error is not None:
                session.send_error(id, outcome.error)
        else:
            # A call of `principal` may have taken long enough for the client to sign out.
            if connection.credentials is credentials:
                registry.live.request_user(connection)
            session.send_text(messages.authenticated(id, principal))
        finally:
            self._task = None
            session.end_if_idle()


def _credentials(message: dict[str, Any]) -> Credentials:
    token, scheme = message.get("token"), message.get("scheme", DEFAULT_SCHEME)
    for name, value in (("token", token), ("scheme", scheme)):
        if not isinstance(value, str) or not value:
            raise TypedError(f"Invalid {name}: send a text", type=ErrorType.ACTION_RUN)
    if not _SCHEME.fullmatch(scheme):
        # It is in the audit log.
        raise TypedError("Invalid scheme: send a name such as bearer", type=ErrorType.ACTION_RUN)
    return Credentials(str(scheme).lower(), str(token))
