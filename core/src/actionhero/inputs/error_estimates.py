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
    inner_schemas,
)
from actionhero.inputs.unsupported import MAX_PROBLEMS

#: How many errors pydantic may collect for a call.
MAX_ERRORS: Final = 10 * MAX_PROBLEMS
#: How many characters of names their locations may have.
_MAX_NAMES_LENGTH: Final = 8 * 1024 * 1024


class Detail(IntEnum):
    """Which errors of invalid inputs are collected."""

    ALL = 0
    #: Those of the first invalid item of each container.
    FIRST = 1
    #: One of each container and each object.
    ONE = 2


class _Errors(NamedTuple):
    """The most errors of a value in a part of a schema."""

    #: Of an object without any of its names.
    of_object: int
    #: Of a value with the wrong type: one in each choice of a union.
    of_value: int
    #: Whether the part contains containers, so that there may be any number of values.
    has_containers: bool
    #: Whether it contains texts that are documents themselves.
    has_documents: bool
    #: Whether it contains objects with an error for each undeclared name.
    has_names: bool


_ONE: Final = _Errors(1, 1, has_containers=False, has_documents=False, has_names=False)


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
        if most.has_containers or most.has_documents:
            of_any = most.of_object + most.of_value
            self.small_length = min(MAX_ERRORS // of_any, isqrt(_MAX_NAMES_LENGTH // of_any))

    def detail(self, values: Mapping[str, Any]) -> Detail:
        """Return how many errors of inputs may be collected."""
        most = self._most
        errors = names_length = longest = widest = 0
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
            longest = max(longest, length)
            for item in items:
                kind = type(item)
                if (kind is dict or kind is list) and item:
                    pending.append((item, length))
                elif kind is dict:
                    # There may be many of these.
                    count += most.of_object
                elif kind is str and most.has_documents:
                    commas = item.count(",")
                    inner = most.of_value * (commas + 1) + most.of_object * item.count("{")
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
            max(_required(schema), total(part.of_object for part in inner)),
            total(part.of_value for part in inner),
            type_ in CONTAINERS or any(part.has_containers for part in inner),
            type_ == "json" or any(part.has_documents for part in inner),
            _has_names(schema) or any(part.has_names for part in inner),
        )

    def _of_reference(self, name: str) -> _Errors:
        if name not in self._known:
            # A type that contains itself has any number of values.
            self._known[name] = _ONE._replace(has_containers=True)
            self._known[name] = self._of(self._definitions[name])
        return self._known[name]


def _has_names(schema: CoreSchema) -> bool:
    """Return whether an object may have an error for each undeclared name."""
    config = schema.get("config", {})
    behaviour = schema.get("extra_behavior") or config.get("extra_fields_behavior")
    return bool(
        behaviour == "forbid"
        or schema.get("extras_schema")
        or schema.get("extras_keys_schema")
        or schema["type"] in {"arguments", "named-tuple"}
    )


def _required(schema: CoreSchema) -> int:
    """Return how many names may be missing in an object."""
    type_ = schema["type"]
    fields: Any = schema["arguments_schema"] if type_ == "arguments" else ()
    if type_ in FIELD_SCHEMAS or type_ == "named-tuple":
        fields = schema["fields"]
    fields = fields.values() if isinstance(fields, Mapping) else fields
    return sum(
        field.get("required", True) and field["schema"]["type"] != "default" for field in fields
    )
