"""The endpoints of the sample application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from actionhero import hookimpl
from actionhero_websocket import Endpoint

if TYPE_CHECKING:
    from actionhero_websocket import EndpointSocket


async def echo(socket: EndpointSocket) -> None:
    """Send each message back."""
    async for message in socket:
        await socket.send(message)


async def fail(socket: EndpointSocket) -> None:
    """Raise an exception on the first message."""
    await socket.receive()
    raise RuntimeError("expected Traceback")


async def once(socket: EndpointSocket) -> None:
    """Return after the first message."""
    await socket.receive()


@hookimpl
def actionhero_websocket_endpoints() -> list[Endpoint]:
    conflict = (
        [Endpoint(os.environ["SOCKETAPP_CONFLICT"], echo)]
        if "SOCKETAPP_CONFLICT" in os.environ
        else []
    )
    return [Endpoint("/echo", echo), Endpoint("/fail", fail), Endpoint("/once", once), *conflict]
