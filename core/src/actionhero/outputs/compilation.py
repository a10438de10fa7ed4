"""The compilation of return annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import SchemaValidator
from typing_extensions import is_typeddict

from actionhero.inputs.annotations import with_portable_typed_dicts
from actionhero.inputs.core_schemas import rewrite

if TYPE_CHECKING:
    from collections.abc import Mapping

_STREAMS: Final = (AsyncGenerator, AsyncIterable, AsyncIterator)


def item_type_of(type_: Any) -> Any:
    """Return the type of the items of an async generator with the return annotation `type_`."""
    return (get_args(type_) or (None,))[0] if get_origin(type_) in _STREAMS else None


def compile_annotation(type_: Any) -> tuple[TypeAdapter[Any] | None, tuple[type, ...]]:
    """Return the adapter of an annotation, and the classes in it that have no schema."""
    try:
        return TypeAdapter(with_portable_typed_dicts(type_)), ()
    except PydanticUserError:
        is_union = get_origin(type_) in (Union, UnionType)
        members = get_args(type_) if is_union else (type_,)
        natives = tuple(member for member in members if _is_native(member))
        if not natives:
            raise
        others = tuple(member for member in members if member not in natives)
        adapter = compile_annotation(Union[others])[0] if others else None  # noqa: UP007 - of a tuple
        return adapter, natives


def _is_native(type_: Any) -> bool:
    """Return whether an annotation is a class without a schema."""
    # A model or a typed dictionary with a field without a schema is an error of the author.
    if not isinstance(type_, type) or hasattr(type_, "model_fields"):
        return False
    if is_typeddict(type_) or dataclasses.is_dataclass(type_):
        return False
    try:
        TypeAdapter(type_)
    except PydanticSchemaGenerationError:
        return True
    return False


def as_list(type_: Any) -> Any:
    """Return a list in place of an iterable, which could be read only once."""
    if get_origin(type_) in (Iterable, Iterator):
        return list[get_args(type_)[0]]  # type: ignore[misc]
    return type_


def closed_validator(adapter: TypeAdapter[Any]) -> SchemaValidator:
    """Return a validator that, told to forbid undeclared fields, refuses them in dataclasses, too.

    pydantic's own does so in models and typed dictionaries only.
    """
    return SchemaValidator(rewrite(adapter.core_schema, _closed))


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    is_dataclass = schema["type"] == "dataclass-args"
    return schema | {"extra_behavior": "forbid"} if is_dataclass else schema


_PLAIN_TYPES: Final = frozenset({"any", "bool", "float", "int", "none", "str"})


def is_plain(schema: Mapping[str, Any]) -> bool:
    """Return whether values of a core schema have JSON types only, and serialize as they are."""
    if "serialization" in schema or any(key.startswith("ser") for key in schema.get("config", ())):
        return False
    match schema["type"]:
        case "nullable" | "default":
            parts = [schema["schema"]]
        case "list":
            parts = [schema.get("items_schema", {"type": "any"})]
        case "dict":
            parts = [schema.get("values_schema", {"type": "any"})]
            if schema.get("keys_schema", {}).get("type") != "str":
                return False
        case "literal":
            return all(type(value) in (str, int, bool, type(None)) for value in schema["expected"])
        case "typed-dict":
            fields = schema["fields"].values()
            known = {"type", "schema", "required", "metadata"}
            if (
                schema.get("extra_behavior") == "allow"
                or schema.get("computed_fields")
                or any(field.keys() - known for field in fields)
            ):
                return False
            parts = [field["schema"] for field in fields]
        case other:
            return other in _PLAIN_TYPES
    return all(map(is_plain, parts))
