"""The canonical form of inputs: equal for equal values, however they were written."""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Mapping, Set
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from actionhero.files import File
from actionhero.json import dumps, loads

#: The types that JSON distinguishes, and that have one form.
_SCALARS: Final = frozenset({str, int, bool, type(None)})


def canonical(value: Any) -> Any:
    """Return the JSON value that represents all values equal to `value`.

    It is the same for all spellings of a value, over every transport and in every process. An input
    that the client has not sent, and whose default a function makes, is left out: such a default,
    as a time or a random number, is different each time. The content of a file is read, from its
    start and back to it, which blocks.

    Args:
        value: Validated inputs, or a part of them.

    Raises:
        TypeError: A value has no such form.
        ValueError: A value has no such form.
        RecursionError: The value contains itself.
    """
    if type(value) in _SCALARS:
        return value
    # Types that are ambiguous as a text or a number are marked: a dictionary of a schema has no
    # such name.
    if isinstance(value, Enum):
        return canonical(value.value)
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, time):
        return _time(value)
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"\0bytes": bytes(value).hex()}
    if hasattr(value, "get_secret_value"):
        return canonical(value.get_secret_value())
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    return _container(value)


def _container(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_name(name): canonical(item) for name, item in value.items()}
    if isinstance(value, Set):
        return sorted(map(canonical, value), key=lambda item: json.dumps(item, sort_keys=True))
    if hasattr(type(value), "model_fields"):
        fields = {
            name: getattr(value, name)
            for name, field in type(value).model_fields.items()
            if field.default_factory is None or name in value.model_fields_set
        }
        return _container(fields | (value.model_extra or {}))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: canonical(getattr(value, item.name)) for item in dataclasses.fields(value)
        }
    if isinstance(value, File):
        return {"\0file": [value.name, value.content_type, sha256(value.content()).hexdigest()]}
    if isinstance(value, list | tuple | deque):
        return [canonical(item) for item in value]
    # Such as dates, identifiers, paths, addresses and URLs.
    return loads(dumps(value))


def _name(name: Any) -> str:
    """Return the name of an item: a text as it is, any other value as JSON."""
    return name if type(name) is str else json.dumps(canonical(name), sort_keys=True)


def _number(value: float | Decimal) -> Any:
    """Return an integer if `value` is one, and otherwise a text without trailing zeros."""
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        return {"\0number": str(number)}
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    if not stripped:
        return 0
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    power = exponent + len(text) - len(stripped)
    # Not for the exponents of a million digits.
    if 0 <= power <= 400:
        return int(stripped) * 10**power * (-1 if sign else 1)
    return {"\0number": f"{'-' if sign else ''}{stripped}e{power}"}


def _time(value: time) -> Any:
    """Return a time of day; with an offset, as microseconds since midnight in UTC."""
    offset = value.utcoffset()
    if offset is None:
        return value.isoformat()
    since_midnight = timedelta(
        hours=value.hour,
        minutes=value.minute,
        seconds=value.second,
        microseconds=value.microsecond,
    )
    return {"\0time": (since_midnight - offset) // timedelta(microseconds=1)}
