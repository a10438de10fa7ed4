"""Compatibility of JSON Schemas: the differences that break clients of the old one.

A schema of requests may become wider: it still accepts the inputs of old clients. A schema of
responses may become narrower: old clients still understand them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from actionhero_openapi.schemas import JSON_TYPES

Schema: TypeAlias = Mapping[str, Any]

#: The limits that make a schema narrower by an increase, and by a decrease.
_LOWER_LIMITS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_LIMITS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: Formats that are hints for the display, and reject no value.
_DISPLAY_FORMATS: Final = frozenset({"password", "binary", "int32", "int64", "float", "double"})


class Difference(NamedTuple):
    """One difference of a new schema that breaks clients of the old one."""

    #: The names of properties, `/address/zip`; `*` stands for every item.
    pointer: str
    change: str


class SchemaComparison:
    """Compares schemas of two documents.

    Args:
        old: The document that clients were written for.
        new: The new document.
        is_request: Whether the schemas are of requests, and not of responses.
    """

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any], *, is_request: bool) -> None:
        self._old = old
        self._new = new
        self._is_request = is_request
        #: The differences of each pair of schemas, by their JSON.
        self._cache: dict[str, list[Difference]] = {}

    def differences(self, old: Schema, new: Schema, pointer: str = "") -> Iterator[Difference]:
        """Yield the breaking differences, in the order of the old schema."""
        pair = _to_json([old, new])
        differences = self._cache.get(pair)
        if differences is None:
            # In a recursive schema, the inner one has the differences of the outer one.
            self._cache[pair] = []
            differences = self._cache[pair] = list(self._differences(old, new, ""))
        for difference in differences:
            yield Difference(pointer + difference.pointer, difference.change)

    def _differences(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        old_variants = list(_variants(old, self._old))
        new_variants = list(_variants(new, self._new))
        # Each variant of the narrower side must be accepted by a variant of the wider side.
        narrow, wide = (
            (old_variants, new_variants) if self._is_request else (new_variants, old_variants)
        )
        for variant in narrow:
            matches = [other for other in wide if _accepts_type(other, variant)]
            # Of several, the one with the same discriminating constants is compared.
            matches = [
                other for other in matches if _constants(other) == _constants(variant) != {}
            ] or matches
            if not matches:
                yield Difference(pointer, self._unmatched(variant, wide))
                continue
            pairs = [
                (variant, other) if self._is_request else (other, variant) for other in matches
            ]
            yield from min((list(self._same_type(*pair, pointer)) for pair in pairs), key=len)

    def _unmatched(self, variant: Schema, others: list[dict[str, Any]]) -> str:
        type_name = _type_name(variant)
        other_names = " or ".join(dict.fromkeys(map(_type_name, others)))
        if self._is_request:
            return f"no longer accepts {type_name}, only {other_names}"
        return f"may be {type_name} now, was {other_names}"

    def _same_type(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        """Yield the differences between two schemas of the same type."""
        yield from self._format(old, new, pointer)
        if self._is_request:
            yield from self._values(old, new, pointer)
        if "object" in {old.get("type"), new.get("type")}:
            yield from self._object(old, new, pointer)
        if "items" in old or "items" in new:
            yield from self.differences(
                _subschema(old, "items"), _subschema(new, "items"), f"{pointer}/*"
            )
        old_items, new_items = old.get("prefixItems", ()), new.get("prefixItems", ())
        for index, (old_item, new_item) in enumerate(zip(old_items, new_items, strict=False)):
            yield from self.differences(old_item, new_item, f"{pointer}/{index}")

    def _format(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        """Yield a difference of the format of strings."""
        old_format, new_format = (
            {schema.get("format")} - _DISPLAY_FORMATS for schema in (old, new)
        )
        narrower = new_format if self._is_request else old_format
        if old_format != new_format and narrower - {None}:
            yield Difference(pointer, f"has format {_to_json(new.get('format'))} now")

    def _values(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        """Yield the restrictions that reject values that were accepted."""
        if "enum" in new:
            removed = [value for value in old.get("enum", ()) if value not in new["enum"]]
            if "enum" not in old:
                yield Difference(pointer, f"accepts only {_enumerate(new['enum'])} now")
            elif removed:
                yield Difference(pointer, f"no longer accepts {_enumerate(removed)}")
        for keyword in (*_LOWER_LIMITS, *_UPPER_LIMITS):
            limit, old_limit = new.get(keyword), old.get(keyword)
            if limit is None:
                continue
            if old_limit is None:
                # A minimum length or count of 0 restricts nothing.
                if (
                    keyword in _LOWER_LIMITS
                    and limit == 0
                    and keyword.startswith("min")
                    and keyword != "minimum"
                ):
                    continue
                yield Difference(pointer, f"has {keyword} {limit} now")
            elif limit > old_limit if keyword in _LOWER_LIMITS else limit < old_limit:
                yield Difference(pointer, f"has {keyword} {limit} now, was {old_limit}")
        for keyword in ("pattern", "multipleOf"):
            value = new.get(keyword)
            if value is not None and value != old.get(keyword):
                yield Difference(pointer, f"has {keyword} {_to_json(value)} now")
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            yield Difference(pointer, "rejects duplicate items now")

    def _object(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        properties = new.get("properties", {})
        required, old_required = new.get("required", ()), old.get("required", ())
        for name, schema in old.get("properties", {}).items():
            property_pointer = f"{pointer}/{name}"
            if name not in properties:
                yield Difference(property_pointer, "was removed")
                continue
            if self._is_request and name in required and name not in old_required:
                yield Difference(property_pointer, "is required now")
            if not self._is_request and name in old_required and name not in required:
                yield Difference(property_pointer, "is optional now")
            yield from self.differences(schema, properties[name], property_pointer)
        if self._is_request:
            for name in required:
                if name not in old.get("properties", {}):
                    yield Difference(f"{pointer}/{name}", "is new and required")
        yield from self._additional_properties(old, new, pointer)

    def _additional_properties(
        self, old: Schema, new: Schema, pointer: str
    ) -> Iterator[Difference]:
        old_schema = old.get("additionalProperties", True)
        new_schema = new.get("additionalProperties", True)
        if old_schema is False or (new_schema is False and not self._is_request):
            return
        if new_schema is False:
            yield Difference(pointer, "rejects unknown fields now")
        else:
            # Two equal references may have different targets.
            yield from self.differences(
                _as_schema(old_schema), _as_schema(new_schema), f"{pointer}/*"
            )


def resolve(value: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the target of a `$ref`, or the value itself; empty if the target is missing."""
    steps = 0
    while "$ref" in value and steps < 100:
        target: Any = document
        for part in str(value["$ref"]).removeprefix("#/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name, {}) if isinstance(target, Mapping) else {}
        value, steps = target if isinstance(target, Mapping) else {}, steps + 1
    return value


def _variants(schema: Schema, document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the alternatives of a schema, each with one type, or none for any type."""
    schema = resolve(schema, document)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            rest = {key: value for key, value in schema.items() if key != keyword}
            for each in schema[keyword]:
                yield from _variants(_merge([rest, resolve(each, document)]), document)
            return
    if "allOf" in schema:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        yield from _variants(
            _merge([rest, *(resolve(each, document) for each in schema["allOf"])]), document
        )
        return
    variant = dict(schema)
    if "const" in variant:
        variant["enum"] = [variant.pop("const")]
    types = variant.get("type")
    if types is None and "enum" in variant:
        types = list(dict.fromkeys(JSON_TYPES[type(value)] for value in variant["enum"]))
    if types is None and "properties" in variant:
        types = "object"
    if variant.pop("nullable", False):
        # The form of OpenAPI 3.0.
        types = [*([types] if isinstance(types, str) else types or ()), "null"]
    for type_ in types if isinstance(types, list) else [types]:
        single = {key: value for key, value in variant.items() if key != "type"}
        if type_ is not None:
            single["type"] = type_
        if type_ == "null":
            single = {"type": "null"}
        yield single


def _merge(schemas: Iterable[Schema]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for schema in schemas:
        for key, value in schema.items():
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [*merged.get(key, ()), *value]
            else:
                merged[key] = value
    return merged


def _accepts_type(outer: Schema, inner: Schema) -> bool:
    accepted, type_ = outer.get("type"), inner.get("type")
    return accepted is None or accepted == type_ or (accepted == "number" and type_ == "integer")


def _constants(schema: Schema) -> dict[str, Any]:
    """Return the constant properties, which discriminate between kinds of objects."""
    return {
        name: each["const"]
        for name, each in schema.get("properties", {}).items()
        if isinstance(each, Mapping) and "const" in each
    }


def _subschema(schema: Schema, keyword: str) -> Schema:
    return _as_schema(schema.get(keyword, True))


def _as_schema(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _type_name(schema: Schema) -> str:
    return str(schema.get("type", "anything"))


def _enumerate(values: Iterable[Any]) -> str:
    return ", ".join(map(_to_json, values))


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
