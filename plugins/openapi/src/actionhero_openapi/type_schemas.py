"""`TypeSchemas`: the JSON Schemas of the inputs and results of all actions, generated together.

Only together have their models names that are unique, and as short as possible: `Book`;
`Book-Input` and `Book-Output` if the two differ; `shop__models__Book` if there is another `Book`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter
from pydantic_core import PydanticSerializationError

from actionhero.transport import JsonSchemaGenerator, with_portable_typed_dicts
from actionhero_openapi.ecma_patterns import ecma_pattern
from actionhero_openapi.schemas import (
    JSON_TYPES,
    REF_TEMPLATE,
    Schema,
    references,
    rename_references,
    transform,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core.core_schema import WithDefaultSchema

logger = logging.getLogger("actionhero.openapi")

Mode = Literal["validation", "serialization"]
_MODES: Final[tuple[Mode, ...]] = ("validation", "serialization")
#: Of a name imported for type checkers only, of a type without a JSON Schema, and of data in a
#: schema, such as an example, whose keys pydantic takes for references or definitions.
_NO_SCHEMA: Final = (AttributeError, LookupError, NameError, RuntimeError, TypeError)


class TypeSchemas:
    """The JSON Schemas of types, and the definitions of the models in them.

    Whether the schemas of requests and responses of a model differ depends on the model only, and
    not on its uses: both are generated for every type. So another action does not change names.

    Args:
        types: The types, by the name of their action and their mode: of inputs, or of results.
        reserved_names: Names that models cannot have.
    """

    def __init__(
        self, types: Mapping[tuple[str, Mode], Any], reserved_names: Iterable[str]
    ) -> None:
        inputs: list[tuple[tuple[str, Mode], Mode, TypeAdapter[Any]]] = []
        for key, type_ in types.items():
            action, mode = key
            try:
                adapter: TypeAdapter[Any] = TypeAdapter(with_portable_typed_dicts(type_))
                _generate(adapter, mode)
            except _NO_SCHEMA as error:
                logger.warning(
                    "no JSON Schema for %r of action %r, so the document allows any value: %s",
                    type_, action, str(error).partition("\n")[0],
                )  # fmt: skip
                continue
            inputs += [(key, each, adapter) for each in _MODES if _has_schema(adapter, each)]
        schemas, document = TypeAdapter.json_schemas(
            inputs, ref_template=REF_TEMPLATE, schema_generator=_Generator
        )
        names = _shorter_names(document.get("$defs", {}), reserved_names)
        definitions = {
            names.get(name, name): rename_references(transform(schema, _clean), names)
            for name, schema in document.get("$defs", {}).items()
        }
        self._schemas: dict[tuple[str, Mode], Schema] = {
            key: _without_secrets(rename_references(transform(schema, _clean), names), definitions)
            for (key, mode), schema in schemas.items()
            if mode == key[1]
        }
        #: The definitions of all models, by name.
        self.definitions: dict[str, Schema] = {
            name: _without_secrets(schema, definitions) for name, schema in definitions.items()
        }

    def get(self, action: str, mode: Mode) -> Schema:
        """Return the schema of a type, a reference for a model; empty if any value is allowed."""
        return self._schemas.get((action, mode), {})


def _shorter_names(
    definitions: Mapping[str, Schema], reserved_names: Iterable[str]
) -> dict[str, str]:
    """Return other names of definitions: one for inputs and results that do not differ.

    pydantic considers recursive models as different, because they refer to themselves by name.
    """
    bases = {
        base
        for name in definitions
        for base in [name.removesuffix("-Input")]
        if base != name and base not in definitions and f"{base}-Output" in definitions
    }
    while True:
        names = {f"{base}-{mode}": base for base in bases for mode in ("Input", "Output")}
        different = {
            base
            for base in bases
            if rename_references(definitions[f"{base}-Input"], names)
            != rename_references(definitions[f"{base}-Output"], names)
        }
        if not different:
            break
        bases -= different
    reserved = {name: f"{name}Model" for name in reserved_names}
    return reserved | {name: reserved.get(base, base) for name, base in names.items()}


class _Generator(JsonSchemaGenerator):
    """A generator without defaults that are not JSON, or that are secret."""

    def generate_inner(self, schema: Any) -> Schema:
        generated = super().generate_inner(schema)
        if self.mode == "serialization" and "writeOnly" in generated:
            # A secret in a result is sent.
            generated["writeOnly"] = False
        return generated

    def default_schema(self, schema: WithDefaultSchema) -> Schema:
        generated = super().default_schema(schema)
        default = schema.get("default")
        is_infinite = isinstance(default, float) and _is_unpublishable(default)
        # JSON has no infinity.
        nullable = {"anyOf": [generated, {"type": "null"}]}
        return nullable if is_infinite and self.mode == "serialization" else generated

    def encode_default(self, dft: Any) -> Any:
        if _is_unpublishable(dft):
            raise PydanticSerializationError("the default is secret, or is not JSON")
        return super().encode_default(dft)


def _generate(adapter: TypeAdapter[Any], mode: Mode) -> Schema:
    return adapter.json_schema(mode=mode, schema_generator=_Generator)


def _has_schema(adapter: TypeAdapter[Any], mode: Mode) -> bool:
    try:
        _generate(adapter, mode)
    except _NO_SCHEMA:
        return False
    return True


def _is_unpublishable(value: Any) -> bool:
    """Whether a value has a secret, an infinity or a NaN, at any depth."""
    if isinstance(value, SecretStr | SecretBytes):
        return True
    if isinstance(value, float | Decimal):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_is_unpublishable, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_is_unpublishable, value))
    return isinstance(value, BaseModel) and _is_unpublishable(vars(value))


def _clean(schema: Schema) -> Schema:
    """Remove generated titles, complete tuples, and translate the pattern.

    Client generators use titles as names, which clash.
    """
    if str(schema.get("title", "")).isidentifier() and ("properties" in schema or "enum" in schema):
        del schema["title"]
    for name, each in schema.get("properties", {}).items():
        if isinstance(each, dict) and each.get("title") == name.title().replace("_", " ").strip():
            del each["title"]
    if "prefixItems" in schema and "items" not in schema:
        # Tools that do not support tuples need it; the length is limited to the items above.
        schema["items"] = {"anyOf": _unique(schema["prefixItems"])}
    if "enum" in schema and len({type(value) for value in schema["enum"]}) > 1:
        # Generators make one class of an enumeration, so its values need one type.
        groups: dict[type, list[Any]] = {}
        for value in schema.pop("enum"):
            groups.setdefault(type(value), []).append(value)
        schema["anyOf"] = [
            {"type": JSON_TYPES[type_], "enum": values} for type_, values in groups.items()
        ]
    if isinstance(schema.get("pattern"), str):
        pattern = ecma_pattern(schema.pop("pattern"))
        if pattern is not None:
            schema["pattern"] = pattern
    return schema


def _unique(schemas: list[Schema]) -> list[Schema]:
    return [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]


def _without_secrets(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Remove the defaults of secrets, and of values that contain one."""

    def change(schema: Schema) -> Schema:
        if "default" in schema and _is_secret(schema, definitions, set()):
            del schema["default"]
        return schema

    changed: Schema = transform(schema, change)
    return changed


def _is_secret(schema: Any, definitions: Mapping[str, Schema], seen: set[str]) -> bool:
    """Whether a value of this schema is secret, or contains a secret."""
    if isinstance(schema, list):
        return any(_is_secret(item, definitions, seen) for item in schema)
    if not isinstance(schema, Mapping):
        return False
    if "writeOnly" in schema or schema.get("format") == "password":
        return True
    for name in references({"$ref": schema.get("$ref")}):
        if name not in seen:
            seen.add(name)
            if _is_secret(definitions.get(name, {}), definitions, seen):
                return True
    return any(
        _is_secret(
            list(item.values()) if key == "properties" else item, definitions, seen
        )
        for key, item in schema.items()
        if key in {"properties", "items", "prefixItems", "anyOf", "oneOf", "allOf",
                   "additionalProperties"}
    )  # fmt: skip
