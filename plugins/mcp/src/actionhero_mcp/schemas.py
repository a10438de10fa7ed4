"""JSON Schemas for models: without generated titles, and with references replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import map_subschemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero.transport import RegisteredAction

_REF: Final = "#/$defs/"


def input_schema(action: RegisteredAction, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema of the arguments of a tool.

    Args:
        action: The action.
        headers: The headers that repeat inputs, by input.
    """
    schema = clean_schema(action.inputs.json_schema())
    # The docstring of a class of inputs is for developers.
    schema.pop("description", None)
    schema = {"type": "object", "properties": {}, **schema}
    if not action.inputs.is_open:
        schema.setdefault("additionalProperties", False)
    for name, header in headers.items():
        schema["properties"][name] = {**schema["properties"][name], "x-mcp-header": header}
    return schema


def output_schema(action: RegisteredAction) -> dict[str, Any] | None:
    """Return the schema of the results of a tool; `None` if any are possible."""
    if action.outputs.is_open or action.outputs.type is type(None) or action.streams:
        if not action.is_generator:
            return None
        item = clean_schema(action.outputs.json_schema())
        items = {"type": "array", "items": item} if item else {"type": "array"}
        return {"type": "object", "properties": {"items": items}, "required": ["items"]}
    schema = clean_schema(action.outputs.json_schema())
    return schema or None


def is_object(schema: Mapping[str, Any] | None) -> bool:
    """Return whether all values of a schema are objects."""
    return schema is not None and schema.get("type") == "object"


def clean_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema without generated titles; references are replaced unless they recur."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    recursive = {name for name in definitions if _reaches(name, name, definitions, set())}
    # A definition with an anchor or an id is written by hand, and is kept as it is.
    references = recursive | {
        name
        for name, definition in definitions.items()
        if isinstance(definition, dict) and ("$anchor" in definition or "$id" in definition)
    }

    def clean(node: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
        ref = node.get("$ref")
        if isinstance(ref, str) and ref.startswith(_REF) and ref[len(_REF) :] in definitions:
            target = ref[len(_REF) :]
            if target not in references:
                rest = {key: value for key, value in node.items() if key != "$ref"}
                return clean({**definitions[target], **rest}, name)
        # A discriminator is a keyword of OpenAPI, and refers to definitions that are replaced.
        kept = {
            key: value
            for key, value in node.items()
            if key != "discriminator" and not (key == "title" and _is_generated(value, name, node))
        }
        return map_subschemas(kept, clean)

    root = {key: value for key, value in schema.items() if key != "$defs"}
    if root.get("$ref", "").startswith(_REF):
        # The schema of a recursive model is a reference only.
        root = {**definitions[root["$ref"][len(_REF) :]], **root}
        del root["$ref"]
    cleaned = clean(root)
    if references:
        cleaned["$defs"] = {
            name: clean(definitions[name]) for name in definitions if name in references
        }
    return cleaned


def _is_generated(title: Any, name: str | None, node: Mapping[str, Any]) -> bool:
    """Return whether pydantic has made a title, of the name of a field or of a class."""
    if not isinstance(title, str):
        return False
    if name is not None and title.lower() == name.replace("_", " ").strip().lower():
        return True
    # The choices of an enumeration have titles that are written by hand.
    return "properties" in node or "enum" in node or node.get("type") == "object"


def _reaches(target: str, name: str, definitions: Mapping[str, Any], seen: set[str]) -> bool:
    """Return whether a definition refers to another one, directly or not."""
    for each in _refs(definitions.get(name, {})):
        if each == target:
            return True
        if each not in seen:
            seen.add(each)
            if _reaches(target, each, definitions, seen):
                return True
    return False


def _refs(schema: Mapping[str, Any]) -> list[str]:
    """Return the names of the definitions that a schema refers to."""
    names: list[str] = []

    def collect(part: Mapping[str, Any], _: str | None = None) -> Any:
        ref = part.get("$ref")
        if isinstance(ref, str) and ref.startswith(_REF):
            names.append(ref[len(_REF) :])
        return map_subschemas(part, collect)

    collect(schema)
    return names
