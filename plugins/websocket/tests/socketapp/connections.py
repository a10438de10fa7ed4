"""Actions that use the live connections, and listeners to them."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from actionhero import Action, Call, Forbidden, Inputs, ServiceUnavailable
from actionhero_websocket import (
    ConnectionListener,
    Connections,
    LiveConnection,
    WebSocketSettings,
)

from .errors import fail  # noqa: TID252 - an application in itself

if TYPE_CHECKING:
    from actionhero_websocket import ConnectionInfo


def log(text: str) -> None:
    """Write a line to stderr."""
    print(f"socketapp: {text}", file=sys.stderr, flush=True)


def facts(info: ConnectionInfo) -> dict[str, Any]:
    """Return a connection as JSON."""
    return {
        "id": info.id,
        "transport": info.transport,
        "remote": info.remote,
        "user": info.user,
        "since": info.since.timestamp(),
        "process": info.process,
    }


class Own(Action):
    """Return the id of the own connection."""

    name = "own"
    websocket = True

    async def run(self, call: Call) -> dict[str, str]:
        return {"id": call.connection.id}


class ListInputs(Inputs):
    user: Any = None
    limit: int = 100
    after: str | None = None


class List(Action):
    """List connections."""

    name = "connections:list"
    websocket = True

    async def run(self, inputs: ListInputs, call: Call) -> dict[str, Any]:
        connections = call.get(Connections)
        page = await connections.list(inputs.user, limit=inputs.limit, after=inputs.after)
        return {
            "connections": [facts(info) for info in page],
            "count": await connections.count(inputs.user),
        }


class TargetInputs(Inputs):
    id: str | None = None
    user: Any = None
    message: Any = None
    code: int = 1008
    reason: str = ""


class Get(Action):
    """Return a connection."""

    name = "connections:get"
    websocket = True

    async def run(self, inputs: TargetInputs, call: Call) -> dict[str, Any]:
        info = await call.get(Connections).get(inputs.id or "")
        return {"connection": info and facts(info)}


class Send(Action):
    """Send a message to a connection, or to those of a user."""

    name = "connections:send"
    websocket = True

    async def run(self, inputs: TargetInputs, call: Call) -> dict[str, Any]:
        connections = call.get(Connections)
        if inputs.id is not None:
            return {"sent": await connections.send(inputs.id, inputs.message)}
        return {"sent": await connections.send_to_user(inputs.user, inputs.message)}


class CloseItselfInputs(Inputs):
    waits: bool


class Close(Action):
    """Close a connection, or those of a user."""

    name = "connections:close"
    websocket = True

    async def run(self, inputs: TargetInputs, call: Call) -> dict[str, Any]:
        connections, code, reason = call.get(Connections), inputs.code, inputs.reason
        if inputs.id is not None:
            return {"closed": await connections.close(inputs.id, code, reason)}
        return {"closed": await connections.close_user(inputs.user, code, reason)}


class CloseItself(Action):
    """Close the connection of the call, in its first step or later."""

    name = "connections:close:itself"
    websocket = True

    async def run(self, inputs: CloseItselfInputs, call: Call) -> dict[str, Any]:
        if inputs.waits:
            await asyncio.sleep(0)
        assert isinstance(call.connection, LiveConnection)
        call.connection.close(4002, "Goodbye")
        return {"closed": True}


if "SOCKETAPP_LISTENERS" in os.environ:

    class ByQuery(ConnectionListener):
        """Handles a connection as its query asks for."""

        async def on_connect(self, connection: LiveConnection) -> None:
            query = connection.raw.query
            log(f"connecting {query}")
            connection.get(WebSocketSettings)
            if query == "forbidden":
                raise Forbidden("Not today")
            if query == "unavailable":
                raise ServiceUnavailable("Later")
            if query.startswith("fails="):
                fail(query.removeprefix("fails="))
            if query == "lost":
                raise ConnectionError("the database")
            if query == "hangs":
                await asyncio.Event().wait()
            if query == "cancelled":
                try:
                    await asyncio.Event().wait()
                finally:
                    log("cancelled cancelled")
            if query == "slow":
                await asyncio.sleep(0.2)
            if query == "closes":
                connection.close(4000, "Closed by a listener")
            if query == "greets":
                session = await connection.load_session()
                connection.send({"hello": connection.user, "session": dict(session)})
            log(f"connected {query}")

        async def on_disconnect(self, connection: LiveConnection, code: int) -> None:
            log(f"disconnected {connection.raw.query} {code} {connection.is_open}")
            if connection.raw.query.startswith("fails-later="):
                fail(connection.raw.query.removeprefix("fails-later="))
