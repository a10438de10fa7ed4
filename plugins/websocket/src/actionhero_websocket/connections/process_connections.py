"""`ProcessConnections`: the live connections of this process, their users and listeners."""

from __future__ import annotations

import os
from socket import gethostname
from typing import TYPE_CHECKING, Protocol, TypeVar

from actionhero.transport import new_identifier
from actionhero_websocket.connections.gate import ConnectGate
from actionhero_websocket.connections.listener import load_listeners
from actionhero_websocket.connections.local_connections import LocalConnections
from actionhero_websocket.connections.notifier import ConnectionNotifier
from actionhero_websocket.connections.registration import Registration
from actionhero_websocket.connections.user_resolver import UserResolver
from actionhero_websocket.protocol import frames
from actionhero_websocket.settings import WebSocketSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from actionhero import Application, Connection, Session
    from actionhero_websocket.connections.directory import ConnectionDirectory
    from actionhero_websocket.connections.live_connection import LiveConnection
    from actionhero_websocket.protocol.socket import Socket

Resource = TypeVar("Resource")


class SessionOwner(Protocol):
    """The registry of sessions, as this module uses it."""

    async def load_session(self, connection: Connection) -> Session:
        """Return the session of a connection."""

    def clean_up(self, cleanup: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the cleanup of a disconnected client in a task."""


class ProcessConnections:
    """The live connections of this process, their users and listeners.

    Args:
        app: The application.
        sessions: Loads sessions, and runs cleanups.
    """

    def __init__(self, app: Application, sessions: SessionOwner) -> None:
        settings = app.get(WebSocketSettings)
        self.local = LocalConnections()
        self._app = app
        self._sessions = sessions
        self._notifier = ConnectionNotifier(load_listeners(app), app.pipeline)
        self._connect_seconds = settings.connect_timeout.total_seconds()
        self._users = UserResolver(app.pipeline, self.load_session, self._set_user)
        self.registration = Registration(
            self.local,
            self._users,
            new_process_id(),
            settings.connection_heartbeat.total_seconds(),
        )

    def start(self, directory: ConnectionDirectory | None) -> None:
        """Write the connections to a directory; `None` if this is the only process."""
        self.registration.directory = directory

    # -- for sockets ---------------------------------------------------------------------------

    def gate(self, socket: Socket, connection: LiveConnection) -> ConnectGate | None:
        """Return the first protocol of a new connection; `None` without listeners."""
        if not self._notifier.listeners:
            return None
        return ConnectGate(
            socket, connection, self._notifier, self._resolve_user, self._add, self._connect_seconds
        )

    def open(self, connection: LiveConnection) -> None:
        """Add a connection, unless the listeners must accept it first."""
        if not self._notifier.listeners:
            self._add(connection)
            if self._users.is_needed(connection):
                self.request_user(connection)

    def close(self, connection: LiveConnection, code: int | None) -> None:
        """Remove a connection whose client is disconnected."""
        connection.detach()
        self._users.discard(connection)
        if self.local.remove(connection):
            self.registration.change(connection)
        if self._notifier.is_notified(connection):
            code = frames.ABNORMAL if code is None else code
            self._sessions.clean_up(lambda: self._notifier.disconnect(connection, code))

    def session_revoked(self, session_id: str | None) -> None:
        """Load the users again whose session has ended; `None`: any may have ended."""
        # A load of an unknown user may have read the session before.
        signed_in = (*self.local.signed_in(), *self._notifier.connecting, *self._users.unknown)
        for connection in signed_in:
            # A session that this connection has destroyed is detached from it.
            if session_id is None or connection.session_id in (session_id, "", None):
                self.request_user(connection)

    def request_user(self, connection: LiveConnection) -> None:
        """Load the user of a connection whose session or credentials have changed."""
        self._users.request(connection)
        self.registration.wake()

    # -- for connections -----------------------------------------------------------------------

    def get(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`."""
        return self._app.get(type_)

    async def load_session(self, connection: Connection) -> Session:
        """Return the session of a connection."""
        return await self._sessions.load_session(connection)

    def session_saved(self, connection: LiveConnection, session: Session) -> None:
        """Update the user of a connection."""
        known = None if connection in self._users.unknown else connection.user_json
        self._users.update(connection, session)
        if connection.is_open and connection.user_json not in ("", known):
            # The session may have ended since it was written.
            self.request_user(connection)

    # -- users ---------------------------------------------------------------------------------

    def _add(self, connection: LiveConnection) -> None:
        self.local.add(connection)
        self.registration.change(connection)

    async def _resolve_user(self, connection: LiveConnection) -> None:
        if self._users.is_needed(connection):
            await self._users.resolve_now(connection)

    def _set_user(self, connection: LiveConnection, user: str) -> None:
        if self.local.set_user(connection, user) and self.local.get(connection.id) is connection:
            self.registration.change(connection)


def new_process_id() -> str:
    """Return a unique name of this process, which contains the host and the process id."""
    host = "".join(c if c.isalnum() or c in "-." else "-" for c in gethostname())[:64]
    return f"{host}-{os.getpid()}-{new_identifier()[-12:]}"
