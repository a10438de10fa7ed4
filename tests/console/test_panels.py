"""The panels that other packages add to the console."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from plugins.console.tests.conftest import OPERATORS, console_site

from actionhero import Action, Call, ServiceUnavailable, Session, hookimpl
from actionhero.transport import dumps
from actionhero_channels import Channel, Channels, Subscription, live_messages
from actionhero_channels import plugin as channels_plugin
from actionhero_channels.channels import ChannelSnapshot
from actionhero_channels.testing import RecordingSubscriber
from actionhero_console.console import Console
from actionhero_sessions import plugin as sessions_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from plugins.console.tests.conftest import Site

SCRIPT = "<script>alert(1)</script>"


class SignIn(Action):
    """Sign in."""

    name = "sign:in"
    web = "PUT /session"

    async def run(self, user: int, call: Call) -> None:
        await call.session.regenerate()
        call.session["userId"] = user
        call.session[SCRIPT] = "a secret value"


class Room(Channel):
    """The messages of a room."""

    name = "room:{id}"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return SCRIPT


class Rooms:
    """The plugin of the channel."""

    @hookimpl(optionalhook=True)
    def actionhero_channels(self) -> list[type[Channel]]:
        return [Room]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A running application with sessions, channels and a console."""
    async with console_site(
        sessions_plugin, channels_plugin, Rooms(), SignIn, operators=OPERATORS
    ) as running:
        yield running


async def sign_users_in(site: Site) -> None:
    """Create two sessions of user 7, and one of user 8."""
    for user in (7, 7, 8):
        response = await site.client.put("/api/session", json={"user": user})
        assert response.status_code == 200
        site.client.cookies.clear()


async def test_sessions_of_a_user_are_ended(site: Site) -> None:
    """By an operator; a viewer only sees them, without identifiers and values."""
    await sign_users_in(site)
    await site.sign_in("eve")
    shown = await site.read("sessions.list", '{"user": "7"}')
    handle = shown["sessions"][0]["handle"]
    inputs = {"user": "7", "handle": handle}
    refused = await site.change("sessions/end", json=inputs)
    site.client.cookies.clear()
    await site.sign_in("bob")
    ended = await site.change("sessions/end", json=inputs)
    rest = await site.read("sessions.list", '{"user": "7"}')
    all_ended = await site.change("sessions/end_all", json={"user": "7"})
    other = await site.change("sessions/end_all", json={"user": '"8"'})
    none = await site.change("sessions/end_all", json={"user": "null"})

    assert [each["keys"] for each in shown["sessions"]] == [[SCRIPT, "userId"]] * 2
    assert "a secret value" not in repr(shown)
    assert refused.status_code == 403
    assert ended.json()["value"] == {"ended": True}
    assert len(rest["sessions"]) == 1
    assert all_ended.json()["value"] == {"ended": 1}
    # The user `"8"` is a text, and not the number.
    assert other.json()["value"] == {"ended": 0}
    assert none.status_code == 422
    assert await site.read("sessions.count") == {"count": 1, "is_complete": True}
    assert await site.read("sessions.list", '{"user": ""}') == {"user": "", "sessions": []}


async def test_channels_are_listed_with_their_subscribers(site: Site) -> None:
    """And an admin broadcasts to them."""
    channels = site.app.app.get(Channels)
    subscriber = RecordingSubscriber()
    await channels.subscribe(subscriber, "room:7", session=Session())
    await site.sign_in("ada")
    message = json.dumps({"text": SCRIPT, "id": 2**53 + 1})
    sent = await site.change("channels/broadcast", json={"channel": "room:7", "message": message})
    unknown = await site.change("channels/broadcast", json={"channel": "nowhere", "message": "1"})
    shown = await site.read("channels.list")
    members = await site.read("channels.members", '{"channel": "room:7"}')

    assert sent.status_code == 200
    assert unknown.status_code == 422
    [room] = shown["channels"]
    assert (room["name"], room["subscribers"], room["broadcasts"]) == ("room:{id}", 1, 1)
    assert room["open"] == [{"name": "room:7", "subscribers": 1}]
    assert shown["only_this_process"]
    assert members == {"channel": "room:7", "count": 1, "members": [SCRIPT]}
    audited: list[dict[str, Any]] = await site.audit()
    assert {entry.get("target") for entry in audited} >= {"channel room:7", "channel nowhere"}


