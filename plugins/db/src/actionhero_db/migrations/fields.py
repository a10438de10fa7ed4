"""Comparisons of fields: their differences, and the possibility of a rename."""

from __future__ import annotations

from typing import Any, Final

from tortoise.fields.relational import (
    ForeignKeyFieldInstance,
    ManyToManyFieldInstance,
    RelationalField,
)

#: Parts of the description of a field that no table contains.
_PYTHON_ONLY: Final = ("name", "docstring", "default", "python_type", "raw_field", "db_column")


def difference(name: str, old: Any, new: Any) -> set[str]:
    """Return the names of the options that differ between two versions of a field."""
    before, after = _description(name, old), _description(name, new)
    if not before.get("to_field") or not after.get("to_field"):
        # The primary key, which Tortoise writes out in some places only.
        before.pop("to_field", None)
        after.pop("to_field", None)
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def may_be_renamed(old: Any, new: Any) -> bool:
    """Return whether the values of one field can be those of another one."""
    if _kind(old) is not _kind(new):
        return False
    if isinstance(old, RelationalField):
        return _reference(old) == _reference(new)
    return bool(old.field_type == new.field_type and old.pk == new.pk)


def _kind(field: Any) -> type:
    for kind in (ManyToManyFieldInstance, ForeignKeyFieldInstance):
        if isinstance(field, kind):
            return kind
    return object


def _description(name: str, field: Any) -> dict[str, Any]:
    described = dict(field.describe(serializable=True))
    for key in _PYTHON_ONLY:
        described.pop(key, None)
    if isinstance(field, ManyToManyFieldInstance):
        return described
    if isinstance(field, ForeignKeyFieldInstance):
        described["model_name"] = _reference(field)
        described["related_name"] = field.related_name
        described["to_field"] = field.to_field
        # Both fields were taken from their model before Tortoise moved the name of the column.
        described["column"] = field.source_field or f"{name}_id"
    else:
        described["column"] = field.source_field or name
    return described


def _reference(field: Any) -> str:
    model = field.model_name
    return model if isinstance(model, str) else f"{model._meta.app}.{model.__name__}"
