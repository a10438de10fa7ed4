"""The contributions of this application to ActionHero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero_websocket import Endpoint, EndpointSocket


async def echo(socket: EndpointSocket) -> None:
    """Send every message back."""
    async for message in socket:
        await socket.send(message)


@hookimpl
def actionhero_websocket_endpoints() -> list[Endpoint]:
    from actionhero_websocket import Endpoint

    return [Endpoint("/echo", echo)]
