"""Inputs in an object that the transport has parsed: as strict as JSON bytes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import pytest

from actionhero import Field, Inputs, InvalidInput, Secret, json
from actionhero.inputs.schema import InputSchema


class Plain(Inputs):
    """Types that are the same in JSON and in Python."""

    name: Annotated[str, Field(min_length=2)]
    age: int | None = None
    share: float = 0.5
    tags: list[str] = Field(default_factory=list)
    password: Secret[str] = ""


class Dated(Inputs):
    """A type that is text in JSON, and not in Python."""

    day: date
    count: int = 0


OBJECTS: list[dict[str, Any]] = [
    {"name": "Ada"},
    {"name": "Ada", "age": 36, "share": 1, "tags": ["a", "b"], "more": True},
    {"name": "A", "age": "36", "share": "1", "tags": "a"},
    {"name": 5, "age": 1.5, "tags": [1], "password": 7},
    {"age": 2**64, "name": "Ada"},
    {"age": True, "name": None},
    {},
]


@pytest.mark.parametrize("type_", [Plain, Dated])
@pytest.mark.parametrize("values", [*OBJECTS, {"day": "2026-11-22", "count": 2}, {"day": 5}])
def test_parsed_objects_validate_like_json(type_: type[Inputs], values: dict[str, Any]) -> None:
    """The inputs are the same, or the errors."""
    schema = InputSchema(type_)

    expected = result_of(schema.from_json, json.dumps(values))

    assert result_of(schema.from_parsed, values) == expected


def result_of(validate: Any, payload: Any) -> Any:
    """Return the inputs, or the parts of the error."""
    try:
        return validate(payload)
    except InvalidInput as error:
        return (error.message, error.key, repr(error.value), error.problems)
