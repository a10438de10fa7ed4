"""Cursors: the position of a row in the order of a list, as a text for clients.

A cursor is neither secret nor trusted. It contains the values of the ordered columns of one row,
is validated like any input, and selects only among the rows that the action would return anyway.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import enum
import json
import math
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tortoise.fields.base import Field

_NEXT: Final = "n"
_PREVIOUS: Final = "p"


class InvalidCursor(Exception):
    """Raised for a text that is not a cursor of the list."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position between two rows, and the direction from there."""

    #: The values of the ordered columns of the row next to the position.
    values: Sequence[Any]
    #: Whether the page ends before that row, instead of starting after it.
    backward: bool = False

    def encode(self, order: Sequence[str]) -> str:
        """Return the cursor as a text of letters, digits, `-` and `_`.

        Args:
            order: The ordered columns, which the cursor is valid for.

        Raises:
            TypeError: A column has a type that a cursor cannot contain.
        """
        direction = _PREVIOUS if self.backward else _NEXT
        content = [direction, ",".join(order), *map(_plain, self.values)]
        text = json.dumps(content, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, order: Sequence[str], fields: Sequence[Field[Any]]) -> Cursor:
        """Return the cursor of a text.

        Args:
            text: A result of `encode`, or anything else.
            order: The ordered columns of the list.
            fields: Their fields.

        Raises:
            InvalidCursor: The text is not a cursor of a list in this order.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            direction, names, *values = content
            if direction not in {_NEXT, _PREVIOUS} or names != ",".join(order):
                raise InvalidCursor
            parsed = [_parse(value, field) for value, field in zip(values, fields, strict=True)]
        except (ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise InvalidCursor from error
        return cls(parsed, direction == _PREVIOUS)


def _plain(value: Any) -> Any:
    """Return a value of a column as a JSON value."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    raise TypeError(
        f"a cursor cannot contain a {type(value).__name__}; order the rows by other columns"
    )


def _parse(value: Any, field: Field[Any]) -> Any:
    """Return the value of a column from an untrusted JSON value.

    Raises:
        ValueError: It is not a value of that column.
    """
    if isinstance(value, bool) and field.field_type is not bool:
        raise ValueError("not a boolean column")
    if not isinstance(value, bool | int | float | str):
        raise ValueError("not a scalar")
    if isinstance(value, str):
        # No database compares a NUL character or an unpaired surrogate.
        value.encode()
        if "\x00" in value:
            raise ValueError("a NUL character")
    try:
        parsed = field.to_python_value(value)
        if _plain(parsed) != value:
            raise ValueError("of another type")
        if isinstance(parsed, float | decimal.Decimal) and not math.isfinite(parsed):
            raise ValueError("not a number")
        field.validate(parsed)
        return parsed
    except Exception as error:
        # Fields raise exceptions of many types, some of which quote the value.
        raise ValueError("not a value of its column") from error
