"""Integers that no database has a place for: those of more than 64 bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from actionhero.inputs.fields import input_names

#: What fits into a signed 64 bit integer, as databases and most clients have it.
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1


def long_integers_in(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    """Yield where in `value` integers of more than 64 bits are: the names and positions."""
    if isinstance(value, int):
        if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            yield path
    elif isinstance(value, BaseModel):
        fields = type(value).model_fields
        for name, item in value.__dict__.items():
            outside = input_names(name, fields[name])[0] if name in fields else name
            yield from long_integers_in(item, (*path, outside))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from long_integers_in(item, (*path, name))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            yield from long_integers_in(item, (*path, index))
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from long_integers_in(getattr(value, field.name), (*path, field.name))
