"""The guest book as somebody sees it who reads along."""

from __future__ import annotations

from actionhero.testing import Caller
from actionhero_channels.testing import Said
from actionhero_websocket.client import Client


async def test_who_follows_hears_of_an_entry(websocket: Client, caller: Caller) -> None:
    """An entry reaches a reader over a socket, whichever door it came in by."""
    async with websocket.subscribe("entries") as messages:
        await caller.call("guestbook:sign", name="Ada", text="What a view!")
        heard = [await anext(messages) for _ in range(2)]

    assert [message.sender for message in heard] == ["presence", "Ada"]
    assert heard[1].message["text"] == "What a view!"


async def test_what_is_not_kept_is_not_told(caller: Caller, broadcasts: list[Said]) -> None:
    """Nobody hears of an entry that was refused."""
    await caller.outcome("guestbook:sign", name="", text="What a view!")

    assert broadcasts == []
