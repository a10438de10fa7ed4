"""What is said of an action that cannot be one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Inputs, Middleware, PluginError
from actionhero.action import ActionRegistry, RegisteredAction
from actionhero.testing import running_app

if TYPE_CHECKING:
    from actionhero import Call
    from actionhero.connection import Connection as Unimportable


class Person(Inputs):
    name: str


class Greet(Action):
    """Greet someone by name.

    The rest is for documents.
    """

    name = "greet"

    async def run(self, inputs: Person, call: Call) -> dict[str, str]:
        return {"greeting": f"Hello, {inputs.name}!"}


def register(action: type[Action]) -> RegisteredAction:
    return RegisteredAction(action, "plugin 'party'")


def fault_of(action: type[Action]) -> str:
    """Return what is said of a wrong action when the application loads."""
    with pytest.raises(PluginError) as raised:
        register(action)
    return str(raised.value)


def test_an_action_without_a_name_is_refused() -> None:
    """The message shows what to write, and where."""

    class Nameless(Action):
        async def run(self) -> None: ...

    fault = fault_of(Nameless)

    assert "Nameless" in fault
    assert f"{__file__}:" in fault
    assert fault.endswith("plugin 'party') has no name; set name = 'noun:verb' on the class")


@pytest.mark.parametrize("given", ["a b", "größe", "a/b", "--help", "a\n"])
def test_a_name_that_a_door_could_not_spell_is_refused(given: str) -> None:
    """A name is typed into shells and written into paths."""

    class Odd(Action):
        name = given

        async def run(self) -> None: ...

    fault = fault_of(Odd)

    assert f"has the name {given!r}; use ASCII letters, digits and ':._-' only" in fault
    assert fault.endswith("a letter or digit first")


def test_an_action_that_does_not_run_is_refused() -> None:
    """`run` is missing, or is written without `async`."""

    class Idle(Action):
        name = "idle"

    class Sync(Action):
        name = "sync"

        def run(self, call: Call) -> None: ...

    told = "has no 'async def run'; write async def run(self, inputs, call)"
    assert fault_of(Idle).endswith(told)
    assert fault_of(Sync).endswith(told)


def test_run_takes_inputs_and_call_and_nothing_else() -> None:
    """Other parameters, another order or another kind would fail at the first call."""

    class Extra(Action):
        name = "extra"

        async def run(self, inputs: Person, call: Call, color: str) -> None: ...

    class Turned(Action):
        name = "turned"

        async def run(self, call: Call, inputs: Person) -> None: ...

    class Keywords(Action):
        name = "keywords"

        async def run(self, *, inputs: Person) -> None: ...

    class Anything(Action):
        name = "anything"

        async def run(self, *args: Any, **kwargs: Any) -> None: ...

    told = "it is called with 'inputs' and 'call', in this order, and either may be left out"
    for action, written in (
        (Extra, "run(self, inputs: 'Person', call: 'Call', color: 'str')"),
        (Turned, "run(self, call: 'Call', inputs: 'Person')"),
        (Keywords, "run(self, inputs: 'Person')"),
        (Anything, "run(self, *args: 'Any', **kwargs: 'Any')"),
    ):
        fault = fault_of(action)
        assert f"has {written}; {told}" in fault


def test_inputs_imported_for_type_checkers_alone_are_refused() -> None:
    """The annotation of `inputs` is the schema, so it is needed at run time."""

    class Hidden(Action):
        name = "hidden"

        async def run(self, inputs: Unimportable, call: Call) -> None: ...

    fault = fault_of(Hidden)

    assert "annotates inputs as 'Unimportable', and name 'Unimportable' is not defined" in fault
    assert "import that name outside of TYPE_CHECKING: it is needed at run time" in fault


def test_what_cannot_be_an_annotation_is_refused() -> None:
    """A slip in an annotation is told as that, and does not end the listing of the others."""

    class Slip(Action):
        name = "slip"

        async def run(self, inputs: Person, call: Call) -> None: ...

    Slip.run.__annotations__["inputs"] = "Person["

    assert "annotates inputs as 'Person[', and" in fault_of(Slip)


def test_inputs_that_cannot_be_validated_are_refused() -> None:
    """A class that pydantic knows nothing of is no schema."""

    class Strange:
        pass

    class Odd(Action):
        name = "odd"

        async def run(self, inputs: Strange, call: Call) -> None: ...

    assert "which cannot be validated: Unable to generate pydantic-core schema" in fault_of(Odd)


@pytest.mark.parametrize("given", [10, 0.5, "10s"])
def test_a_timeout_has_a_unit(given: Any) -> None:
    """A bare number is refused: nobody knows of what."""

    class Limited(Action):
        name = "limited"
        timeout = given

        async def run(self) -> None: ...

    assert f"has timeout = {given!r}; write timeout = timedelta(seconds=…)" in fault_of(Limited)


def test_a_timeout_below_zero_is_refused() -> None:
    """An action that is over before it began helps nobody."""

    class Limited(Action):
        name = "limited"
        timeout = timedelta(seconds=-1)

        async def run(self) -> None: ...

    assert "which is below zero; zero means no limit" in fault_of(Limited)


def test_middleware_is_a_list_of_instances() -> None:
    """The class instead of an instance, or one without its list, is told as that."""

    class Layered(Action):
        name = "layered"
        middleware = [Middleware]  # type: ignore[list-item]

        async def run(self) -> None: ...

    class Bare(Action):
        name = "bare"
        middleware = Middleware()  # type: ignore[assignment]

        async def run(self) -> None: ...

    assert "lists <class 'actionhero.middleware.Middleware'> as middleware, which is not an" in (
        fault_of(Layered)
    )
    assert "write a list, as in middleware = [SignedIn()]" in fault_of(Bare)


def test_an_action_is_made_without_arguments() -> None:
    """What it needs is reached by `call.get`, so its class takes nothing."""

    class Needy(Action):
        name = "needy"

        def __init__(self, pool: object) -> None: ...

        async def run(self) -> None: ...

    fault = fault_of(Needy)

    assert "cannot be made without arguments: TypeError:" in fault
    assert fault.endswith("reach what it needs by call.get in run")


def test_two_actions_of_one_name_are_refused() -> None:
    """The message names both, where they are, and who gave them."""

    class Again(Action):
        name = "greet"

        async def run(self) -> None: ...

    registry = ActionRegistry()
    registry.add(register(Greet))

    with pytest.raises(PluginError) as raised:
        registry.add(RegisteredAction(Again, "plugin 'wake'"))

    told = str(raised.value)
    assert told.startswith(f"two actions are called 'greet': Greet ({__file__}:")
    assert "plugin 'party') and " in told
    assert told.endswith("plugin 'wake'); rename one, or disable one of the plugins")


async def test_every_fault_of_every_action_is_told_at_once() -> None:
    """Whoever starts the application sees all that there is to mend."""

    class Nameless(Action):
        async def run(self) -> None: ...

    class Idle(Action):
        name = "idle"

    with pytest.raises(PluginError) as raised:
        async with running_app(Nameless, Idle, Greet):
            pass

    told = str(raised.value).splitlines()
    assert len(told) == 2
    assert "has no name" in told[0]
    assert "action 'idle'" in told[1]
    assert "has no 'async def run'" in told[1]
