"""`IntegerRange`: refuses inputs with integers of more than 64 bits, which no database stores."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePath
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, RootModel

from actionhero import ErrorType, File, InvalidInput, Middleware, Problem
from actionhero.transport import ABSENT, input_names, parts, pointer_to

if TYPE_CHECKING:
    from actionhero import Call
    from actionhero.transport import InputSchema

#: The range of a signed 64-bit integer.
SMALLEST: Final = -(2**63)
LARGEST: Final = 2**63 - 1

MESSAGE: Final = "Input should be an integer that fits into 64 bits"

#: Types whose values contain no integer.
_WITHOUT_INTEGERS: Final = (
    str, bytes, bytearray, bool, float, complex, NoneType, decimal.Decimal, datetime.date,
    datetime.time, datetime.timedelta, enum.Enum, uuid.UUID, PurePath, File,
)  # fmt: skip
#: The most frequent of them, for a quick check.
_SCALARS: Final = frozenset({str, bool, float, bytes, NoneType})

#: The names and positions that lead to a value.
_Location = tuple[Any, ...]


class IntegerRange(Middleware):
    """Refuses a call whose inputs contain an integer outside the range of a signed 64-bit integer.

    It runs before all other middleware, as a part of the validation. Actions whose inputs cannot
    contain integers are recognized by the annotations, once.
    """

    def for_action(self, action: Any) -> Middleware | None:
        """Return this middleware for an action whose inputs may contain integers."""
        return self if may_contain_integers(action.inputs) else None

    async def before(self, call: Call) -> None:
        """Check the inputs.

        Raises:
            InvalidInput: An integer is out of range; `problems` lists all of them.
        """
        if _is_out_of_range(call.inputs):
            raise _error(call.action.inputs, call.inputs)


def may_contain_integers(schema: InputSchema) -> bool:
    """Return whether inputs may contain an integer anywhere, judged by their annotations."""
    config = getattr(schema.type, "model_config", {})
    if config.get("extra") == "allow":
        return True
    if schema.is_empty:
        return False
    annotations = [field.annotation for field in schema.fields] or [schema.type]
    return not all(
        isinstance(part, type) and issubclass(part, _WITHOUT_INTEGERS)
        for annotation in annotations
        for part in parts(annotation)
    )


def _is_out_of_range(value: Any) -> bool:
    """Return whether `value` is, or contains, an integer that is out of range."""
    if isinstance(value, int):
        return not SMALLEST <= value <= LARGEST
    for item in _items(value):
        kind = type(item)
        if kind is int:
            if not SMALLEST <= item <= LARGEST:
                return True
        elif kind not in _SCALARS and _is_out_of_range(item):
            return True
    return False


def _items(value: Any) -> Iterable[Any]:
    """Return the values in a model, a dataclass, a mapping or a collection."""
    if isinstance(value, RootModel):
        return [value.root]
    if isinstance(value, BaseModel):
        extra = value.__pydantic_extra__
        return [*value.__dict__.values(), *extra.values()] if extra else value.__dict__.values()
    if isinstance(value, Mapping):
        return [*value, *value.values()]
    if _is_collection(value):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return ()


def _is_collection(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, _WITHOUT_INTEGERS)


def _error(schema: InputSchema, inputs: Any) -> InvalidInput:
    """Return the error that lists every integer out of range, in the order of declaration."""
    last = len(schema.positions)
    locations = sorted(
        _locations(inputs, schema.secret_names, ()),
        key=lambda location: schema.positions.get(location[0], last) if location else last,
    )
    key = str(locations[0][0]) if locations[0] else None
    value: Any = ABSENT
    if key is not None and key not in schema.secret_names:
        attribute = next((field.attribute for field in schema.fields if key in field.names), key)
        value = schema.redact(inputs).get(attribute, ABSENT)
    return InvalidInput(
        MESSAGE,
        type=ErrorType.PARAM_REQUIRED,
        key=key,
        value=value,
        problems=tuple(Problem(pointer_to(each), MESSAGE, "int_too_large") for each in locations),
    )


def _locations(value: Any, secrets: frozenset[str], location: _Location) -> Iterator[_Location]:
    """Yield the location of each integer out of range, but none inside a secret."""
    if isinstance(value, RootModel):
        value = value.root
    if isinstance(value, int) or (location and location[-1] in secrets):
        if _is_out_of_range(value):
            yield location
    else:
        for name, item in _named_items(value):
            yield from _locations(item, secrets, (*location, name))


def _named_items(value: Any) -> Iterable[tuple[Any, Any]]:
    """Return the values in a container with the names or positions that clients use."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        items = {**value.__dict__, **(value.__pydantic_extra__ or {})}
        return [
            (input_names(name, fields[name])[0] if name in fields else name, item)
            for name, item in items.items()
        ]
    if isinstance(value, Mapping):
        # A key out of range is reported at its own location.
        return [*((key, key) for key in value if isinstance(key, int)), *value.items()]
    if _is_collection(value):
        return enumerate(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return ()
