"""Inputs as options, from JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero.cli import InputDescription
from actionhero_remote.input_schemas import InputSchemas

DEFINITIONS = {
    "Address": {"type": "object", "properties": {"city": {"type": "string"}}},
    "Color": {"type": "string", "enum": ["red"], "description": "A color."},
    "Cycle": {"$ref": "#/components/schemas/Cycle"},
}
ADDRESS = {"$ref": "#/components/schemas/Address"}

SCHEMAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"type": "string"}, {"kind": "text"}),
    "integer": ({"type": "integer", "default": 1}, {"kind": "integer", "default": "1"}),
    "number": ({"type": "number"}, {"kind": "number"}),
    "integer or number": (
        {"anyOf": [{"type": "number"}, {"type": "integer"}]},
        {"kind": "integer"},
    ),
    "boolean": ({"type": "boolean", "default": False}, {"kind": "boolean", "default": "false"}),
    "file": ({"type": "string", "format": "binary"}, {"kind": "file"}),
    "files": (
        {"type": "array", "items": {"type": "string", "format": "binary"}},
        {"kind": "file", "is_list": True},
    ),
    "texts": ({"type": "array", "items": {"type": "string"}}, {"kind": "text", "is_list": True}),
    "integers": (
        {"type": "array", "items": {"type": "integer"}},
        {"kind": "text", "is_list": True},
    ),
    "objects": ({"type": "array", "items": ADDRESS}, {"kind": "json", "is_list": True}),
    "object": (ADDRESS, {"kind": "json"}),
    "object or nothing": (
        {"anyOf": [ADDRESS, {"type": "null"}], "default": None},
        {"kind": "json"},
    ),
    "reference": (
        {"$ref": "#/components/schemas/Color", "default": "red"},
        {"kind": "text", "default": "red", "description": "A color."},
    ),
    "secret": (
        {"type": "string", "writeOnly": True, "default": "s3cret"},
        {"kind": "text", "is_secret": True},
    ),
    "anything": ({}, {"kind": "text"}),
    "cycle": ({"$ref": "#/components/schemas/Cycle"}, {"kind": "text"}),
    "unknown reference": ({"$ref": "#/components/schemas/None"}, {"kind": "text"}),
}


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS.values(), ids=list(SCHEMAS))
def test_inputs(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """Their kinds and defaults."""
    described = InputSchemas(DEFINITIONS).describe("name", schema, required=False)

    assert described == InputDescription(name="name", **expected)


def test_a_union_of_objects_has_the_inputs_of_all_members() -> None:
    """As lists of texts, like those of a local call."""
    schema = {"anyOf": [ADDRESS, {"type": "object", "properties": {"age": {"type": "integer"}}}]}

    properties, required, is_open = InputSchemas(DEFINITIONS).object_properties(schema)

    assert (list(properties), required, is_open) == (["age", "city"], set(), False)
