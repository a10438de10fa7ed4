"""Registered actions: their names, descriptions, schemas and registry."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncIterator  # noqa: TC003 - resolved at run time
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypedDict

import pydantic
import pytest

from actionhero import Action, Field, Inputs, InvalidInput, Middleware, Secret
from actionhero.action import ActionRegistry, RegisteredAction
from actionhero.errors import ActionNotFound, PluginError
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

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


def test_registered_actions_have_name_description_and_types() -> None:
    """Listings and transports use them without a call."""
    action = register(Greet)

    assert action.name == "greet"
    assert action.description == "Greet someone by name.\n\nThe rest is for API documents."
    assert action.summary == "Greet someone by name."
    assert action.inputs_type is Person
    assert action.output_type == dict[str, str]
    assert action.signature.names == ("inputs", "call")
    assert not action.streams
    assert action.owner == "plugin 'party'"
    path, _, line = action.source.rpartition(":")
    assert path == __file__
    assert line.isdigit()
    assert repr(action) == "<action 'greet' of plugin 'party'>"


def test_description_takes_precedence_over_the_docstring() -> None:
    """The text for clients may differ from that for programmers."""

    class Described(Action):
        """For the programmer."""

        name = "described"
        description = "For the caller."

        async def run(self) -> None: ...

    assert register(Described).description == "For the caller."


def test_the_description_is_not_inherited() -> None:
    """A class without a docstring has an empty description."""

    class Silent(Action):
        name = "silent"

        async def run(self) -> None: ...

    class Child(Greet):
        name = "child"

    assert register(Silent).description == ""
    assert register(Child).summary == ""


def test_attributes_of_plugins_are_returned_unchanged() -> None:
    """Core does not interpret them."""

    class Opened(Action):
        name = "opened"
        web: ClassVar = {"method": "GET", "path": "/opened"}

        async def run(self) -> None: ...

    assert register(Opened).attribute("web") == {"method": "GET", "path": "/opened"}
    assert register(Opened).attribute("task") is None


@pytest.mark.parametrize("action_name", ["status", "user:create", "v1.report_daily-2"])
def test_usual_names_are_accepted(action_name: str) -> None:
    """Nouns and verbs, versions, dashes and underscores."""

    class Usual(Action):
        name = action_name

        async def run(self) -> None: ...

    assert register(Usual).name == action_name


def test_the_type_of_the_result_must_be_importable() -> None:
    """Without its type, undeclared data would leave."""

    class Quiet(Action):
        name = "quiet"

        async def run(self, inputs: Person, call: Call) -> Unimportable:
            raise NotImplementedError

    with pytest.raises(PluginError, match=r"annotates its result as 'Unimportable'.*TYPE_CHECKING"):
        register(Quiet)


def test_types_of_call_and_streams_may_be_imported_for_type_checking_only() -> None:
    """The type of `call` is not resolved, and the abstract collections are known."""

    class Counts(Action):
        name = "counts"

        async def run(self, inputs: Person, call: Unimportable) -> AsyncGenerator[int]:
            yield 1

    action = register(Counts)

    assert action.inputs_type is Person
    assert action.outputs.type is int
    assert action.outputs.json_schema() == {"type": "integer"}


def test_actions_are_listed_by_name() -> None:
    """The order does not depend on that of registration."""

    class Early(Action):
        name = "early"

        async def run(self) -> None: ...

    registry = ActionRegistry()
    registry.add(register(Greet))
    registry.add(register(Early))

    assert [action.name for action in registry] == ["early", "greet"]
    assert len(registry) == 2
    assert "greet" in registry
    assert registry.find("greet") is registry.of_type(Greet)
    with pytest.raises(ActionNotFound) as raised:
        registry.find("grete")
    assert raised.value.message == "Action not found: grete; did you mean 'greet'?"
    with pytest.raises(ActionNotFound, match=r"^Action not found: zzz$"):
        registry.find("zzz")


async def test_inputs_defined_in_a_function_are_resolved() -> None:
    """With postponed annotations, as in a test."""

    class Local(Inputs):
        color: str

    class Paint(Action):
        name = "paint"

        async def run(self, inputs: Local, call: Call) -> str:
            return inputs.color

    async with running_app(Paint) as app:
        assert await app.call("paint", color="red") == "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Filter(TypedDict, total=False):
    words: list[str]
    key: Secret[str]


class PlainModel(pydantic.BaseModel):
    name: Annotated[str, Field(min_length=2)]


async def test_inputs_may_be_any_type_that_pydantic_supports() -> None:
    """A dataclass, a typed dictionary, another model, or any mapping."""

    class WithDataclass(Action):
        name = "dataclass"

        async def run(self, inputs: Point) -> int:
            return inputs.x + inputs.y

    class WithTypedDict(Action):
        name = "typed-dict"

        async def run(self, inputs: Filter, call: Call) -> list[str]:
            return inputs.get("words", [])

    class WithModel(Action):
        name = "model"

        async def run(self, inputs: PlainModel, call: Call) -> str:
            return inputs.name

    class WithAnything(Action):
        name = "anything"

        async def run(self, inputs: dict[str, Any], call: Call) -> dict[str, Any]:
            return inputs

    actions = (WithDataclass, WithTypedDict, WithModel, WithAnything)
    async with running_app(*actions) as app:
        assert await app.call("dataclass", x=1, y=2) == 3
        assert await app.call("typed-dict", words=["a"]) == ["a"]
        assert await app.call("model", name="Ada") == "Ada"
        assert await app.call("anything", of="everything") == {"of": "everything"}
        for name, wrong in (("dataclass", "z"), ("typed-dict", "wrds"), ("model", "nam")):
            with pytest.raises(InvalidInput) as raised:
                await app.call(name, **{wrong: 1})
            assert "extra_forbidden" in {problem.type for problem in raised.value.problems}


async def test_run_may_omit_inputs_and_call() -> None:
    """Unknown inputs are still refused."""

    class Neither(Action):
        name = "neither"

        async def run(self) -> str:
            return "alone"

    class OnlyInputs(Action):
        name = "inputs"

        async def run(self, inputs: Person) -> str:
            return inputs.name

    async with running_app(Neither, OnlyInputs) as app:
        assert await app.call("neither") == "alone"
        assert await app.call("inputs", name="Ada") == "Ada"
        with pytest.raises(InvalidInput, match=r"Unknown param: color \(available: none\)"):
            await app.call("neither", color="red")


async def test_annotations_of_a_decorated_run_are_resolved_in_its_own_module() -> None:
    """The module of the decorator does not matter."""

    def counted(run: Any) -> Any:
        @functools.wraps(run)
        async def counting(*args: Any) -> Any:
            return await run(*args)

        return counting

    class Decorated(Action):
        name = "decorated"

        @counted
        async def run(self, inputs: Person, call: Call) -> str:
            return inputs.name

    async with running_app(Decorated) as app:
        assert await app.call("decorated", name="Ada") == "Ada"


async def test_async_generators_are_streams() -> None:
    """Transports send their items as they come."""

    class Streams(Action):
        name = "streams"

        async def run(self) -> AsyncIterator[int]:
            yield 1

    assert register(Streams).streams


async def test_middleware_and_run_are_inherited() -> None:
    """A base class may define both for many actions."""
    seen: list[str] = []

    class Note(Middleware):
        async def before(self, call: Call) -> None:
            seen.append(call.action.name)

    class _Base(Action):
        middleware = [Note()]

        async def run(self, inputs: Person, call: Call) -> str:
            return f"{call.action.name} {inputs.name}"

    class One(_Base):
        name = "one"

    class Two(_Base):
        name = "two"

    async with running_app(One, Two) as app:
        assert await app.call("one", name="Ada") == "one Ada"
        assert await app.call("two", name="Ada") == "two Ada"
    assert seen == ["one", "two"]
