"""Tests of the guest book."""

from __future__ import annotations

import pytest

from actionhero import InvalidInput
from actionhero.testing import running_app
from guestbook.sign import Sign


async def test_sign_returns_entry_and_word_count() -> None:
    """The result has the author's name and the number of words."""
    async with running_app(Sign) as app:
        entry = await app.call("guestbook:sign", name="Ada", text="A nice view!")

        assert entry == {"entry": "A nice view! (Ada)", "words": 3}


async def test_sign_requires_a_name() -> None:
    """A call without a name is rejected."""
    async with running_app(Sign) as app:
        with pytest.raises(InvalidInput, match="Missing required param: name"):
            await app.call("guestbook:sign", text="A nice view!")
