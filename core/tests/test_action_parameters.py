"""Parameters of `run` that are fields of the inputs."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from actionhero import Action, Call, Field, Header, InvalidInput, Secret
from actionhero.action import RegisteredAction
from actionhero.inputs.payloads import MixedPayload
from actionhero.testing import running_app


class Show(Action):
    """Show a record."""

    name = "show"

    async def run(self, id: int, verbose: bool = False, *, call: Call) -> dict[str, Any]:
        return {"id": id, "verbose": verbose, "action": call.action.name}


class Edit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=2, alias="fullName")
    tags: list[str] = []

    @model_validator(mode="after")
    def validate_tags(self) -> Edit:
        if "bad" in self.tags:
            raise ValueError("bad tag")
        return self


class Update(Action):
    """Change a record."""

    name = "update"

    async def run(
        self,
        call: Call,
        id: Annotated[int, Field(ge=1, description="The number of the record.")],
        inputs: Edit,
        token: Annotated[Secret[str], Header("X-Token")] = "",
        limit: int = Field(default=10, le=100),
    ) -> dict[str, Any]:
        assert isinstance(inputs, Edit)
        return {"id": id, "name": inputs.name, "limit": limit, "token": token}


class Names(Action):
    """Take names that models use for methods."""

    name = "names"

    async def run(self, json: int, copy: str = "c", schema: list[int] = []) -> dict[str, Any]:  # noqa: B006
        schema.append(json)
        return {"json": json, "copy": copy, "schema": schema}


class Reversed(Action):
    name = "reversed"

    async def run(self, call: Call, inputs: Edit) -> str:
        return f"{inputs.name}{call.action.name}"


class Outer(Action):
    name = "outer"

    async def run(self, call: Call, values: dict[str, Any]) -> Any:
        return await call.run(Show, values)


async def test_parameters_are_inputs() -> None:
    """Converted, with defaults, and passed by name."""
    async with running_app(Show, Update, Names, Reversed) as app:
        assert await app.call("show", id="7") == {"id": 7, "verbose": False, "action": "show"}
        assert await app.call("update", id=1, fullName="Ada", token="t") == {
            "id": 1,
            "name": "Ada",
            "limit": 10,
            "token": "t",
        }
        for _ in range(2):
            assert await app.call("names", json=1) == {"json": 1, "copy": "c", "schema": [1]}
        assert await app.call("reversed", fullName="Ada") == "Adareversed"


@pytest.mark.parametrize(
    ("inputs", "pointer"),
    [
        ({}, "/id"),
        ({"id": "x"}, "/id"),
        ({"id": 0, "fullName": "Ada"}, "/id"),
        ({"id": 1, "fullName": "A"}, "/fullName"),
        ({"id": 1, "fullName": "Ada", "limit": 101}, "/limit"),
        ({"id": 1, "fullName": "Ada", "more": 1}, "/more"),
        ({"id": 1, "fullName": "Ada", "tags": ["bad"]}, ""),
    ],
)
async def test_parameters_and_inputs_are_one_schema(inputs: dict[str, Any], pointer: str) -> None:
    """The constraints, the configuration and the validators of both apply."""
    async with running_app(Update) as app:
        with pytest.raises(InvalidInput) as raised:
            await app.call("update", **inputs)

    assert pointer in [problem.pointer for problem in raised.value.problems]


def test_parameters_describe_the_inputs() -> None:
    """For documents, options and logs; secrets included."""
    schema = RegisteredAction(Update, "test").inputs

    fields = {field.name: field for field in schema.fields}
    assert fields["id"].description == "The number of the record."
    assert fields["id"].required
    assert fields["limit"].default == 10
    assert fields["token"].secret
    assert schema.header_names == {"X-Token"}
    document = schema.json_schema()
    assert document["required"] == ["fullName", "id"]
    assert document["properties"]["limit"]["maximum"] == 100
    values = schema.from_json(b'{"id": 1, "fullName": "Ada", "token": "hunter2"}')
    assert schema.redact(values)["token"] == "[redacted]"


def test_a_path_parameter_beside_a_body_is_a_parameter() -> None:
    """The usual request of an update."""
    schema = RegisteredAction(Update, "test").inputs

    inputs = MixedPayload({"id": ["7"]}, b'{"id": 8, "fullName": "Ada"}', {}).parse(schema)

    assert (inputs.id, inputs.name) == (7, "Ada")


async def test_actions_with_parameters_are_called_with_mappings() -> None:
    """Which are validated, also from another action."""
    async with running_app(Show, Outer) as app:
        assert (await app.connect().run(Show, {"id": 5}))["id"] == 5
        assert (await app.call("outer", values={"id": "5"}))["id"] == 5
        with pytest.raises(InvalidInput):
            await app.call("outer", values={"id": "x"})
        with pytest.raises(InvalidInput):
            await app.connect().run(Show, {"id": 5, "more": 1})


async def test_mappings_for_models_are_validated() -> None:
    """`run` never receives a mapping in the place of a model."""
    async with running_app(Reversed) as app:
        assert await app.connect().run(Reversed, {"fullName": "Ada"}) == "Adareversed"
        assert await app.connect().run(Reversed, Edit(fullName="Ada")) == "Adareversed"


class Place(TypedDict):
    """A typed dictionary of `typing`, which pydantic refuses before Python 3.12."""

    x: int
    name: NotRequired[str]


def test_parameters_may_be_typed_dictionaries() -> None:
    class Move(Action):
        name = "move"

        async def run(self, place: Place, places: list[Place]) -> None: ...

    schema = RegisteredAction(Move, "plugin 'test'").inputs

    inputs = schema.from_json(b'{"place": {"x": 1}, "places": [{"x": 2, "name": "b"}]}')

    assert (inputs.place, inputs.places) == ({"x": 1}, [{"x": 2, "name": "b"}])
