"""Tests of the guest book."""

from __future__ import annotations

import aiohttp
import pytest

from actionhero import InvalidInput, NotFound
from actionhero.testing import Caller


async def test_entry_is_stored(caller: Caller) -> None:
    """A new entry can be read."""
    entry = await caller.call("guestbook:sign", name="Ada", text="A nice view!")

    assert await caller.call("guestbook:show", id=entry["id"]) == entry


async def test_newest_entry_comes_first(caller: Caller) -> None:
    """Entries are listed in descending order."""
    for name in ("Ada", "Grace"):
        await caller.call("guestbook:sign", name=name, text="Hello")

    page = await caller.call("guestbook:list", limit=1)

    assert [entry["name"] for entry in page["entries"]] == ["Grace"]
    assert page["pagination"] == {"page": 1, "limit": 1, "total": 2, "pages": 2}


async def test_sign_requires_a_name(caller: Caller) -> None:
    """A call without a name is rejected, and nothing is stored."""
    with pytest.raises(InvalidInput, match="Missing required param: name"):
        await caller.call("guestbook:sign", text="A nice view!")

    assert (await caller.call("guestbook:list"))["entries"] == []


async def test_missing_entry_is_not_found(caller: Caller, http: aiohttp.ClientSession) -> None:
    """The error is an exception in a test, and a status over HTTP."""
    with pytest.raises(NotFound, match="Entry 7 not found"):
        await caller.call("guestbook:show", id=7)

    async with http.get("/api/entries/7") as response:
        assert response.status == 404
