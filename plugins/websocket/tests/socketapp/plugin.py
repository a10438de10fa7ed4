"""The endpoints of the sample application."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from actionhero import hookimpl
from actionhero_websocket import ConnectionListener, Endpoint

from .errors import fail  # noqa: TID252 - an application in itself

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


async def fail_on_message(socket: EndpointSocket) -> None:
    """Raise the exception that the first message names."""
    fail(str(await socket.receive()))


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
        Endpoint("/fail", fail_on_message),
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
