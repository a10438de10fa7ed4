"""What a plugin may contribute to the WebSocket door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_websocket.endpoint import Endpoint

hookspec = pluggy.HookspecMarker("actionhero")


@hookspec
def actionhero_websocket_endpoints(app: Application) -> Sequence[Endpoint] | None:
    """Endpoints for sockets that speak something else than our messages.

    Called once, when the server is put together. Such a socket shares the handshake, the limits,
    the pings and the end of all others; what is said over it is the plugin's own.

    Args:
        app: The application; what serves the sockets reaches what it provides by `app.get`.

    Returns:
        Endpoints: a path, whole, and a coroutine function that owns each socket that comes in
        there.

    Order:
        Plugins in the order in which they were registered. Two for one path are an error that
        names both plugins.

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
