"""The greeting as a caller meets it."""

from __future__ import annotations

import pytest

from actionhero import InvalidInput
from actionhero.testing import running_app
from actionhero_hello import plugin


async def test_someone_is_greeted_by_name() -> None:
    """Whoever says a name is greeted with it."""
    async with running_app(plugin) as app:
        caller = app.connect()

        greeting = await caller.call("hello", name="Ada")

        assert greeting == {"greeting": "Hello, Ada!"}


@pytest.mark.parametrize("name", ["A", "Ж" * 80, "Ada Lovelace", "<script>", "名前"])
async def test_any_name_of_1_to_80_characters_will_do(name: str) -> None:
    """A name is text: whatever it is made of, it comes back as it was given."""
    async with running_app(plugin) as app:
        caller = app.connect()

        greeting = await caller.call("hello", name=name)

        assert greeting == {"greeting": f"Hello, {name}!"}


async def test_without_a_name_nobody_is_greeted() -> None:
    """A caller who forgets the name is told which input is missing."""
    async with running_app(plugin) as app:
        caller = app.connect()

        with pytest.raises(InvalidInput, match="Missing required param: name") as raised:
            await caller.call("hello")

        assert raised.value.key == "name"


@pytest.mark.parametrize("name", ["", "A" * 81])
async def test_an_empty_or_an_endless_name_is_refused(name: str) -> None:
    """A name has 1 to 80 characters; any other is refused, and the input named."""
    async with running_app(plugin) as app:
        caller = app.connect()

        with pytest.raises(InvalidInput) as raised:
            await caller.call("hello", name=name)

        assert raised.value.key == "name"


def test_the_action_is_open_to_doors_that_the_plugin_does_not_know() -> None:
    """The route is plain data on the action: an HTTP server finds it, and none is needed."""
    [action] = plugin.actionhero_actions()

    assert action.name == "hello"
    assert vars(action)["web"] == "GET /hello"
