"""Results of actions, as JSON and as a schema."""

from __future__ import annotations

import datetime
from enum import Flag, IntFlag
from typing import Annotated, Any, Literal, TypedDict

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, Field, computed_field

from actionhero import json
from actionhero.inputs.schema import InputSchema
from actionhero.json import encode
from actionhero.outputs import OutputSchema


class Item(BaseModel):
    name: str = Field(serialization_alias="title")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        return len(self.name)


class View(TypedDict):
    items: list[Item]
    at: datetime.date


def test_none_is_encoded_as_an_empty_object() -> None:
    """An action without a result has a JSON response too."""
    assert encode(None) == b"{}"


def test_models_use_their_own_serializer() -> None:
    """With aliases and computed fields."""
    assert json.loads(encode(Item(name="pen"))) == {"title": "pen", "length": 3}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, None, True]}, b'{"a":[1,null,true]}'),
        ("text", b'"text"'),
        ([], b"[]"),
        (0, b"0"),
    ],
)
def test_values_are_encoded_without_white_space(value: Any, expected: bytes) -> None:
    """The encoding is compact."""
    assert encode(value) == expected


def test_nested_models_and_dates_are_encoded() -> None:
    """Pydantic types are allowed at any depth."""
    value = {"items": [Item(name="pen")], "at": datetime.date(2026, 1, 2)}

    decoded = json.loads(encode(value))

    assert decoded == {"items": [{"title": "pen", "length": 3}], "at": "2026-01-02"}


def test_unsupported_types_are_refused() -> None:
    """The message names the type."""
    with pytest.raises(TypeError, match="object"):
        encode({"a": object()})


def test_the_schema_describes_the_encoded_result() -> None:
    """With aliases and computed fields."""
    schema = OutputSchema(Item).json_schema()

    assert set(schema["properties"]) == {"title", "length"}


def test_a_typed_dictionary_has_a_schema() -> None:
    """The keys are documented like the fields of a model."""
    schema = OutputSchema(View).json_schema(ref_template="#/components/schemas/{model}")

    assert schema["properties"]["items"] == {
        "items": {"$ref": "#/components/schemas/Item"},
        "title": "Items",
        "type": "array",
    }
    assert schema["required"] == ["items", "at"]


class Strange:
    pass


@pytest.mark.parametrize("annotation", [None, Any, Strange])
def test_unknown_results_have_an_empty_schema(annotation: Any) -> None:
    """Without an annotation, or with a response type of a transport."""
    assert OutputSchema(annotation).json_schema() == {}


class Bits(Flag):
    READ = 1
    WRITE = 2


class Open(IntFlag):
    ONE = 1


class Permissions(BaseModel):
    bits: Bits = Bits.READ
    open: Open = Open.ONE


@pytest.mark.parametrize("schema_of", [InputSchema, OutputSchema])
def test_combinations_of_flags_have_the_schema(schema_of: Any) -> None:
    """Not only single members; of an `IntFlag`, any integer."""
    schema = schema_of(Permissions).json_schema()
    validator = Draft202012Validator(schema)

    assert validator.is_valid({"bits": 3, "open": 8})
    assert validator.is_valid({"bits": 0})
    assert not validator.is_valid({"bits": 4})
    assert not validator.is_valid({"bits": "READ"})


class Named(BaseModel):
    kind: Literal["$defs"]


class Black(BaseModel):
    kind: Literal["black"]
    pet: Literal["cat"]


class White(BaseModel):
    kind: Literal["white"]
    pet: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    pet: Literal["dog"]


Cat = Annotated[Black | White, Field(discriminator="kind")]


@pytest.mark.parametrize("schema_of", [InputSchema, OutputSchema])
def test_discriminators_have_references_only(schema_of: Any) -> None:
    """A nested union has none; pydantic fails at the tag `$defs`."""

    class Pets(BaseModel):
        pet: Annotated[Cat | Dog, Field(discriminator="pet")]
        item: Annotated[Named | Dog, Field(discriminator="kind")]
        other: Annotated[Black | Dog, Field(discriminator="kind")]

    properties = schema_of(Pets).json_schema()["properties"]

    assert [name for name in properties if "discriminator" in properties[name]] == ["other"]
    assert "discriminator" in properties["pet"]["oneOf"][0]
    assert len(properties["item"]["oneOf"]) == 2


@pytest.mark.parametrize("schema_of", [InputSchema, OutputSchema])
@pytest.mark.parametrize("default", [{"$defs": 1}, [{"$ref": "x"}]])
def test_defaults_with_the_keys_of_references_are_left_out(schema_of: Any, default: Any) -> None:
    """pydantic fails at them."""

    class Document(BaseModel):
        content: Any = default
        settings: Any = {"properties": 1}

    properties = schema_of(Document).json_schema()["properties"]

    assert "default" not in properties["content"]
    assert properties["settings"]["default"] == {"properties": 1}
