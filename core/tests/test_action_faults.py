"""Error messages of invalid actions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest

from actionhero import Action, Cookie, Field, Header, Inputs, Middleware, PluginError
from actionhero.action import ActionRegistry, RegisteredAction
from actionhero.testing import running_app

if TYPE_CHECKING:
    from actionhero import Call
    from actionhero.connection import Connection as Unimportable


class Person(Inputs):
    name: str


class Greet(Action):
    """Greet someone by name.

    The rest is for API documents.
    """

    name = "greet"

    async def run(self, inputs: Person, call: Call) -> dict[str, str]:
        return {"greeting": f"Hello, {inputs.name}!"}


def register(action: type[Action]) -> RegisteredAction:
    return RegisteredAction(action, "plugin 'party'")


def fault_of(action: type[Action]) -> str:
    """Return the error of an invalid action when the application loads."""
    with pytest.raises(PluginError) as raised:
        register(action)
    return str(raised.value)


def test_an_action_without_a_name_is_refused() -> None:
    """The message has the place and an example."""

    class Nameless(Action):
        async def run(self) -> None: ...

    fault = fault_of(Nameless)

    assert "Nameless" in fault
    assert f"{__file__}:" in fault
    assert fault.endswith("plugin 'party') has no name; set name = 'noun:verb' on the class")


@pytest.mark.parametrize("action_name", ["a b", "größe", "a/b", "--help", "a\n"])
def test_invalid_names_are_refused(action_name: str) -> None:
    """Names are typed on command lines and used in paths."""

    class Odd(Action):
        name = action_name

        async def run(self) -> None: ...

    fault = fault_of(Odd)

    assert f"has the name {action_name!r}; use ASCII letters, digits and ':._-' only" in fault
    assert fault.endswith("a letter or digit first")


def test_an_action_without_an_async_run_is_refused() -> None:
    """`run` is missing, or is not `async`."""

    class Idle(Action):
        name = "idle"

    class Sync(Action):
        name = "sync"

        def run(self, call: Call) -> None: ...  # type: ignore[override]

    message = "has no 'async def run'; write async def run(self, inputs, call)"
    assert fault_of(Idle).endswith(message)
    assert fault_of(Sync).endswith(
        "has 'def run'; write 'async def run', and call blocking code by "
        "'await asyncio.to_thread(…)'"
    )


def test_unsupported_parameters_of_run_are_refused() -> None:
    """Each message has the signature, the parameter and the remedy."""

    class Anything(Action):
        name = "anything"

        async def run(self, *args: Any) -> None: ...

    class Keywords(Action):
        name = "keywords"

        async def run(self, **kwargs: Any) -> None: ...

    class Positional(Action):
        name = "positional"

        async def run(self, id: int, /) -> None: ...

    class Private(Action):
        name = "private"

        async def run(self, _id: int) -> None: ...

    class Untyped(Action):
        name = "untyped"

        async def run(self, id) -> None: ...  # type: ignore[no-untyped-def]

    class Twice(Action):
        name = "twice"

        async def run(self, inputs: Person, name: str) -> None: ...

    class Beside(Action):
        name = "beside"

        async def run(self, inputs: dict[str, int], id: int) -> None: ...

    class Shadow(Action):
        name = "shadow"

        async def run(self, model_config: int) -> None: ...

    class Unknown(Action):
        name = "unknown"

        async def run(self, id: Unimportable) -> None: ...

    for action, fault in (
        (
            Anything,
            "has run(self, *args: 'Any') -> 'None' with '*args: 'Any'', which names no input",
        ),
        (
            Keywords,
            "with '**kwargs: 'Any'', which names no input; declare each input as a parameter",
        ),
        (Positional, "with 'id' before '/'; inputs are passed by name, so leave the '/' out"),
        (Private, "with '_id'; the name of an input cannot start with an underscore"),
        (Untyped, "with 'id' without annotation; declare its type, as in 'id: str'"),
        (Twice, "takes 'name', which is a field of Person already; remove one of them"),
        (Beside, "takes 'id' beside inputs of dict[str, int]; only a pydantic model can have more"),
        (Shadow, "takes model_config, which cannot be fields of its inputs: "),
        (Unknown, "annotates id as 'Unimportable', and name 'Unimportable' is not defined"),
    ):
        assert fault in fault_of(action)


def test_inputs_imported_for_type_checking_only_are_refused() -> None:
    """The annotation of `inputs` is the schema, so it is needed at run time."""

    class Hidden(Action):
        name = "hidden"

        async def run(self, inputs: Unimportable, call: Call) -> None: ...

    fault = fault_of(Hidden)

    assert "annotates inputs as 'Unimportable', and name 'Unimportable' is not defined" in fault
    assert "import that name outside of TYPE_CHECKING: it is needed at run time" in fault


def test_a_syntax_error_in_an_annotation_is_refused() -> None:
    """The message names the action."""

    class Slip(Action):
        name = "slip"

        async def run(self, inputs: Person, call: Call) -> None: ...

    Slip.run.__annotations__["inputs"] = "Person["

    assert "annotates inputs as 'Person[', and" in fault_of(Slip)


def test_inputs_that_cannot_be_validated_are_refused() -> None:
    """A class without a pydantic schema is not allowed."""

    class Strange:
        pass

    class Odd(Action):
        name = "odd"

        async def run(self, inputs: Strange, call: Call) -> None: ...

    assert "which cannot be validated: Unable to generate pydantic-core schema" in fault_of(Odd)


@pytest.mark.parametrize("value", [10, 0.5, "10s"])
def test_a_timeout_has_a_unit(value: Any) -> None:
    """A number has no unit, so it is refused."""

    class Limited(Action):
        name = "limited"
        timeout = value

        async def run(self) -> None: ...

    assert f"has timeout = {value!r}; write timeout = timedelta(seconds=…)" in fault_of(Limited)


def test_a_negative_timeout_is_refused() -> None:
    """The message explains zero."""

    class Limited(Action):
        name = "limited"
        timeout = timedelta(seconds=-1)

        async def run(self) -> None: ...

    assert "which is below zero; zero means no limit" in fault_of(Limited)


def test_middleware_is_a_list_of_instances() -> None:
    """A class, or an instance without a list, is refused."""

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


def test_actions_with_constructor_arguments_are_refused() -> None:
    """The message recommends `call.get`."""

    class Needy(Action):
        name = "needy"

        def __init__(self, pool: object) -> None: ...

        async def run(self) -> None: ...

    fault = fault_of(Needy)

    assert "cannot be created without arguments: TypeError:" in fault
    assert fault.endswith("get resources by call.get in run")


def test_duplicate_names_are_refused() -> None:
    """The message has the places and plugins of both."""

    class Again(Action):
        name = "greet"

        async def run(self) -> None: ...

    registry = ActionRegistry()
    registry.add(register(Greet))

    with pytest.raises(PluginError) as raised:
        registry.add(RegisteredAction(Again, "plugin 'wake'"))

    message = str(raised.value)
    assert message.startswith(f"two actions are called 'greet': Greet ({__file__}:")
    assert "plugin 'party') and " in message
    assert message.endswith(
        "plugin 'wake'); rename one, give one another version, or disable one of the plugins"
    )


async def test_all_errors_of_all_actions_are_reported_at_once() -> None:
    """One start shows everything to fix."""

    class Nameless(Action):
        async def run(self) -> None: ...

    class Idle(Action):
        name = "idle"

    with pytest.raises(PluginError) as raised:
        async with running_app(Nameless, Idle, Greet):
            pass

    messages = str(raised.value).splitlines()
    assert len(messages) == 2
    assert "has no name" in messages[0]
    assert "action 'idle'" in messages[1]
    assert "has no 'async def run'" in messages[1]


class Agent(Inputs):
    kind: Literal["agent"] = "agent"
    user: Annotated[str, Header("X-User")] = "none"


class Guest(Inputs):
    kind: Literal["guest"] = "guest"


class Nesting(Inputs):
    agents: list[Agent] = []


class Family(Inputs):
    user: Annotated[str, Header()] = "none"
    children: list[Family] = []


NESTED = (
    "the field 'user' of Agent with Header('X-User'), which nothing reads there, as Agent is "
    "nested or in a union; declare it as a parameter of run, 'user: Annotated[…, Header('X-User')]'"
)
IN_A_UNION = f"{NESTED}, and what is now 'inputs' as one with another name"


@pytest.mark.parametrize(
    ("type_", "fault"),
    [
        (Nesting, NESTED),
        (Agent | Guest, IN_A_UNION),
        (Annotated[Agent | Guest, Field(discriminator="kind")], IN_A_UNION),
        (Family, NESTED.replace("Agent", "Family").replace("'X-User'", "")),
    ],
)
def test_headers_of_nested_inputs_are_refused(type_: Any, fault: str) -> None:
    """Nothing would read them, and the body would set the field in their place."""

    class Odd(Action):
        name = "odd"

        async def run(self, inputs: Any) -> None: ...

    Odd.run.__annotations__["inputs"] = type_

    assert fault_of(Odd).endswith(f"plugin 'party') has {fault}")


@pytest.mark.parametrize(
    ("type_", "source"),
    [
        (list[Annotated[str, Header("X-L")]], "Header('X-L')"),
        (Annotated[int, Cookie()] | str, "Cookie()"),
        (dict[str, list[Annotated[int, Header()]] | None], "Header()"),
        (Annotated[str, Header("X-A"), Cookie("b")], "Cookie('b')"),
    ],
)
def test_headers_inside_of_a_type_are_refused(type_: Any, source: str) -> None:
    """A header is the source of a whole input."""

    class Odd(Action):
        name = "odd"

        async def run(self, value: Any) -> None: ...

    Odd.run.__annotations__["value"] = type_

    assert fault_of(Odd).endswith(
        f"has the input 'value' with {source} at a part of its type, where nothing reads it; "
        f"write 'value: Annotated[…, {source}]' around the whole type"
    )
