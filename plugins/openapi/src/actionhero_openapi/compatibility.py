"""Whether a JSON Schema still fits clients that were written for an earlier one. Pure.

What a client sends must still be taken: the new schema may be wider. What a client reads must
still be what it expects: the new schema may be narrower.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

#: Which limit of a value that is sent becomes narrower by growing, which by shrinking.
_GROWING: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SHRINKING: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: Formats that say how text is shown, and refuse none.
_SHOWN: Final = frozenset({"password", "binary", "int32", "int64", "float", "double"})
_TYPES: Final = {bool: "boolean", int: "integer", float: "number", str: "string",
                 list: "array", dict: "object", type(None): "null"}  # fmt: skip


class Difference(NamedTuple):
    """One thing by which a new schema breaks clients of the old one."""

    #: Where: the names of properties, `/address/zip`; `*` stands for every item.
    pointer: str
    change: str


class Narrowing:
    """Compares schemas of two documents.

    Args:
        old: The document that clients were written for.
        new: The document as it is now.
        is_sent: Whether the schemas are of what clients send, and not of what they read.
    """

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any], *, is_sent: bool) -> None:
        self._old = old
        self._new = new
        self._is_sent = is_sent
        #: What was found for each pair of schemas, as they are written.
        self._known: dict[str, list[Difference]] = {}

    def differences(self, old: Schema, new: Schema, pointer: str = "") -> Iterator[Difference]:
        """Yield what breaks, in the order of the old schema."""
        pair = _text([old, new])
        found = self._known.get(pair)
        if found is None:
            # Where a schema holds itself, the inner one differs by what the outer one does.
            self._known[pair] = []
            found = self._known[pair] = list(self._differences(old, new, ""))
        for difference in found:
            yield Difference(pointer + difference.pointer, difference.change)

    def _differences(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        before, after = list(_kinds(old, self._old)), list(_kinds(new, self._new))
        # Each kind on the one side must find one on the other that takes it in.
        inner, outer = (before, after) if self._is_sent else (after, before)
        for kind in inner:
            homes = [home for home in outer if _takes(home, kind)]
            # Of two that differ equally much, what is marked as the same is the one to look at.
            homes = [home for home in homes if _marks(home) == _marks(kind) != {}] or homes
            if not homes:
                yield Difference(pointer, self._lost(kind, outer))
                continue
            pairs = [(kind, home) if self._is_sent else (home, kind) for home in homes]
            yield from min((list(self._within(*pair, pointer)) for pair in pairs), key=len)

    def _lost(self, kind: Schema, outer: list[dict[str, Any]]) -> str:
        told, others = _told(kind), " or ".join(dict.fromkeys(map(_told, outer)))
        if self._is_sent:
            return f"no longer takes {told}, only {others}"
        return f"may now be {told}, and was {others}"

    def _within(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        """Yield what differs between two schemas of one type."""
        yield from self._format(old, new, pointer)
        if self._is_sent:
            yield from self._values(old, new, pointer)
        if "object" in {old.get("type"), new.get("type")}:
            yield from self._object(old, new, pointer)
        if "items" in old or "items" in new:
            yield from self.differences(
                _schema(old, "items"), _schema(new, "items"), f"{pointer}/*"
            )
        old_first, new_first = old.get("prefixItems", ()), new.get("prefixItems", ())
        for index, (was, now) in enumerate(zip(old_first, new_first, strict=False)):
            yield from self.differences(was, now, f"{pointer}/{index}")

    def _format(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        """Yield what differs in how text is to be read."""
        was, now = ({schema.get("format")} - _SHOWN for schema in (old, new))
        narrower = now if self._is_sent else was
        if was != now and narrower - {None}:
            yield Difference(pointer, f"has format {_text(new.get('format'))} now")

    def _values(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        """Yield what is refused of values that were taken."""
        if "enum" in new:
            gone = [value for value in old.get("enum", ()) if value not in new["enum"]]
            if "enum" not in old:
                yield Difference(pointer, f"takes only {_listed(new['enum'])} now")
            elif gone:
                yield Difference(pointer, f"no longer takes {_listed(gone)}")
        for keyword in (*_GROWING, *_SHRINKING):
            limit, was = new.get(keyword), old.get(keyword)
            if limit is None:
                continue
            if was is None:
                # Nothing is shorter than nothing.
                if (
                    keyword in _GROWING
                    and limit == 0
                    and keyword.startswith("min")
                    and keyword != "minimum"
                ):
                    continue
                yield Difference(pointer, f"has {keyword} {limit} now")
            elif limit > was if keyword in _GROWING else limit < was:
                yield Difference(pointer, f"has {keyword} {limit} now, and had {was}")
        for keyword in ("pattern", "multipleOf"):
            now, was = new.get(keyword), old.get(keyword)
            if now is not None and now != was:
                yield Difference(pointer, f"has {keyword} {_text(now)} now")
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            yield Difference(pointer, "refuses items that are equal now")

    def _object(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        properties = new.get("properties", {})
        needed, was_needed = new.get("required", ()), old.get("required", ())
        for name, schema in old.get("properties", {}).items():
            below = f"{pointer}/{name}"
            if name not in properties:
                yield Difference(below, "is gone")
                continue
            if self._is_sent and name in needed and name not in was_needed:
                yield Difference(below, "is required now")
            if not self._is_sent and name in was_needed and name not in needed:
                yield Difference(below, "may be left out now")
            yield from self.differences(schema, properties[name], below)
        if self._is_sent:
            for name in needed:
                if name not in old.get("properties", {}):
                    yield Difference(f"{pointer}/{name}", "is new and required")
        yield from self._others(old, new, pointer)

    def _others(self, old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
        """Yield what differs for properties that have no name."""
        was, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if was == now:
            return
        if self._is_sent and now is False:
            yield Difference(pointer, "refuses fields that it does not know now")
        elif was is not False and now is not False:
            yield from self.differences(_as_schema(was), _as_schema(now), f"{pointer}/*")


def resolved(value: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a `$ref` of a document leads to, or the value itself; empty if to nothing."""
    steps = 0
    while "$ref" in value and steps < 100:
        found: Any = document
        for part in str(value["$ref"]).removeprefix("#/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        value, steps = found if isinstance(found, Mapping) else {}, steps + 1
    return value


def _kinds(schema: Schema, document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the kinds of values that a schema takes, each with one type, or none: anything."""
    schema = resolved(schema, document)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            rest = {key: value for key, value in schema.items() if key != word}
            for each in schema[word]:
                yield from _kinds(_merged([rest, resolved(each, document)]), document)
            return
    if "allOf" in schema:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        yield from _kinds(
            _merged([rest, *(resolved(each, document) for each in schema["allOf"])]), document
        )
        return
    kind = dict(schema)
    if "const" in kind:
        kind["enum"] = [kind.pop("const")]
    types = kind.get("type")
    if types is None and "enum" in kind:
        types = list(dict.fromkeys(_TYPES[type(value)] for value in kind["enum"]))
    if types is None and "properties" in kind:
        types = "object"
    if kind.pop("nullable", False):
        # As OpenAPI 3.0 said it.
        types = [*([types] if isinstance(types, str) else types or ()), "null"]
    for type_ in types if isinstance(types, list) else [types]:
        one = {key: value for key, value in kind.items() if key != "type"}
        if type_ is not None:
            one["type"] = type_
        if type_ == "null":
            one = {"type": "null"}
        yield one


def _merged(schemas: Iterable[Schema]) -> dict[str, Any]:
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


def _takes(outer: Schema, inner: Schema) -> bool:
    wanted, given = outer.get("type"), inner.get("type")
    return wanted is None or wanted == given or (wanted == "number" and given == "integer")


def _marks(schema: Schema) -> dict[str, Any]:
    """Return the properties that have one value, by which kinds of objects are told apart."""
    return {
        name: each["const"]
        for name, each in schema.get("properties", {}).items()
        if isinstance(each, Mapping) and "const" in each
    }


def _schema(schema: Schema, keyword: str) -> Schema:
    return _as_schema(schema.get(keyword, True))


def _as_schema(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _told(kind: Schema) -> str:
    return str(kind.get("type", "anything"))


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(_text, values))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
