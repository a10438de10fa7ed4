"""Inputs in an object that a door has read already: as strict as from the bytes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import pytest

from actionhero import Field, Inputs, InvalidInput, Secret, json
from actionhero.inputs.schema import InputSchema


class Plain(Inputs):
    """What is the same in JSON and in Python."""

    name: Annotated[str, Field(min_length=2)]
    age: int | None = None
    share: float = 0.5
    tags: list[str] = Field(default_factory=list)
    password: Secret[str] = ""


class Dated(Inputs):
    """What is text in JSON, and not in Python."""

    day: date
    count: int = 0


GIVEN: list[dict[str, Any]] = [
    {"name": "Ada"},
    {"name": "Ada", "age": 36, "share": 1, "tags": ["a", "b"], "more": True},
    {"name": "A", "age": "36", "share": "1", "tags": "a"},
    {"name": 5, "age": 1.5, "tags": [1], "password": 7},
    {"age": 2**64, "name": "Ada"},
    {"age": True, "name": None},
    {},
]


@pytest.mark.parametrize("type_", [Plain, Dated])
@pytest.mark.parametrize("given", [*GIVEN, {"day": "2026-11-22", "count": 2}, {"day": 5}])
def test_what_was_read_is_validated_as_what_is_read(
    type_: type[Inputs], given: dict[str, Any]
) -> None:
    """The same inputs come of it, or the same refusal, told in the same words."""
    schema = InputSchema(type_)

    assert told(schema.from_parsed, given) == told(schema.from_json, json.dumps(given))


def told(read: Any, given: Any) -> Any:
    """Return what was read, or how it was refused."""
    try:
        return read(given)
    except InvalidInput as refused:
        return (refused.message, refused.key, repr(refused.value), refused.problems)
