"""`ConnectionListener`, the base class of an author's listeners, and `load_listeners`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_websocket.connections.live_connection import LiveConnection


class ConnectionListener:
    """Base class of listeners to connections. Subclasses are discovered like actions.

    ```python
    class Audit(ConnectionListener):
        async def on_connect(self, connection: LiveConnection) -> None:
            if connection.user is None:
                raise SignInRequired

        async def on_disconnect(self, connection: LiveConnection, code: int) -> None:
            await connection.get(AuditLog).write("disconnected", connection.user)
    ```

    One instance serves all connections concurrently.
    """

    async def on_connect(self, connection: LiveConnection) -> None:
        """Handle a new connection. Its messages wait until all listeners have returned.

        An unexpected exception is logged, and the connection stays open.

        Raises:
            TypedError: To refuse the connection: it is closed with 1008 and the message as reason;
                with 1013 for `ServiceUnavailable`.
        """

    async def on_disconnect(self, connection: LiveConnection, code: int) -> None:
        """Handle the end of a connection, if `on_connect` of this listener has returned.

        Exceptions are logged.

        Args:
            connection: The connection; messages to it are dropped.
            code: The close code: that of the client, or ours; 1006 without a close frame.
        """


class RegisteredListener(NamedTuple):
    """A listener and its origin."""

    listener: ConnectionListener
    #: Its class and the plugin that provides it, for the log.
    description: str


def load_listeners(app: Application) -> list[RegisteredListener]:
    """Return the listeners of an application: those of plugins, then its own."""
    listeners = [
        (plugin.owner, listener)
        for plugin, listener in app.plugins.collect(
            "actionhero_websocket_listeners", ConnectionListener, app=app
        )
    ]
    listed = {type(listener) for _, listener in listeners}
    listeners += [
        ("the application", type_())
        for type_ in app.components(ConnectionListener)
        if type_ not in listed
    ]
    return [
        RegisteredListener(
            listener, f"{type(listener).__module__}.{type(listener).__qualname__} ({owner})"
        )
        for owner, listener in listeners
    ]
