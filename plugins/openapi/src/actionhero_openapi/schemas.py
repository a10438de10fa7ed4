"""JSON Schemas as they stand in a document: gathered under names, and fitted to where they are.

Pure: a schema goes in, another comes out, and none is changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from actionhero.integers import LARGEST_INTEGER, SMALLEST_INTEGER

Schema: TypeAlias = dict[str, Any]

REF_PREFIX: Final = "#/components/schemas/"
#: For `json_schema(ref_template=…)`.
REF_TEMPLATE: Final = REF_PREFIX + "{model}"

_NULL: Final = {"type": "null"}
_EMPTY_OBJECT: Final = {"type": "object", "maxProperties": 0}
#: What an integer is bounded by, if by anything.
_LIMITS: Final = (
    frozenset({"minimum", "exclusiveMinimum"}),
    frozenset({"maximum", "exclusiveMaximum"}),
)


class Components:
    """The schemas that have a name in the document.

    pydantic calls a model by its class. Where two have one name and are not the same, the second
    is called by what it belongs to as well.
    """

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._meanings: dict[str, str] = {}

    def add(self, name: str, schema: Mapping[str, Any]) -> str:
        """Add a schema with all that stands in its `$defs`, and return its name here."""
        whole, definitions = self._apart(name, schema)
        own = self._place(name, "", _meaning(whole, definitions))
        self.schemas[own] = whole
        return own

    def inline(self, name: str, schema: Mapping[str, Any]) -> Schema:
        """Return a schema that stands where it is used, having added what is in its `$defs`."""
        return self._apart(name, schema)[0]

    def resolve(self, schema: Schema) -> Schema:
        """Return what a schema refers to, or itself."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].removeprefix(REF_PREFIX)]
        return schema

    def _apart(self, owner: str, schema: Mapping[str, Any]) -> tuple[Schema, Mapping[str, Schema]]:
        """Add the definitions of a schema; return what is left of it, and them."""
        schema = _changed(schema, _without_titles)
        definitions: Mapping[str, Schema] = schema.get("$defs", {})
        names = {
            name: self._place(name, owner, _meaning({"$ref": REF_PREFIX + name}, definitions))
            for name in definitions
        }
        for name, definition in definitions.items():
            self.schemas[names[name]] = _renamed(definition, names)
        left = {key: value for key, value in schema.items() if key != "$defs"}
        return _renamed(left, names), definitions

    def _place(self, name: str, owner: str, meaning: str) -> str:
        """Return the name that something goes by: its own, unless that means something else."""
        candidates = [name, f"{owner}_{name}"] if owner else [name]
        number = 1
        while True:
            for candidate in candidates:
                if self._meanings.setdefault(candidate, meaning) == meaning:
                    return candidate
            number += 1
            candidates = [f"{name}_{number}"]


def refer(name: str) -> Schema:
    """Return the schema that stands for the one of that name."""
    return {"$ref": REF_PREFIX + name}


def sent(schema: Any) -> Any:
    """Return a schema of what a client sends, with what every integer is bounded by told."""

    def bound(schema: Schema) -> Schema:
        if schema.get("type") == "integer":
            smallest, largest = _LIMITS
            if not smallest & schema.keys():
                schema["minimum"] = SMALLEST_INTEGER
            if not largest & schema.keys():
                schema["maximum"] = LARGEST_INTEGER
            schema.setdefault("format", "int64")
        return schema

    return _changed(schema, bound)


def as_text(schema: Schema) -> Schema:
    """Return a schema of what is sent as text, which cannot tell `null`."""
    if "anyOf" not in schema:
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != _NULL]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    return {**kinds[0], **rest} if len(kinds) == 1 else {"anyOf": kinds, **rest}


def answered(schema: Schema) -> Schema:
    """Return a schema of an answer, where `None` is told as an empty object."""
    if schema == _NULL:
        return dict(_EMPTY_OBJECT)
    if _NULL in schema.get("anyOf", ()):
        kinds = [_EMPTY_OBJECT if kind == _NULL else kind for kind in schema["anyOf"]]
        return {**schema, "anyOf": kinds}
    return schema


def without(schema: Schema, names: Iterable[str]) -> Schema:
    """Return the schema of an object without some of its properties."""
    gone = frozenset(names)
    if not gone & schema.get("properties", {}).keys():
        return schema
    properties = {name: each for name, each in schema["properties"].items() if name not in gone}
    required = [name for name in schema.get("required", ()) if name not in gone]
    rest = {key: value for key, value in schema.items() if key not in {"properties", "required"}}
    return rest | {"properties": properties} | ({"required": required} if required else {})


def _without_titles(schema: Schema) -> Schema:
    """Remove the titles that pydantic makes of names: generators call types by them, and clash."""
    if str(schema.get("title", "")).isidentifier() and ("properties" in schema or "enum" in schema):
        del schema["title"]
    for name, each in schema.get("properties", {}).items():
        if isinstance(each, dict) and each.get("title") == name.title().replace("_", " ").strip():
            del each["title"]
    return schema


def _meaning(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return a text that is the same for two schemas if they, and all they refer to, are."""
    needed: dict[str, Schema] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in needed:
            needed[name] = definitions[name]
            waiting += _references(definitions[name])
    return json.dumps([schema, needed], sort_keys=True)


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


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
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

    return _changed(schema, rename)


#: Keywords whose values hold schemas by name, and those whose values are data.
_BY_NAME: Final = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
_DATA: Final = frozenset({"const", "default", "enum", "example", "examples", "required"})


def _changed(value: Any, change: Callable[[Schema], Schema]) -> Any:
    """Return a copy of a schema in which each schema was handed to `change`, the outermost last."""
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    if not isinstance(value, Mapping):
        return value
    copy: Schema = {}
    for key, item in value.items():
        if key in _BY_NAME:
            copy[key] = {name: _changed(each, change) for name, each in item.items()}
        else:
            copy[key] = item if key in _DATA else _changed(item, change)
    return change(copy)
