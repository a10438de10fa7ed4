"""The sources of inputs: texts become values, and the values of several sources are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from actionhero import json
from actionhero.errors import ABSENT, MalformedRequest, RequestTooLarge
from actionhero.files import File
from actionhero.inputs.core_schemas import (
    CoreSchema,
    Kind,
    Path,
    Shape,
    definitions_of,
    is_native,
    kind_of,
    shapes_of,
)

#: The maximum size of a file that is read as the value of a field.
VALUE_BYTES: Final = 1024 * 1024
_TEXT: Final = Kind(is_scalar=True, has_empty_text=True)


class InputReader:
    """Converts texts to values by the kinds of the inputs, and merges inputs by field.

    Args:
        schema: The core schema of the inputs.
    """

    def __init__(self, schema: CoreSchema) -> None:
        definitions = definitions_of(schema)
        shapes = list(shapes_of(schema, definitions))
        #: The kind of each input, by name.
        self.kinds: dict[str, Kind] = {}
        self._other_kind = _TEXT
        #: Whether JSON and the values parsed from it validate alike in every field.
        self.is_native = all(is_native(field.schema) for shape in shapes for field in shape.fields)
        #: Whether the validated inputs may be a mapping.
        self.is_mapping = any(shape.is_mapping for shape in shapes)
        #: Whether inputs with other names are validated.
        self.is_open = any(shape.others is not None for shape in shapes)
        for shape in shapes:
            for field in shape.fields:
                kind = kind_of(field.schema, definitions)
                for path in field.paths:
                    self._add_kind(str(path[0]), _container_kind(path) or kind)
            if shape.others is not None:
                kind = kind_of(shape.others, definitions)
                self._other_kind = kind if kind != Kind() else _TEXT
        if not self.is_open:
            # A file that nothing reads stays a file: its content may be large.
            self._other_kind = self._other_kind._replace(is_file=True)
        #: The places of each field that has more than one.
        self._aliases = _aliases(shapes)
        #: Whether an only text is the value as it is, even if empty, by name; most inputs are.
        self._scalars = {
            name: kind.has_empty_text
            for name, kind in self.kinds.items()
            if not (kind.is_list or kind.is_structure or kind.is_bytes)
        }

    def _add_kind(self, name: str, kind: Kind) -> None:
        self.kinds[name] = self.kinds.get(name, Kind()).merge(kind)

    def is_parsed(self, name: str) -> bool:
        """Return whether a file with this name is read as the value of a field."""
        return not self.kinds.get(name, self._other_kind).is_file

    def values(self, texts: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Return the values of texts and files; empty texts are absent, except in texts.

        Args:
            texts: All values of each name, in order.
        """
        values: dict[str, Any] = {}
        scalars = self._scalars
        for name, items in texts.items():
            if len(items) == 1 and name in scalars and type(items[0]) is str:
                if items[0] or scalars[name]:
                    values[name] = items[0]
                continue
            value = value_of(self.kinds.get(name, self._other_kind), items)
            if value is not ABSENT:
                values[name] = value
        return values

    def merge(self, lower: dict[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of two sources: a field in `higher` overrides it in `lower`.

        All names of a field are one field. Where a path of names leads to it, the value is replaced
        there, because other fields may lie beside it.
        """
        merged = {**lower, **higher}
        for paths in self._aliases:
            values = (_get(higher, path) for path in paths)
            value = next((value for value in values if value is not ABSENT), ABSENT)
            if value is ABSENT:
                continue
            for path in paths:
                if _get(higher, path) is not ABSENT or _get(merged, path) is ABSENT:
                    continue
                if len(path) == 1:
                    del merged[str(path[0])]
                else:
                    merged[str(path[0])] = _replaced(merged[str(path[0])], path[1:], value)
        return merged


class JsonText(str):
    """A text that its sender declares as JSON, such as a part of a multipart form."""

    __slots__ = ()


def value_of(kind: Kind, items: Sequence[Any]) -> Any:
    """Return the value of all texts and files of one name; `ABSENT` if there is none.

    Raises:
        RequestTooLarge: A file in the place of a text is larger than `VALUE_BYTES`.
    """
    contents = (_content(item, kind) for item in items)
    present = [item for item in contents if item is not ABSENT]
    if not kind.has_empty_text:
        present = [item for item in present if item != ""]
    if not present:
        return ABSENT
    if not kind.is_list:
        return _parsed(present[-1], kind) if kind.is_structure else present[-1]
    if len(present) > 1:
        return [_parsed(item, kind) for item in present] if kind.is_structure else present
    item = present[0]
    # A list of texts contains any text, so an array in one of them is declared as JSON.
    if kind.is_structure or not kind.has_empty_text or type(item) is JsonText:
        item = _parsed(item, kind)
    return item if isinstance(item, list) or item is None or kind.is_scalar else [item]


def _parsed(item: Any, kind: Kind) -> Any:
    """Return the object or array in a text; the text itself if it is neither."""
    if not isinstance(item, str):
        return item
    try:
        value = json.loads(item)
    except MalformedRequest:
        return item
    if value is None and not kind.has_empty_text:
        return None
    return value if isinstance(value, dict | list) else item


def _content(item: Any, kind: Kind) -> Any:
    """Return a file in the place of a text as its content; `ABSENT` if no file was chosen."""
    if not isinstance(item, File):
        return item
    if not item.name and not item.size:
        return ABSENT
    if kind.is_file:
        return item
    if item.size > VALUE_BYTES:
        raise RequestTooLarge(f"Payload Too Large — a field exceeds {VALUE_BYTES} bytes")
    content = item.content()
    if kind.is_bytes:
        return content
    text = content.decode(errors="surrogateescape")
    return JsonText(text) if is_json(item.content_type) else text


def is_json(content_type: str) -> bool:
    """Return whether a media type is that of JSON."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence == "application/json" or essence.endswith("+json")


def _container_kind(path: Path) -> Kind | None:
    """Return the kind of a container of values that paths lead to, or `None` for a plain name."""
    if len(path) == 1:
        return None
    return Kind(is_list=isinstance(path[1], int), is_structure=True)


def _aliases(shapes: Sequence[Shape]) -> list[tuple[Path, ...]]:
    """Return the places of each field that has several."""
    fields = (field for shape in shapes for field in shape.fields)
    return list(dict.fromkeys(field.paths for field in fields if len(field.paths) > 1))


def _get(values: Any, path: Path) -> Any:
    """Return the value at `path`, or `ABSENT`."""
    for part in path:
        if isinstance(part, str):
            values = values.get(part, ABSENT) if isinstance(values, Mapping) else ABSENT
        elif isinstance(values, list) and -len(values) <= part < len(values):
            values = values[part]
        else:
            return ABSENT
    return values


def _replaced(container: Any, path: Path, value: Any) -> Any:
    """Return a copy of a container with `value` at `path`, which exists."""
    if not path:
        return value
    copy = container.copy()
    copy[path[0]] = _replaced(container[path[0]], path[1:], value)
    return copy
