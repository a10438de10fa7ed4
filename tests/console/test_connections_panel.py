"""The panel Connections of the console."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, WSMsgType
from plugins.console.tests.conftest import OPERATORS, console_site

from actionhero import Action, Call, hookimpl
from actionhero_channels import Channel
from actionhero_channels import plugin as channels_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_websocket import console_panel
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse
    from plugins.console.tests.conftest import Site

SCRIPT = "<script>alert(1)</script>"


class SignIn(Action):
    """Sign in."""

    name = "sign:in"
    websocket = True

    async def run(self, user: str, call: Call) -> None:
        await call.session.regenerate()
        call.session["userId"] = user


class Room(Channel):
    """The messages of a room."""

    name = "room:{id}"


class Rooms:
    """The plugin of the channel."""

    @hookimpl(optionalhook=True)
    def actionhero_channels(self) -> list[type[Channel]]:
        return [Room]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A running application with sockets and a console."""
    plugins = (sessions_plugin, channels_plugin, websocket_plugin, Rooms(), SignIn)
    async with console_site(*plugins, operators=OPERATORS) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """A client for sockets."""
    async with ClientSession() as session:
        yield session


async def connect(http: ClientSession, site: Site, user: str = "") -> ClientWebSocketResponse:
    """Return a connected socket."""
    socket = await http.ws_connect(f"{site.origin}/ws")
    if user:
        await send(socket, messageType="action", action="sign:in", params={"user": user})
    return socket


async def send(socket: ClientWebSocketResponse, **message: Any) -> dict[str, Any]:
    """Send a message, and return the response."""
    await socket.send_json({"messageId": 1, **message})
    response: dict[str, Any] = await socket.receive_json(timeout=5)
    assert "error" not in response, response
    return response


async def close_code(socket: ClientWebSocketResponse) -> Any:
    """Return the code with which the server closes a socket."""
    message = await socket.receive(timeout=5)
    assert message.type is WSMsgType.CLOSE
    return message.data


async def test_connections_are_listed_and_closed(site: Site, http: ClientSession) -> None:
    """With their users and channels; those of a user by an operator, all at once."""
    sockets = [await connect(http, site, user) for user in ("", SCRIPT, "7", "7")]
    for number in range(7):
        await send(sockets[0], messageType="subscribe", channel=f"room:{number}")
    await site.sign_in("eve")
    shown = await site.read("connections.list")
    of_user = await site.read("connections.list", json.dumps({"user": '"7"'}))
    # Those of one millisecond have any order.
    rows = sorted(shown["connections"], key=lambda row: row["user"])
    one = next(row for row in rows if row["user"] == SCRIPT)
    refused = await site.change("connections/close", json={"id": one["id"]})
    site.client.cookies.clear()
    await site.sign_in("bob")
    closed = await site.change("connections/close", json={"id": one["id"]})
    closed_code = await close_code(sockets[1])
    all_closed = await site.change("connections/close_all", json={"user": '"7"'})
    codes = [await close_code(socket) for socket in sockets[2:]]
    anonymous = await site.change("connections/close_all", json={"user": "null"})
    audited = [entry for entry in await site.audit() if entry.get("panel") == "connections"]

    assert [row["user"] for row in rows] == ["", '"7"', '"7"', SCRIPT]
    assert {(row["remote"], row["transport"]) for row in rows} == {("127.0.0.1", "websocket")}
    assert rows[0]["channels"] == {"count": 7, "names": [f"room:{number}" for number in range(5)]}
    assert (shown["count"], shown["next"], shown["only_this_process"]) == (4, "", True)
    assert {row["id"] for row in of_user["connections"]} == {row["id"] for row in rows[1:3]}
    assert refused.status_code == 403
    assert closed.json()["value"] == {"closed": True}
    assert all_closed.json()["value"] == {"closed": 2}
    assert (closed_code, codes) == (1008, [1008, 1008])
    assert anonymous.status_code == 422
    assert {(entry["target"], entry["outcome"]) for entry in audited} == {
        (f"connection {one['id']}", "begun"), (f"connection {one['id']}", "success"),
        ('all connections of user "7"', "begun"), ('all connections of user "7"', "success"),
        ("all connections of user null", "begun"), ("all connections of user null", "failure"),
    }  # fmt: skip


async def test_connections_are_paged(
    site: Site, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of a page begins the next one."""
    monkeypatch.setattr(console_panel, "PAGE", 2)
    sockets = await asyncio.gather(*(connect(http, site) for _ in range(3)))
    await site.sign_in("eve")

    first = await site.read("connections.list")
    second = await site.read("connections.list", json.dumps({"after": first["next"]}))

    assert [len(first["connections"]), len(second["connections"])] == [2, 1]
    assert first["next"] == first["connections"][-1]["id"]
    assert second["next"] == ""
    assert first["count"] == second["count"] == len(sockets)
