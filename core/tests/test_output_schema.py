"""Results of actions, as JSON and as a schema."""

from __future__ import annotations

import datetime
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel, Field, computed_field

from actionhero import json
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
