"""The endpoints of the sample application."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from actionhero import hookimpl
from actionhero_websocket import ConnectionListener, Endpoint

if TYPE_CHECKING:
    from actionhero_websocket import EndpointSocket, LiveConnection


async def echo(socket: EndpointSocket) -> None:
    """Send each message back."""
    async for message in socket:
        await socket.send(message)


async def slow_echo(socket: EndpointSocket) -> None:
    """Send each message back, after the event loop has done something else."""
    async for message in socket:
        for _ in range(10):
            await asyncio.sleep(0)
        await socket.send(message)


async def silent(socket: EndpointSocket) -> None:
    """Receive nothing."""
    await asyncio.Event().wait()


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
    return [
        Endpoint("/echo", echo),
        Endpoint("/fast-echo", echo, messages_per_second=0),
        Endpoint("/slow-echo", slow_echo),
        Endpoint("/silent", silent),
        Endpoint("/fail", fail),
        Endpoint("/once", once),
        *conflict,
    ]


@hookimpl
def actionhero_websocket_listeners() -> list[ConnectionListener]:
    class First(ConnectionListener):
        async def on_connect(self, connection: LiveConnection) -> None:
            print(f"first connected {connection.raw.query}", file=sys.stderr, flush=True)

        async def on_disconnect(self, connection: LiveConnection, code: int) -> None:
            print(f"last disconnected {connection.raw.query}", file=sys.stderr, flush=True)

    return [First()] if "SOCKETAPP_LISTENERS" in os.environ else []
