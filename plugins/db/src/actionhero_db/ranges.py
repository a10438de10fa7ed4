"""How large a number may be: SQLite would keep what no other database has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.fields import IntField

from actionhero_db.failures import Unstorable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.models import Model


class Range:
    """A validator of a field of Tortoise: refuses what does not fit into its column.

    Args:
        least: The least number that does.
        most: The largest.
    """

    __slots__ = ("_least", "_most")

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def __call__(self, value: Any) -> None:
        """Look at one value.

        Raises:
            Unstorable: It is too large.
        """
        if isinstance(value, int) and not self._least <= value <= self._most:
            raise Unstorable("a number is too large for its column")


def limit_numbers(models: Iterable[type[Model]]) -> None:
    """Let the fields of `models` refuse what does not fit; those that do already are left alone."""
    for model in models:
        for field in model._meta.fields_map.values():
            if isinstance(field, IntField) and not any(
                isinstance(validator, Range) for validator in field.validators
            ):
                limits = field.constraints
                field.validators.append(Range(limits["ge"], limits["le"]))
