"""Fields and indexes with plain values in place of enums, as migrations contain them.

A migration outlives the enums of the application: a file that imports one could not be loaded any
more as soon as it is removed. The tables are the same.
"""

from __future__ import annotations

from copy import copy
from enum import Enum
from typing import Any

from tortoise.fields import CharField, SmallIntField
from tortoise.fields.data import CharEnumFieldInstance, IntEnumFieldInstance
from tortoise.indexes import PartialIndex


def plain_field(field: Any) -> Any:
    """Return a field without enums: the same one, or a copy."""
    kind: type | None = None
    if isinstance(field, CharEnumFieldInstance):
        kind = CharField
    elif isinstance(field, IntEnumFieldInstance):
        kind = SmallIntField
    default, db_default = plain_value(field.default), plain_value(field.db_default)
    if kind is None and default is field.default and db_default is field.db_default:
        return field
    changed = copy(field)
    changed.default, changed.db_default = default, db_default
    if kind is None:
        return changed
    _, _, options = changed.deconstruct()
    options.pop("enum_type", None)
    plain: Any = kind(**options)
    for name in ("model", "model_field_name"):
        setattr(plain, name, getattr(field, name))
    return plain


def plain_index(index: Any) -> Any:
    """Return an index whose condition has no enums: the same one, or a copy."""
    if not isinstance(index, PartialIndex) or not index.condition:
        return index
    changed = copy(index)
    changed.condition = plain_value(index.condition)
    return changed


def plain_value(value: Any) -> Any:
    """Return the value of an enum, also inside a list, a tuple or a dictionary.

    A default that is a member of `enum.StrEnum` would otherwise be written with its class.
    """
    if isinstance(value, Enum):
        return value.value
    if type(value) in {list, tuple}:
        items = [plain_value(item) for item in value]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return type(value)(items) if changed else value
    if type(value) is dict:
        pairs = {plain_value(key): plain_value(item) for key, item in value.items()}
        return value if all(map(_same, pairs.items(), value.items())) else pairs
    return value


def _same(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    return one[0] is other[0] and one[1] is other[1]
