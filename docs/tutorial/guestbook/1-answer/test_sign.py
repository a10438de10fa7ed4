"""The guest book as a guest meets it."""

from __future__ import annotations

import pytest

from actionhero import InvalidInput
from actionhero.testing import running_app
from guestbook.sign import Sign


@pytest.mark.asyncio
async def test_an_entry_is_signed_and_counted() -> None:
    """Who writes finds the entry with their name, and its words counted."""
    async with running_app(Sign) as app:
        entry = await app.call("guestbook:sign", name="Ada", text="What a view!")

        assert entry == {"entry": "What a view! (Ada)", "words": 3}


@pytest.mark.asyncio
async def test_nobody_writes_without_a_name() -> None:
    """Who leaves the name out is told so."""
    async with running_app(Sign) as app:
        with pytest.raises(InvalidInput, match="Missing required param: name"):
            await app.call("guestbook:sign", text="What a view!")
