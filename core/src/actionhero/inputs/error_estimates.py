"""The estimate of the errors that inputs may have, from their size and their schema."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import IntEnum
from math import isqrt
from typing import Any, Final, NamedTuple

from actionhero.inputs.bounded_errors import CONTAINERS
from actionhero.inputs.core_schemas import (
    FIELD_SCHEMAS,
    CoreSchema,
    definitions_of,
    has_names,
    inner_schemas,
)
from actionhero.inputs.unsupported import MAX_PROBLEMS

#: How many errors pydantic may collect for a call.
MAX_ERRORS: Final = 10 * MAX_PROBLEMS
#: How many characters of names their locations may have.
_MAX_NAMES_LENGTH: Final = 8 * 1024 * 1024
#: Schemas of arrays with an error for each missing item, and of objects with one for each name.
_ARRAYS: Final = frozenset({"arguments", "named-tuple", "tuple"})
_OBJECTS: Final = FIELD_SCHEMAS | {"arguments", "named-tuple"}
_CONTAINERS: Final = frozenset({dict, list})
_CONTAINERS_AND_TEXTS: Final = _CONTAINERS | {str}


class Detail(IntEnum):
    """Which errors of invalid inputs are collected."""

    ALL = 0
    #: Those of the first invalid item of each container.
    FIRST = 1
    #: One of each object with undeclared names, besides those of `FIRST`.
    ONE = 2


class _Errors(NamedTuple):
    """The most errors of a value in a part of a schema."""

    #: Of an object without any of its names.
    of_object: int
    #: Of an array without any of its items.
    of_array: int
    #: Of a value with the wrong type: one in each choice of a union.
    of_value: int
    #: Whether the part contains containers, so that there may be any number of values.
    has_containers: bool
    #: Whether it contains texts that are documents themselves.
    has_documents: bool
    #: Whether it contains objects with an error for each undeclared name.
    has_names: bool


_ONE: Final = _Errors(1, 0, 1, has_containers=False, has_documents=False, has_names=False)


class ErrorEstimate:
    """Estimates the errors of inputs, which are at least as many as there are.

    Args:
        schema: The core schema of the inputs.
    """

    __slots__ = ("_most", "small_length")

    def __init__(self, schema: CoreSchema) -> None:
        self._most = most = _Measurement(schema).errors
        #: The length of documents whose errors may all be collected.
        self.small_length = sys.maxsize
        if most.has_containers or most.has_documents or most.has_names:
            of_any = max(most.of_object, most.of_array) + most.of_value
            self.small_length = min(MAX_ERRORS // of_any, isqrt(_MAX_NAMES_LENGTH // of_any))

    def is_small(self, document: bytes) -> bool:
        """Return whether all errors of a JSON document may be collected, before it is parsed."""
        most = self._most
        if most.has_documents:
            return False
        objects, arrays = document.count(b"{"), document.count(b"[")
        errors = most.of_value * (document.count(b",") + objects + arrays)
        errors += most.of_object * objects + most.of_array * arrays
        return errors <= MAX_ERRORS and errors * len(document) <= _MAX_NAMES_LENGTH

    def detail(self, values: Mapping[str, Any]) -> Detail:
        """Return how many errors of inputs may be collected."""
        most = self._most
        errors = names_length = longest = widest = 0
        inspected = _CONTAINERS_AND_TEXTS if most.has_documents else _CONTAINERS
        # With the length of all names that lead to them.
        pending: list[tuple[Any, int]] = [(dict(values), 0)]
        while pending:
            items, length = pending.pop()
            count = most.of_value * len(items)
            if type(items) is dict:
                count += most.of_object
                widest = max(widest, len(items))
                # Decoders of other formats may return names that are no texts.
                length += max([len(name) for name in items if type(name) is str], default=0)
                items = items.values()
            else:
                count += most.of_array
            longest = max(longest, length)
            # Far faster than the loop, for long lists of numbers.
            for item in () if inspected.isdisjoint(map(type, items)) else items:
                kind = type(item)
                if (kind is dict or kind is list) and item:
                    pending.append((item, length))
                elif kind is dict or kind is list:
                    # There may be many of these.
                    count += most.of_object if kind is dict else most.of_array
                elif kind is str and most.has_documents:
                    commas = item.count(",")
                    inner = most.of_value * (commas + 1) + most.of_object * item.count("{")
                    inner += most.of_array * item.count("[")
                    errors += inner
                    names_length += inner * (length + len(item))
                    widest = max(widest, commas + 1)
            errors += count
            names_length += count * length
        if errors <= MAX_ERRORS and names_length <= _MAX_NAMES_LENGTH:
            return Detail.ALL
        is_wide = widest > MAX_PROBLEMS or longest * MAX_PROBLEMS > _MAX_NAMES_LENGTH
        return Detail.ONE if is_wide and most.has_names else Detail.FIRST


class _Measurement:
    """Finds the most errors of a value in a schema."""

    def __init__(self, schema: CoreSchema) -> None:
        self._definitions = definitions_of(schema)
        self._known: dict[str, _Errors] = {}
        root = schema["schema"] if schema["type"] == "definitions" else schema
        self.errors = self._of(root)

    def _of(self, schema: CoreSchema) -> _Errors:
        type_ = schema["type"]
        if type_ == "definition-ref":
            return self._of_reference(schema["schema_ref"])
        inner = [self._of(part) for part in inner_schemas(schema)] or [_ONE]
        # Each choice of a union has errors of its own.
        total = sum if type_ == "union" else max
        return _Errors(
            max(_required(schema, _OBJECTS), total(part.of_object for part in inner)),
            max(_required(schema, _ARRAYS), total(part.of_array for part in inner)),
            total(part.of_value for part in inner),
            type_ in CONTAINERS or any(part.has_containers for part in inner),
            type_ == "json" or any(part.has_documents for part in inner),
            has_names(schema) or any(part.has_names for part in inner),
        )

    def _of_reference(self, name: str) -> _Errors:
        if name not in self._known:
            # A type that contains itself has any number of values.
            self._known[name] = _ONE._replace(has_containers=True)
            self._known[name] = self._of(self._definitions[name])
        return self._known[name]


def _required(schema: CoreSchema, types: frozenset[str]) -> int:
    """Return how many names or positions may be missing in a value of one of the types."""
    type_ = schema["type"]
    if type_ not in types:
        return 0
    if type_ == "tuple":
        return len(schema["items_schema"])
    fields: Any = schema["arguments_schema" if type_ == "arguments" else "fields"]
    fields = fields.values() if isinstance(fields, Mapping) else fields
    return sum(
        field.get("required", True) and field["schema"]["type"] != "default" for field in fields
    )
