"""The form of an action's inputs: a field for each, from the schema of the action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero.cli import default_text
from actionhero.transport import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero.transport import InputField, RegisteredAction

#: The kinds of a field, by the type in the schema.
_KINDS: Final = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
#: The properties of a schema that a form field has as well.
_CONSTRAINTS: Final = ("minimum", "maximum", "minLength", "maxLength", "pattern", "format")
#: Texts that may be longer get an area of several lines.
_LONG_TEXT: Final = 200


def form_of(action: RegisteredAction) -> list[dict[str, Any]]:
    """Return the fields of the form of an action, as JSON.

    Each value is sent as text, as on the command line.
    """
    schema = action.inputs.json_schema()
    definitions = schema.get("$defs", {})
    properties = schema.get("properties", {})
    return [
        _field(field, _resolve(properties.get(field.name, {}), definitions))
        for field in action.inputs.fields
    ]


def _field(field: InputField, schema: Mapping[str, Any]) -> dict[str, Any]:
    shows_default = field.default not in (ABSENT, None) and not field.secret
    return {
        "name": field.name,
        "kind": _kind(field, schema),
        "description": field.description or "",
        "required": field.required,
        "default": default_text(field.default) if shows_default else "",
        "secret": field.secret,
        "options": [default_text(option) for option in schema.get("enum", [])],
        "constraints": {name: schema[name] for name in _CONSTRAINTS if name in schema},
    }


def _kind(field: InputField, schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "choice"
    if schema.get("format") == "binary":
        return "file"
    if field.is_structure or field.is_list:
        return "json"
    kind = _KINDS.get(str(schema.get("type")), "text")
    is_long = schema.get("maxLength", 0) > _LONG_TEXT and not field.secret
    return "long" if kind == "text" and is_long else kind


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a value without references, and without `null`."""
    if "$ref" in schema:
        return _resolve(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    members = [item for item in schema.get("anyOf", []) if item.get("type") != "null"]
    if len(members) == 1:
        return _resolve(members[0], definitions)
    if "const" in schema:
        return {**schema, "enum": [schema["const"]]}
    return schema
