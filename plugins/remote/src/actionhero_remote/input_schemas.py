"""Inputs as options describe them, from the JSON Schema of an OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from actionhero.cli import InputDescription, default_text, escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actionhero.cli import InputKind

Schema: TypeAlias = "Mapping[str, Any]"

#: References within references; more are a cycle.
_MAX_DEPTH: Final = 20


class InputSchemas:
    """Reads the schemas of inputs.

    Args:
        schemas: The named schemas of the document.
    """

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def resolve(self, schema: Schema | bool) -> Schema:
        """Return the target of a reference with the keywords next to it, or the schema itself."""
        if isinstance(schema, bool):
            # Any value (JSON Schema §4.3.2).
            return {}
        for _ in range(_MAX_DEPTH):
            target = schema.get("$ref")
            if not isinstance(target, str):
                break
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._schemas.get(target.rpartition("/")[2], {}), **rest}
        return schema

    def describe(
        self, name: Any, schema: Schema, *, required: bool, description: str = ""
    ) -> InputDescription:
        """Return the description of an input.

        Args:
            name: The name of the input.
            schema: Its schema.
            required: Whether it is required.
            description: Its description, if the schema has none.
        """
        if not isinstance(name, str) or not name or not name.isprintable():
            raise ValueError(f"the name {name!r} of an input")
        schema = self.resolve(schema)
        default = schema.get("default")
        is_secret = schema.get("writeOnly") is True
        return InputDescription(
            name=name,
            kind=self._kind(schema),
            is_list=any(each.get("type") == "array" for each in self._variants(schema)),
            description=printable(schema.get("description") or description),
            required=required,
            default=None if default is None or is_secret else printable(default_text(default)),
            is_secret=is_secret,
        )

    def object_properties(self, schema: Schema) -> tuple[dict[str, Schema], set[str], bool]:
        """Return the properties of an object, the required ones, and whether others are allowed.

        The properties of a union, whose types differ between its members, are empty schemas of
        lists of texts.
        """
        schema = self.resolve(schema)
        properties = schema.get("properties")
        is_open = schema.get("additionalProperties") not in (None, False)
        if properties is not None:
            return dict(properties), set(schema.get("required", ())), is_open
        variants = [each for each in self._variants(schema) if each is not schema]
        names: set[str] = set()
        for variant in variants:
            names |= variant.get("properties", {}).keys()
        untyped: Schema = {"type": "array"}
        return dict.fromkeys(sorted(names), untyped), set(), is_open or not variants

    def _variants(self, schema: Schema) -> Iterator[Schema]:
        """Yield the members of a union, each once, or the schema itself."""
        # A union may contain itself, several times: its members are not the steps of a recursion.
        pending, seen = [schema], set[str]()
        while pending:
            schema = pending.pop(0)
            target = schema.get("$ref") if isinstance(schema, dict) else None
            if isinstance(target, str):
                if target in seen:
                    continue
                seen.add(target)
            schema = self.resolve(schema)
            members = [
                member
                for keyword in ("anyOf", "oneOf", "allOf")
                for member in schema.get(keyword, ())
            ]
            if members:
                pending[:0] = members
            else:
                yield schema

    def _kind(self, schema: Schema) -> InputKind:
        variants = list(self._variants(schema))
        types = {each.get("type") for each in variants}
        if "boolean" in types:
            return "boolean"
        for each in variants:
            item = self.resolve(each.get("items") or {}) if each.get("type") == "array" else each
            if item.get("format") == "binary":
                return "file"
        if any(self._is_structure(each) for each in variants):
            return "json"
        if "integer" in types:
            return "integer"
        return "number" if "number" in types else "text"

    def _is_structure(self, schema: Schema) -> bool:
        if schema.get("type") == "array":
            items = list(self._variants(schema.get("items") or {}))
            return any(each.get("type") in ("object", "array") for each in items)
        return schema.get("type") == "object"


def printable(text: Any) -> str:
    """Return a text of a server in lines without control characters, which a terminal obeys.

    Raises:
        TypeError: It is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    return "\n".join(map(escape, text.splitlines()))
