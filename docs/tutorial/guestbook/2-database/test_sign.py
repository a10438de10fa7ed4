"""The guest book as a guest meets it."""

from __future__ import annotations

import aiohttp
import pytest

from actionhero import InvalidInput, NotFound
from actionhero.testing import Caller


async def test_an_entry_is_kept(caller: Caller) -> None:
    """Who has written finds the entry in the book."""
    entry = await caller.call("guestbook:sign", name="Ada", text="What a view!")

    assert await caller.call("guestbook:show", id=entry["id"]) == entry


async def test_the_newest_entry_comes_first(caller: Caller) -> None:
    """Who reads sees what was written last."""
    for name in ("Ada", "Grace"):
        await caller.call("guestbook:sign", name=name, text="Hello")

    page = await caller.call("guestbook:list", limit=1)

    assert [entry["name"] for entry in page["entries"]] == ["Grace"]
    assert page["pagination"] == {"page": 1, "limit": 1, "total": 2, "pages": 2}


async def test_nobody_writes_without_a_name(caller: Caller) -> None:
    """Who leaves the name out is told so, and nothing is kept."""
    with pytest.raises(InvalidInput, match="Missing required param: name"):
        await caller.call("guestbook:sign", text="What a view!")

    assert (await caller.call("guestbook:list"))["entries"] == []


async def test_what_is_not_there_is_not_found(caller: Caller, http: aiohttp.ClientSession) -> None:
    """The same failure is an error in a test, and a status over HTTP."""
    with pytest.raises(NotFound, match="There is no entry 7"):
        await caller.call("guestbook:show", id=7)

    async with http.get("/api/entries/7") as answer:
        assert answer.status == 404
