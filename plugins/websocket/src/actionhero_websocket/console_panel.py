"""The panel Connections of the console: the live connections of all processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import Field, Inputs, InvalidInput
from actionhero_console import Change, Panel, PanelContext, parse_user, user_text
from actionhero_websocket.connections.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_websocket.connections.connection_info import ConnectionInfo

_ASSETS: Final = Path(__file__).parent / "assets"
#: How many connections are listed at once.
PAGE: Final = 100
#: How many channels of a connection are listed; the others are counted.
MAX_CHANNELS: Final = 5


class ListInputs(Inputs):
    """The connections to list."""

    #: A user, as `parse_user` reads it; empty: all connections.
    user: str = Field(default="", max_length=500)
    #: The last connection of the previous page.
    after: str = Field(default="", max_length=100)


class ConnectionInputs(Inputs):
    """A connection."""

    id: str = Field(min_length=1, max_length=100)


class UserInputs(Inputs):
    """A user, as `parse_user` reads it."""

    user: str = Field(min_length=1, max_length=500)


class ChannelsInputs(Inputs):
    """Connections, of which a process knows its own."""

    ids: list[str] = Field(max_length=PAGE)


def connections_panel(app: Application) -> Panel:
    """Return the panel."""

    def channels(inputs: ChannelsInputs) -> dict[str, Any]:
        live = app.get(Connections).live if app.has(Connections) else None
        if live is None:
            return {}
        own = [connection for id in inputs.ids if (connection := live.local.get(id)) is not None]
        return {connection.id: _shortened(connection.subscriptions or ()) for connection in own}

    return Panel(
        "connections",
        "Connections",
        order=36,
        reads={"list": list_connections},
        changes={
            "close": Change(
                close_connection, target="connection {id}", confirm="Close this connection?"
            ),
            "close_all": Change(
                close_connections, target="all connections of user {user}",
                confirm="Close all connections of user {user}?",
            ),
        },
        answers={"channels": channels},
        assets=_ASSETS,
    )  # fmt: skip


async def list_connections(inputs: ListInputs, context: PanelContext) -> dict[str, Any]:
    """Return live connections with their channels, the oldest first."""
    registry = context.app.get(Connections)
    user = parse_user(inputs.user)
    connections = await registry.list(user, limit=PAGE + 1, after=inputs.after or None)
    page = connections[:PAGE]
    answers = await context.ask("channels", ids=[info.id for info in page])
    channels: dict[str, Any] = {}
    for value in answers.values:
        channels |= value
    return {
        "connections": [_row(info, channels.get(info.id)) for info in page],
        "next": page[-1].id if len(connections) > PAGE else "",
        "count": await registry.count(user),
        "missing": answers.unanswered,
        "asked": answers.asked_ms,
        "only_this_process": answers.only_this_process,
    }


async def close_connection(inputs: ConnectionInputs, context: PanelContext) -> dict[str, bool]:
    """Close a connection."""
    return {"closed": await context.app.get(Connections).close(inputs.id)}


async def close_connections(inputs: UserInputs, context: PanelContext) -> dict[str, int]:
    """Close all connections of a user."""
    user = parse_user(inputs.user)
    if user is None:
        raise InvalidInput("it names no user", key="user")
    return {"closed": await context.app.get(Connections).close_user(user)}


def _row(info: ConnectionInfo, channels: Any) -> dict[str, Any]:
    return {
        "id": info.id,
        "user": user_text(info.user),
        "remote": info.remote,
        "transport": info.transport,
        "since_ms": int(info.since.timestamp() * 1000),
        "process": info.process,
        # Unknown if its process did not answer.
        "channels": channels,
    }


def _shortened(channels: set[str] | Sequence[str]) -> dict[str, Any]:
    return {"count": len(channels), "names": sorted(channels)[:MAX_CHANNELS]}
