"""The deduplication key of a job with `unique_for`: a digest of its parsed inputs.

It is the same for all spellings of the same inputs, over every transport and in every process.
"""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Mapping, Set
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from actionhero import InvalidInput
from actionhero.transport import dumps, loads
from actionhero_tasks.envelope import parsed_inputs

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction
    from actionhero_tasks.encryption import Encryption

#: The types that JSON distinguishes, and that have one form.
_SCALARS: Final = frozenset({str, int, bool, type(None)})


def key_of(action: RegisteredAction, inputs: Any, encryption: Encryption) -> str:
    """Return a key that is equal for equal inputs.

    It is a digest, because a key is visible in the queue; with secret inputs, it depends on
    `app.secret_key`, because secrets may be guessed.

    Raises:
        InvalidInput: The inputs are invalid, or one of them has no canonical form.
    """
    # Parsed twice: a default that is a time or a random number is different each time, and so is no
    # part of the key.
    first, second = (_canonical_fields(action, inputs) for _ in range(2))
    text = json.dumps(_common(first, second), sort_keys=True, separators=(",", ":"))
    if action.inputs.sensitive_names:
        return encryption.mac(text.encode())
    return sha256(text.encode()).hexdigest()


def _canonical_fields(action: RegisteredAction, inputs: Any) -> dict[str, Any]:
    parsed = parsed_inputs(action, inputs)
    is_mapping = isinstance(parsed, Mapping)
    values = {
        field.name: parsed.get(field.attribute) if is_mapping else getattr(parsed, field.attribute)
        for field in action.inputs.fields
    }
    try:
        return {name: _canonical(value) for name, value in values.items()}
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"the inputs of {action.name!r} have no key for unique_for: {error}; pass a key"
        ) from None


def _common(first: Any, second: Any) -> Any:
    """Return the parts of a value that are equal in another; the others are `None`."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {name: _common(first[name], second.get(name)) for name in first}
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [_common(*items) for items in zip(first, second, strict=True)]
    return first if first == second else None


def _canonical(value: Any) -> Any:
    """Return the JSON value that represents all values equal to `value`."""
    if type(value) in _SCALARS:
        return value
    # Types that are ambiguous as a text or a number are marked: a dictionary of a schema has no
    # such name.
    if isinstance(value, Enum):
        return _canonical(value.value)
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
        return _canonical(value.get_secret_value())
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    return _container(value)


def _container(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_name(name): _canonical(item) for name, item in value.items()}
    if isinstance(value, Set):
        return sorted(map(_canonical, value), key=lambda item: json.dumps(item, sort_keys=True))
    if hasattr(type(value), "model_fields"):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return _container(fields | (value.model_extra or {}))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: _canonical(getattr(value, item.name)) for item in dataclasses.fields(value)
        }
    if isinstance(value, list | tuple | deque):
        return [_canonical(item) for item in value]
    # Such as dates, identifiers, paths, addresses and URLs.
    return loads(dumps(value))


def _name(name: Any) -> str:
    """Return the name of an item: a text as it is, any other value as JSON."""
    return name if type(name) is str else json.dumps(_canonical(name), sort_keys=True)


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
