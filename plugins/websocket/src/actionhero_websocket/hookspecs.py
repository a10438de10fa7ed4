"""The hooks of the WebSocket server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_websocket.connections.listener import ConnectionListener
    from actionhero_websocket.endpoint import Endpoint


@hookspec
def actionhero_websocket_endpoints(app: Application) -> Sequence[Endpoint] | None:
    """Return endpoints for sockets with their own protocol.

    Called once, when the server is created. These sockets have the same handshake, limits, pings
    and shutdown as all others; their messages are the plugin's own.

    Args:
        app: The application; a handler gets resources by `app.get`.

    Returns:
        Endpoints: a complete path, and a coroutine function that handles each socket opened at it.

    Order:
        Plugins in the order of registration. Two endpoints with one path are an error that names
        both plugins.

    Example:
        ```python
        async def echo(socket):
            async for message in socket:
                await socket.send(message)


        @hookimpl
        def actionhero_websocket_endpoints():
            return [Endpoint("/echo", echo)]
        ```
    """


@hookspec
def actionhero_websocket_listeners(app: Application) -> Sequence[ConnectionListener] | None:
    """Return listeners, which are called when clients connect and disconnect.

    Called once, when the server is created. The listeners of the application itself are
    discovered without it.

    Args:
        app: The application.

    Returns:
        Instances of `ConnectionListener`.

    Order:
        Plugins in the order of registration, then the application: `on_connect` in this order,
        `on_disconnect` in reverse.

    Example:
        ```python
        @hookimpl
        def actionhero_websocket_listeners():
            from audit.listeners import Audit

            return [Audit()]
        ```
    """
