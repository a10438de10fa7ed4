"""JSON Schemas: their generator for inputs and results, and the walk over their subschemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Flag
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError

if TYPE_CHECKING:
    from pydantic_core.core_schema import EnumSchema, TaggedUnionSchema

JsonSchema: TypeAlias = dict[str, Any]

#: Keywords with schemas by name, those of draft 7 too.
_BY_NAME: Final = frozenset(
    {"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)
#: Keywords with a schema, or with a list of schemas.
_SUBSCHEMAS: Final = frozenset(
    {
        "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema",
        "else", "if", "items", "not", "oneOf", "prefixItems", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
#: The keys in data that pydantic takes for references and definitions.
_REFERENCE_KEYS: Final = frozenset({"$ref", "$defs"})


class JsonSchemaGenerator(GenerateJsonSchema):
    """pydantic's generator, for all values of flags, and for tags and defaults with any keys."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {
        "non-serializable-default",
        "skipped-choice",
    }

    def enum_schema(self, schema: EnumSchema) -> JsonSchema:
        """Return the schema of an enumeration, or of all combinations of flags."""
        generated = super().enum_schema(schema)
        if issubclass(schema["cls"], Flag):
            # Any combination of its members is a value; of an `IntFlag`, any integer.
            for key in ("const", "enum"):
                generated.pop(key, None)
            generated["type"] = "integer"
            if not issubclass(schema["cls"], int):
                largest = reduce(or_, (member.value for member in schema["members"]), 0)
                generated |= {"minimum": 0, "maximum": largest}
        return generated

    def tagged_union_schema(self, schema: TaggedUnionSchema) -> JsonSchema:
        """Return the schema of a union, whose discriminator has references only."""
        generated = super().tagged_union_schema(schema)
        mapping = generated.get("discriminator", {}).get("mapping", {})
        # A discriminator is a hint, for references only: a nested union has none. pydantic fails
        # at a tag `$defs`, which it takes for definitions.
        if "$defs" in mapping or not all(isinstance(target, str) for target in mapping.values()):
            del generated["discriminator"]
        return generated

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON.

        Raises:
            PydanticSerializationError: It is no JSON, or has keys such as `$ref`.
        """
        encoded = super().encode_default(dft)
        if _has_reference_key(encoded):
            raise PydanticSerializationError("pydantic would resolve the keys of the default")
        return encoded


def map_subschemas(
    schema: Mapping[str, Any], change: Callable[[Mapping[str, Any], str | None], Any]
) -> JsonSchema:
    """Return a copy of a schema with `change` applied to each of its direct subschemas.

    The rest is data of the author, whose keys may be those of schemas: defaults, examples, the
    tags of a discriminator, extensions.

    Args:
        schema: The schema.
        change: Takes a subschema, and its name; `None` if it has none, such as that of items.
    """

    def changed(value: Any, name: str | None = None) -> Any:
        return change(value, name) if isinstance(value, Mapping) else value

    copy: JsonSchema = {}
    for key, value in schema.items():
        if key in _BY_NAME and isinstance(value, Mapping):
            copy[key] = {name: changed(each, name) for name, each in value.items()}
        elif key in _SUBSCHEMAS:
            is_list = isinstance(value, list)
            copy[key] = [changed(each) for each in value] if is_list else changed(value)
        else:
            copy[key] = value
    return copy


def _has_reference_key(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_reference_key, value))
    if not isinstance(value, Mapping):
        return False
    return not _REFERENCE_KEYS.isdisjoint(value) or any(map(_has_reference_key, value.values()))
