"""Range validators of integer columns: SQLite would store numbers that other databases refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.fields import IntField

from actionhero_db.error_translation import UnstorableValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.models import Model


class ColumnRange:
    """A validator of a Tortoise field that refuses integers outside the range of its column.

    Args:
        minimum: The smallest integer that fits.
        maximum: The largest.
    """

    __slots__ = ("_maximum", "_minimum")

    def __init__(self, minimum: int, maximum: int) -> None:
        self._minimum = minimum
        self._maximum = maximum

    def __call__(self, value: Any) -> None:
        """Check one value.

        Raises:
            UnstorableValue: The value is out of range.
        """
        if isinstance(value, int) and not self._minimum <= value <= self._maximum:
            raise UnstorableValue("a number is too large for its column")


def add_range_validators(models: Iterable[type[Model]]) -> None:
    """Add a `ColumnRange` to each integer field of `models` that has none yet."""
    for model in models:
        for field in model._meta.fields_map.values():
            if isinstance(field, IntField) and not any(
                isinstance(validator, ColumnRange) for validator in field.validators
            ):
                limits = field.constraints
                field.validators.append(ColumnRange(limits["ge"], limits["le"]))
