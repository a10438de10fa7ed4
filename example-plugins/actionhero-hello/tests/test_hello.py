"""The action `hello`, from the view of a caller."""

from __future__ import annotations

import pytest

from actionhero import InvalidInput
from actionhero.testing import running_app
from actionhero_hello import plugin


async def test_someone_is_greeted_by_name() -> None:
    """The greeting contains the name."""
    async with running_app(plugin) as app:
        caller = app.connect()

        greeting = await caller.call("hello", name="Ada")

        assert greeting == {"greeting": "Hello, Ada!"}


@pytest.mark.parametrize("name", ["A", "Ж" * 80, "Ada Lovelace", "<script>", "名前"])
async def test_names_of_1_to_80_characters_are_valid(name: str) -> None:
    """A name is any text, and is returned unchanged."""
    async with running_app(plugin) as app:
        caller = app.connect()

        greeting = await caller.call("hello", name=name)

        assert greeting == {"greeting": f"Hello, {name}!"}


async def test_a_missing_name_is_an_input_error() -> None:
    """The error names the missing input."""
    async with running_app(plugin) as app:
        caller = app.connect()

        with pytest.raises(InvalidInput, match="Missing required param: name") as raised:
            await caller.call("hello")

        assert raised.value.key == "name"


@pytest.mark.parametrize("name", ["", "A" * 81])
async def test_empty_and_long_names_are_input_errors(name: str) -> None:
    """A name has 1 to 80 characters; the error names the input."""
    async with running_app(plugin) as app:
        caller = app.connect()

        with pytest.raises(InvalidInput) as raised:
            await caller.call("hello", name=name)

        assert raised.value.key == "name"


def test_the_route_is_plain_data() -> None:
    """An HTTP server finds the route on the action, and the plugin imports none."""
    [action] = plugin.actionhero_actions()

    assert action.name == "hello"
    assert vars(action)["web"] == "GET /hello"
