"""Tests of the live updates."""

from __future__ import annotations

from actionhero.testing import Caller
from actionhero_channels.testing import CapturedBroadcast
from actionhero_websocket.client import Client


async def test_subscribers_receive_new_entries(websocket: Client, caller: Caller) -> None:
    """An entry that is added over any transport is broadcast to WebSocket clients."""
    async with websocket.subscribe("entries") as messages:
        await caller.call("guestbook:sign", name="Ada", text="A nice view!")
        message = await anext(messages)

    assert message.sender == "Ada"
    assert message.message["text"] == "A nice view!"


async def test_rejected_entries_are_not_broadcast(
    caller: Caller, broadcasts: list[CapturedBroadcast]
) -> None:
    """An entry that fails validation is not broadcast."""
    await caller.outcome("guestbook:sign", name="", text="A nice view!")

    assert broadcasts == []
