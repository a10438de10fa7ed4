"""JSON Schemas in a document: adaptations to their place, references, and their component.

All functions return new schemas, and change none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from actionhero.transport import map_subschemas

Schema: TypeAlias = dict[str, Any]

REF_PREFIX: Final = "#/components/schemas/"
REF_TEMPLATE: Final = REF_PREFIX + "{model}"

#: The types of JSON Schema of parsed values.
JSON_TYPES: Final = {bool: "boolean", int: "integer", float: "number", str: "string",
                     list: "array", dict: "object", type(None): "null"}  # fmt: skip
_EMPTY_OBJECT: Final = {"type": "object", "maxProperties": 0}
#: The range of integers in requests without their own limits: signed 64-bit integers.
SMALLEST_INTEGER: Final = -(2**63)
LARGEST_INTEGER: Final = 2**63 - 1
_LOWER_LIMITS: Final = frozenset({"minimum", "exclusiveMinimum"})
_UPPER_LIMITS: Final = frozenset({"maximum", "exclusiveMaximum"})
#: The values of a schema with one of these are listed.
_LISTED: Final = frozenset({"const", "enum"})
#: Formats that any text has.
_FREE_FORMATS: Final = frozenset({None, "password"})
#: Every text without NUL, which is refused in all inputs.
TEXT_PATTERN: Final = "^[^\\u0000]*$"


class Components:
    """The named schemas of the document.

    Args:
        definitions: The schemas of models, by name. Only those that are referred to are part of
            the document.
    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._added: dict[str, Schema] = {}
        self._used: set[str] = set()
        self._in_requests: set[str] = set()

    def add(self, name: str, schema: Schema) -> str:
        """Add a schema, and return its name in the document."""
        unique, number = name, 1
        while unique in self._definitions or self._added.get(unique, schema) != schema:
            number += 1
            unique = f"{name}_{number}"
        self._added[unique] = schema
        return unique

    def request(self, schema: Schema) -> Schema:
        """Return the schema of a part of a request, and use the models in it for requests."""
        self._use(schema, self._in_requests)
        return self.response(limited(schema))

    def response(self, schema: Schema) -> Schema:
        """Return the schema of a part of a response, and use the models in it."""
        self._use(schema, self._used)
        return schema

    def resolve(self, schema: Schema) -> Schema:
        """Return the target of a reference, or the schema itself."""
        while "$ref" in schema:
            name = schema["$ref"].removeprefix(REF_PREFIX)
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            # A definition may be empty, such as that of any JSON value.
            named = self._definitions if name in self._definitions else self._added
            schema = {**named[name], **rest}
        return schema

    @property
    def schemas(self) -> dict[str, Schema]:
        """All named schemas of the document."""
        models = {
            name: limited(schema) if name in self._in_requests else schema
            for name, schema in self._definitions.items()
            if name in self._used
        }
        return models | self._added

    def _use(self, schema: Schema, used: set[str]) -> None:
        pending = list(references(schema))
        while pending:
            name = pending.pop()
            if name in self._definitions and name not in used:
                used.add(name)
                pending += references(self._definitions[name])


def reference(name: str) -> Schema:
    """Return a reference to the schema with that name."""
    return {"$ref": REF_PREFIX + name}


def limited(schema: Schema) -> Schema:
    """Return the schema of a request, with the limits of every integer and every text."""

    def add_limits(schema: Schema) -> Schema:
        if _LISTED & schema.keys():
            return schema
        if schema.get("type") == "integer":
            if not _LOWER_LIMITS & schema.keys():
                schema["minimum"] = SMALLEST_INTEGER
            if not _UPPER_LIMITS & schema.keys():
                schema["maximum"] = LARGEST_INTEGER
            schema.setdefault("format", "int64")
        elif schema.get("type") == "string" and schema.get("format") in _FREE_FORMATS:
            schema.setdefault("pattern", TEXT_PATTERN)
        return schema

    changed: Schema = transform(schema, add_limits)
    return changed


def text_schema(schema: Schema) -> Schema:
    """Return the schema of an input that is sent as text, which cannot be `null`."""
    if "anyOf" not in schema:
        return schema
    variants = [variant for variant in schema["anyOf"] if not _is_null(variant)]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    return {**variants[0], **rest} if len(variants) == 1 else {"anyOf": variants, **rest}


def response_schema(schema: Schema) -> Schema:
    """Return the schema of a response, in which `None` is an empty object."""
    if _is_null(schema):
        return dict(_EMPTY_OBJECT)
    if any(map(_is_null, schema.get("anyOf", ()))):
        variants = [_EMPTY_OBJECT if _is_null(each) else each for each in schema["anyOf"]]
        return {**schema, "anyOf": variants}
    return schema


def _is_null(schema: Schema) -> bool:
    """Return whether `null` is the only value of a schema, which may list it."""
    return schema.get("type") == "null"


def without(schema: Schema, names: Iterable[str]) -> Schema:
    """Return the schema of an object without some of its properties."""
    removed = frozenset(names)
    if not removed & schema.get("properties", {}).keys():
        return schema
    properties = {name: each for name, each in schema["properties"].items() if name not in removed}
    required = [name for name in schema.get("required", ()) if name not in removed]
    rest = {key: value for key, value in schema.items() if key not in {"properties", "required"}}
    return rest | {"properties": properties} | ({"required": required} if required else {})


def references(value: Any) -> Iterable[str]:
    """Yield the names of the schemas that a schema refers to."""
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REF_PREFIX)
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def rename_references(schema: Any, names: Mapping[str, str]) -> Any:
    """Return a schema with other names of the schemas that it refers to."""

    def rename(schema: Schema) -> Schema:
        for key, target in list(schema.items()):
            if key == "$ref" and isinstance(target, str):
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

    return transform(schema, rename)


def transform(value: Any, change: Callable[[Schema], Schema]) -> Any:
    """Return a copy of a schema with `change` applied to each subschema, the outermost last."""
    if not isinstance(value, Mapping):
        return value
    return change(map_subschemas(value, lambda each, _: transform(each, change)))