async def test_the_answer_of_a_process_with_many_channels_is_limited(site: Site) -> None:
    """The largest ones are listed, and all are counted."""
    channels = site.app.app.get(Channels)
    opened = {f"room:{number}": 1 for number in range(100_000)} | {"room:large": 9}
    snapshot = ChannelSnapshot("room:{id}", 100_008, 0, 0, opened)
    channels.snapshot = lambda: [snapshot]
    await site.sign_in("eve")

    answers = await site.app.app.get(Console).processes.ask("channels.snapshot", {})
    [room] = (await site.read("channels.list"))["channels"]

    assert len(dumps(answers.values)) < 1024 * 1024 / 10
    assert room["open_count"] == 100_001
    assert (room["open"][0], len(room["open"])) == ({"name": "room:large", "subscribers": 9}, 100)


async def test_a_broadcast_is_for_admins(site: Site) -> None:
    """An operator is refused by the server."""
    await site.sign_in("bob")

    refused = await site.change("channels/broadcast", json={"channel": "room:7", "message": "1"})

    assert refused.status_code == 403


async def test_live_messages_are_for_admins(site: Site) -> None:
    """From the first read until a while after the last one, without being a subscriber."""
    channels = site.app.app.get(Channels)
    await site.sign_in("bob")
    refused = await site.read("channels.messages", '{"channel": "room:7"}')
    assert channels.live_messages.channels == []
    site.client.cookies.clear()
    await site.sign_in("ada")
    first = await site.read("channels.messages", '{"channel": "room:7"}')
    for number in range(3):
        await channels.broadcast("room:7", {"text": SCRIPT, "number": number}, sender="user:1")
    await channels.broadcast("room:8", "another room")
    subscriber = RecordingSubscriber()
    await channels.subscribe(subscriber, "room:7", session=Session())
    await channels.broadcast("room:7", "x" * 5000)
    await subscriber.wait_for(deliveries=1)
    second = await site.read("channels.messages", '{"channel": "room:7"}')
    after = {"channel": "room:7", "after": {second["view"]: 3}}
    third = await site.read("channels.messages", json.dumps(after))
    unknown = await site.read("channels.messages", '{"channel": "nowhere"}')
    listed = await site.read("channels.list")

    assert refused["message"] == "It needs the role admin; you are operator"
    assert (first["messages"], first["last"]) == ([], 0)
    assert [(each["sender"], each["text"]) for each in second["messages"][:3]] == [
        ("user:1", f'{{"text":"{SCRIPT}","number":{number}}}') for number in range(3)
    ]
    assert (second["last"], second["left_out"], second["gaps"]) == (4, 0, 0)
    assert [each["text"] for each in third["messages"]] == ['"' + "x" * 1999 + "…"]
    assert "There is no channel 'nowhere'" in unknown["message"]
    [room] = listed["channels"]
    assert room["open"] == [{"name": "room:7", "subscribers": 1}]


async def test_a_channel_is_received_while_it_is_viewed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is that of the last viewer, and of the process; there is a maximum of channels."""
    monkeypatch.setattr(live_messages, "MAX_VIEWS", 1)
    channels = site.app.app.get(Channels)
    view = await channels.live_messages.read("room:7", {})
    with pytest.raises(ServiceUnavailable, match="Operators view 1 channels"):
        await channels.live_messages.read("room:8", {})
    monkeypatch.setattr(live_messages, "IDLE_SECONDS", 0.01)
    again = await channels.live_messages.read("room:7", {})
    [task] = [each.task for each in channels.live_messages._views.values()]
    await asyncio.wait_for(task, 5)
    other = await channels.live_messages.read("room:8", {})

    assert again["view"] == view["view"] != other["view"]
    assert channels.live_messages.channels == ["room:8"]
    assert channels.subscriber_counts == {"room:8": 0}


async def test_many_messages_are_counted_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest are returned, and all bytes of the stored ones are limited."""
    monkeypatch.setattr(live_messages, "MAX_BYTES", 1000)
    channels = site.app.app.get(Channels)
    subscriber = RecordingSubscriber()
    await channels.subscribe(subscriber, "room:7", session=Session())
    await channels.broadcast("room:7", 0)
    await channels.live_messages.read("room:7", {})
    for number in range(30):
        await channels.broadcast("room:7", number)
    await subscriber.wait_for(deliveries=31)
    shown = await channels.live_messages.read("room:7", {})
    rest = await channels.live_messages.read("room:7", {shown["view"]: 1})

    texts = [each["text"] for each in shown["messages"]]
    assert 5 < len(texts) < 20
    assert texts[-1] == "29"
    assert rest["left_out"] == 30 - 1 - len(texts)
