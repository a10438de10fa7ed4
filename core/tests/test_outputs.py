"""What an action returns, as JSON and as a schema."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel, Field, computed_field

from actionhero import json
from actionhero.inputs.output_schema import OutputSchema
from actionhero.json import encode


class Item(BaseModel):
    name: str = Field(serialization_alias="title")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        return len(self.name)


class View(TypedDict):
    items: list[Item]
    at: datetime.date


def test_nothing_is_told_as_an_empty_object() -> None:
    """An action that returns nothing answers all the same."""
    assert encode(None) == b"{}"


def test_a_model_is_told_in_its_own_way() -> None:
    """Aliases and computed fields are the model's business."""
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
def test_plain_values_are_told_compactly(value: Any, expected: bytes) -> None:
    """No byte is spent on looks."""
    assert encode(value) == expected


def test_models_and_dates_inside_of_a_value_are_told_too() -> None:
    """What pydantic can write down may stand anywhere in the value."""
    value = {"items": [Item(name="pen")], "at": datetime.date(2026, 1, 2)}

    told = json.loads(encode(value))

    assert told == {"items": [{"title": "pen", "length": 3}], "at": "2026-01-02"}


def test_what_has_no_json_is_refused_by_its_type() -> None:
    """The message names the type of what cannot be written."""
    with pytest.raises(TypeError, match="object"):
        encode({"a": object()})


def test_the_schema_of_an_answer_is_that_of_what_is_sent() -> None:
    """Aliases and computed fields are in it, as a client sees them."""
    schema = OutputSchema(Item).json_schema()

    assert set(schema["properties"]) == {"title", "length"}


def test_a_typed_dictionary_has_a_schema() -> None:
    """The cheapest way to say what is returned is documented like any other."""
    schema = OutputSchema(View).json_schema(ref_template="#/components/schemas/{model}")

    assert schema["properties"]["items"] == {
        "items": {"$ref": "#/components/schemas/Item"},
        "title": "Items",
        "type": "array",
    }
    assert schema["required"] == ["items", "at"]


class Strange:
    pass


@pytest.mark.parametrize("annotation", [None, Any, Strange, AsyncIterator[Strange]])
def test_what_may_be_anything_has_an_empty_schema(annotation: Any) -> None:
    """No annotation, or a door's own kind of answer: nothing is promised."""
    assert OutputSchema(annotation).json_schema() == {}
