"""An endpoint that the tests speak with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from actionhero import hookimpl
from actionhero_websocket import Endpoint

if TYPE_CHECKING:
    from actionhero_websocket import EndpointSocket


async def echo(socket: EndpointSocket) -> None:
    """Say whatever was heard."""
    async for message in socket:
        await socket.send(message)


async def fail(socket: EndpointSocket) -> None:
    """Fail at the first message."""
    await socket.receive()
    raise RuntimeError("expected Traceback")


async def once(socket: EndpointSocket) -> None:
    """Hear one message, and hang up."""
    await socket.receive()


@hookimpl
def actionhero_websocket_endpoints() -> list[Endpoint]:
    clash = (
        [Endpoint(os.environ["SOCKETAPP_CLASH"], echo)] if "SOCKETAPP_CLASH" in os.environ else []
    )
    return [Endpoint("/echo", echo), Endpoint("/fail", fail), Endpoint("/once", once), *clash]
