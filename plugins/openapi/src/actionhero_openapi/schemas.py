"""JSON Schemas in a document: named components, and adaptations to their place.

All functions return new schemas, and change none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

REF_PREFIX: Final = "#/components/schemas/"
#: For `json_schema(ref_template=…)`.
REF_TEMPLATE: Final = REF_PREFIX + "{model}"

_NULL: Final = {"type": "null"}
_EMPTY_OBJECT: Final = {"type": "object", "maxProperties": 0}
#: The range of integers in requests without their own limits: signed 64-bit integers.
SMALLEST_INTEGER: Final = -(2**63)
LARGEST_INTEGER: Final = 2**63 - 1
_LOWER_LIMITS: Final = frozenset({"minimum", "exclusiveMinimum"})
_UPPER_LIMITS: Final = frozenset({"maximum", "exclusiveMaximum"})


class Components:
    """The named schemas of the document.

    pydantic names a schema after the class of its model. Of two different schemas with the same
    name, the second one also gets the name of the schema that contains it.
    """

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._contents: dict[str, str] = {}

    def add(self, name: str, schema: Mapping[str, Any]) -> str:
        """Add a schema and its `$defs`, and return its name in the document."""
        body, definitions = self._extract(name, schema)
        unique_name = self._unique_name(name, "", _canonical_text(body, definitions))
        self.schemas[unique_name] = body
        return unique_name

    def inline(self, name: str, schema: Mapping[str, Any]) -> Schema:
        """Add the `$defs` of a schema, and return the schema itself."""
        return self._extract(name, schema)[0]

    def resolve(self, schema: Schema) -> Schema:
        """Return the target of a reference, or the schema itself."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].removeprefix(REF_PREFIX)]
        return schema

    def _extract(
        self, owner: str, schema: Mapping[str, Any]
    ) -> tuple[Schema, Mapping[str, Schema]]:
        """Add the definitions of a schema; return the rest of it, and the definitions."""
        schema = _transform(schema, _without_titles)
        definitions: Mapping[str, Schema] = schema.get("$defs", {})
        names = {
            name: self._unique_name(
                name, owner, _canonical_text({"$ref": REF_PREFIX + name}, definitions)
            )
            for name in definitions
        }
        for name, definition in definitions.items():
            self.schemas[names[name]] = _rename_references(definition, names)
        rest = {key: value for key, value in schema.items() if key != "$defs"}
        return _rename_references(rest, names), definitions

    def _unique_name(self, name: str, owner: str, content: str) -> str:
        """Return a name that no other content has, `name` if possible."""
        candidates = [name, f"{owner}_{name}"] if owner else [name]
        number = 1
        while True:
            for candidate in candidates:
                if self._contents.setdefault(candidate, content) == content:
                    return candidate
            number += 1
            candidates = [f"{name}_{number}"]


def reference(name: str) -> Schema:
    """Return a reference to the schema with that name."""
    return {"$ref": REF_PREFIX + name}


def request_schema(schema: Any) -> Any:
    """Return the schema of a request, with limits for every integer."""

    def add_limits(schema: Schema) -> Schema:
        if schema.get("type") == "integer":
            if not _LOWER_LIMITS & schema.keys():
                schema["minimum"] = SMALLEST_INTEGER
            if not _UPPER_LIMITS & schema.keys():
                schema["maximum"] = LARGEST_INTEGER
            schema.setdefault("format", "int64")
        return schema

    return _transform(schema, add_limits)


def text_schema(schema: Schema) -> Schema:
    """Return the schema of an input that is sent as text, which cannot be `null`."""
    if "anyOf" not in schema:
        return schema
    variants = [variant for variant in schema["anyOf"] if variant != _NULL]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    return {**variants[0], **rest} if len(variants) == 1 else {"anyOf": variants, **rest}


def response_schema(schema: Schema) -> Schema:
    """Return the schema of a response, in which `None` is an empty object."""
    if schema == _NULL:
        return dict(_EMPTY_OBJECT)
    if _NULL in schema.get("anyOf", ()):
        variants = [_EMPTY_OBJECT if each == _NULL else each for each in schema["anyOf"]]
        return {**schema, "anyOf": variants}
    return schema


def without(schema: Schema, names: Iterable[str]) -> Schema:
    """Return the schema of an object without some of its properties."""
    removed = frozenset(names)
    if not removed & schema.get("properties", {}).keys():
        return schema
    properties = {name: each for name, each in schema["properties"].items() if name not in removed}
    required = [name for name in schema.get("required", ()) if name not in removed]
    rest = {key: value for key, value in schema.items() if key not in {"properties", "required"}}
    return rest | {"properties": properties} | ({"required": required} if required else {})


def _without_titles(schema: Schema) -> Schema:
    """Remove pydantic's generated titles: client generators use them as names, which clash."""
    if str(schema.get("title", "")).isidentifier() and ("properties" in schema or "enum" in schema):
        del schema["title"]
    for name, each in schema.get("properties", {}).items():
        if isinstance(each, dict) and each.get("title") == name.title().replace("_", " ").strip():
            del each["title"]
    return schema


def _canonical_text(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return the same text for schemas that are equal, together with all they refer to."""
    targets: dict[str, Schema] = {}
    pending = list(_references(schema))
    while pending:
        name = pending.pop()
        if name in definitions and name not in targets:
            targets[name] = definitions[name]
            pending += _references(definitions[name])
    return json.dumps([schema, targets], sort_keys=True)


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REF_PREFIX)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _rename_references(schema: Any, names: Mapping[str, str]) -> Any:
    def rename(schema: Schema) -> Schema:
        for key, target in list(schema.items()):
            if key == "$ref":
                name = target.removeprefix(REF_PREFIX)
                schema[key] = REF_PREFIX + names.get(name, name)
            elif key == "discriminator" and "mapping" in target:
                mapping = {
                    value: REF_PREFIX + names.get(name, name)
                    for value, target in target["mapping"].items()
                    for name in [target.removeprefix(REF_PREFIX)]
                }
                schema[key] = {**target, "mapping": mapping}
        return schema

    return _transform(schema, rename)


#: Keywords with schemas by name, and keywords with data.
_BY_NAME: Final = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
_DATA: Final = frozenset({"const", "default", "enum", "example", "examples", "required"})


def _transform(value: Any, change: Callable[[Schema], Schema]) -> Any:
    """Return a copy of a schema with `change` applied to each subschema, the outermost last."""
    if isinstance(value, list):
        return [_transform(item, change) for item in value]
    if not isinstance(value, Mapping):
        return value
    copy: Schema = {}
    for key, item in value.items():
        if key in _BY_NAME:
            copy[key] = {name: _transform(each, change) for name, each in item.items()}
        else:
            copy[key] = item if key in _DATA else _transform(item, change)
    return change(copy)
