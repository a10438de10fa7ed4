"""The core schemas of pydantic: the fields of inputs, and the kinds of their types.

pydantic resolves annotations to core schemas: aliases of types, generics, forward references and
the hooks of foreign types included. Source: `pydantic_core.core_schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

CoreSchema = Mapping[str, Any]
Definitions = Mapping[str, CoreSchema]
#: The way to a value: names of objects and positions in lists.
Path = tuple[str | int, ...]

#: Schemas with the fields of an object.
FIELD_SCHEMAS: Final = frozenset({"model-fields", "typed-dict", "dataclass-args"})
#: The keys of a schema that contain no schemas.
_OPAQUE: Final = frozenset(
    {"cls", "config", "default", "expected", "function", "members", "metadata", "serialization"}
)

_ANY: Final = {"type": "any"}
_LISTS: Final = frozenset({"deque", "frozenset", "generator", "list", "set", "tuple"})
#: A type that contains itself: only an item of a list can be of the type of the list.
_ENCLOSING: Final = {"type": "list", "items_schema": {"type": "none"}}
#: Named tuples are arrays or objects; before pydantic 2.14, they are calls of their class.
_OBJECTS: Final = FIELD_SCHEMAS | frozenset(
    {"call", "counter", "dict", "frozendict", "named-tuple", "ordered-dict"}
)
#: Types that an empty text may be a value of; unknown ones are among them.
_TEXTS: Final = frozenset({"any", "bytes", "custom", "function-plain", "is-instance", "str"})
#: Types whose JSON values validate alike in JSON and in strict Python.
_NATIVE: Final = frozenset({"any", "bool", "float", "int", "none", "str"})
#: Schemas that may treat JSON and Python differently.
_BRANCHES: Final = frozenset({"chain", "function-wrap", "json-or-python", "lax-or-strict"})


class Kind(NamedTuple):
    """What the texts of an input are converted to, before validation."""

    #: Whether repeated texts make a list.
    is_list: bool = False
    #: Whether a text may be a JSON object, or a JSON array of objects or arrays.
    is_structure: bool = False
    #: Whether a single text may be the value itself.
    is_scalar: bool = False
    #: Whether an empty text is a value, or an item of the list.
    has_empty_text: bool = False
    #: Whether a file is a value, or an item of the list.
    is_file: bool = False
    #: Whether bytes are a value, or an item of the list.
    is_bytes: bool = False

    def merge(self, other: Kind) -> Kind:
        """Return the kind of a value that is of either kind."""
        return Kind(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


class SchemaField(NamedTuple):
    """One field in a core schema."""

    name: str
    #: The places of its value in the inputs; the first place with a value is used.
    paths: tuple[Path, ...]
    schema: CoreSchema


class Shape(NamedTuple):
    """One form that inputs may have: the fields of a model, or the values of a dictionary."""

    fields: tuple[SchemaField, ...]
    #: The schema of values with other names; `None` if other names are ignored.
    others: CoreSchema | None
    #: Whether the validated inputs are a mapping.
    is_mapping: bool = True


def definitions_of(schema: CoreSchema) -> dict[str, CoreSchema]:
    """Return the shared schemas in `schema`, by reference."""
    return {item["ref"]: item for item in schema.get("definitions", ())}


def _is_schema(part: Any) -> bool:
    """Return whether a part of a schema is one itself, and not a mapping of names, for example."""
    return isinstance(part, Mapping) and isinstance(part.get("type"), str)


def _opaque_keys(part: CoreSchema) -> frozenset[str]:
    # The names of fields and the tags of unions are those of the author.
    return _OPAQUE if _is_schema(part) else frozenset()


def rewrite(schema: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """Return a copy of a schema in which `change` was applied to every schema, the inner first."""
    if isinstance(schema, Mapping):
        opaque = _opaque_keys(schema)
        copy = {
            key: value if key in opaque else rewrite(value, change) for key, value in schema.items()
        }
        return change(copy) if _is_schema(schema) else copy
    if isinstance(schema, list | tuple):
        return type(schema)(rewrite(item, change) for item in schema)
    return schema


def inner_schemas(schema: Any) -> Iterator[CoreSchema]:
    """Yield the schemas directly inside a schema."""
    parts = schema
    if isinstance(schema, Mapping):
        opaque = _opaque_keys(schema)
        parts = [value for key, value in schema.items() if key not in opaque]
    for part in parts:
        if _is_schema(part):
            yield part
        elif isinstance(part, Mapping | list | tuple):
            yield from inner_schemas(part)


def schemas_in(schema: CoreSchema) -> Iterator[CoreSchema]:
    """Yield a schema and all schemas inside it."""
    yield schema
    for part in inner_schemas(schema):
        yield from schemas_in(part)


def alternatives(schema: CoreSchema) -> list[CoreSchema]:
    """Return the schemas that a value is validated with next: one, several of a union, or none."""
    match schema["type"]:
        case "union":
            return [item[0] if isinstance(item, tuple) else item for item in schema["choices"]]
        case "tagged-union":
            return list(schema["choices"].values())
        case "json-or-python":
            return [schema["json_schema"]]
        case "lax-or-strict":
            return [schema["lax_schema"]]
        case "chain":
            return [schema["steps"][0]]
        case "json":
            return []
    inner = schema.get("schema")
    return [] if inner is None else [inner]


def shapes_of(schema: CoreSchema, definitions: Definitions) -> Iterator[Shape]:
    """Yield the forms that inputs of the schema may have."""
    for config, leaf, _ in _leaves(schema, definitions, {}, frozenset()):
        if leaf["type"] in FIELD_SCHEMAS:
            others = (leaf.get("extras_schema") or _ANY) if is_open(leaf, config) else None
            fields = tuple(_fields(leaf, {**config, **leaf.get("config", {})}))
            yield Shape(fields, others, leaf["type"] == "typed-dict")
        elif leaf["type"] == "dict":
            yield Shape((), leaf.get("values_schema") or _ANY)
        else:
            yield Shape((), _ANY)


def is_open(schema: CoreSchema, config: CoreSchema) -> bool:
    """Return whether a schema with fields accepts other names.

    Args:
        schema: The schema.
        config: The configuration of its model.
    """
    config = {**config, **schema.get("config", {})}
    behaviour = schema.get("extra_behavior") or config.get("extra_fields_behavior")
    return bool(behaviour == "allow")


def has_names(schema: CoreSchema) -> bool:
    """Return whether an object may have an error for each undeclared name."""
    config = schema.get("config", {})
    behaviour = schema.get("extra_behavior") or config.get("extra_fields_behavior")
    return bool(
        behaviour == "forbid"
        or schema.get("extras_schema")
        or schema.get("extras_keys_schema")
        or schema["type"] in {"arguments", "named-tuple"}
    )


def has_functions(schema: CoreSchema) -> bool:
    """Return whether validation calls functions, which may change values or have other effects."""
    return any(
        "function" in part
        or part.get("custom_init")
        or part.get("post_init")
        or callable(part.get("discriminator"))
        for part in schemas_in(schema)
    )


def kind_of(schema: CoreSchema, definitions: Definitions) -> Kind:
    """Return the kind of a value."""
    return _kind_of(schema, definitions, frozenset())


def _kind_of(schema: CoreSchema, definitions: Definitions, enclosing: frozenset[str]) -> Kind:
    kind = Kind()
    for _, leaf, seen in _leaves(schema, definitions, {}, enclosing):
        kind = kind.merge(_kind_of_leaf(leaf, definitions, seen))
    return kind


def is_native(schema: CoreSchema) -> bool:
    """Return whether JSON and the values parsed from it validate alike, if strictly."""
    type_ = schema["type"]
    if type_ in _BRANCHES:
        return False
    if inner := alternatives(schema):
        return all(map(is_native, inner))
    if type_ == "list":
        return is_native(schema.get("items_schema", _ANY))
    if type_ == "dict":
        # Keys are texts in JSON, which are converted.
        keys = schema.get("keys_schema", _ANY)["type"]
        return keys in {"any", "str"} and is_native(schema.get("values_schema", _ANY))
    if type_ == "literal":
        return all(type(value) in {bool, int, str} for value in schema["expected"])
    return type_ in _NATIVE


def _leaves(
    schema: CoreSchema, definitions: Definitions, config: CoreSchema, seen: frozenset[str]
) -> Iterator[tuple[CoreSchema, CoreSchema, frozenset[str]]]:
    """Yield the innermost schemas of a value.

    Each with the configuration of its model, and the references of the schemas that contain it.
    """
    if schema["type"] == "definition-ref":
        reference = schema["schema_ref"]
        if reference in seen:
            yield config, _ENCLOSING, seen
        else:
            yield from _leaves(definitions[reference], definitions, config, seen | {reference})
        return
    if schema["type"] in {"model", "dataclass"}:
        config = schema.get("config", {})
    inner = alternatives(schema)
    if not inner:
        yield config, schema, seen
    for item in inner:
        yield from _leaves(item, definitions, config, seen)


def _fields(schema: CoreSchema, config: CoreSchema) -> Iterator[SchemaField]:
    fields = schema["fields"]
    named = fields.items() if isinstance(fields, Mapping) else ((f["name"], f) for f in fields)
    by_name = config.get("validate_by_name", config.get("populate_by_name", False))
    by_alias = config.get("validate_by_alias", True)
    for name, field in named:
        alias = field.get("validation_alias") if by_alias else None
        paths: list[Path] = []
        if isinstance(alias, str):
            paths = [(alias,)]
        elif alias:
            paths = (
                [tuple(path) for path in alias] if isinstance(alias[0], list) else [tuple(alias)]
            )
        if not paths or (by_name and (name,) not in paths):
            paths.append((name,))
        yield SchemaField(name, tuple(paths), field["schema"])


def _kind_of_leaf(leaf: CoreSchema, definitions: Definitions, enclosing: frozenset[str]) -> Kind:
    type_ = leaf["type"]
    if type_ in _LISTS:
        items = leaf.get("items_schema", _ANY)
        kind = Kind()
        for item in items if isinstance(items, list) else [items]:
            kind = kind.merge(_kind_of(item, definitions, enclosing))
        # One text is no tuple of several items, unless it is an array.
        is_tuple = isinstance(items, list) and len(items) > 1
        return kind._replace(
            is_list=True,
            is_structure=kind.is_structure or kind.is_list,
            is_scalar=False,
            has_empty_text=kind.has_empty_text and not is_tuple,
        )
    if type_ in _OBJECTS:
        return Kind(is_structure=True)
    if type_ == "none":
        return Kind()
    if (leaf.get("metadata") or {}).get("is_file"):
        return Kind(is_file=True)
    if type_ == "any":
        return Kind(is_scalar=True, has_empty_text=True, is_file=True)
    has_empty_text = type_ in _TEXTS or any(value == "" for value in literal_values(leaf))
    return Kind(is_scalar=True, has_empty_text=has_empty_text, is_bytes=type_ == "bytes")


def literal_values(schema: CoreSchema) -> list[Any]:
    """Return the values of a literal or of an enumeration; nothing for other schemas."""
    values = schema.get("expected" if schema["type"] == "literal" else "members", ())
    return [value.value if isinstance(value, Enum) else value for value in values]
