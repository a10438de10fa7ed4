"""The steps of a migration that delete or change values, or may do so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.fields.data import DecimalField
from tortoise.fields.relational import ManyToManyFieldInstance
from tortoise.migrations.operations import (
    AddConstraint,
    AddField,
    AlterField,
    CreateModel,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RunPython,
    RunSQL,
)

from actionhero_db.migrations.alterations import column_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.migrations.migration import Migration

    from actionhero_db.migrations.steps import Step

#: The operations that may rebuild or drop a table.
_RISKY = (
    AddConstraint,
    AddField,
    AlterField,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RunPython,
    RunSQL,
)


def may_rebuild_tables(migration: Migration) -> bool:
    """Return whether a migration may rebuild or drop a table."""
    return any(isinstance(operation, _RISKY) for operation in migration.operations)


def destructive_steps(steps: Iterable[Step]) -> list[str]:
    """Return a phrase for each step that deletes or rounds values."""
    return [phrase for step in steps if (phrase := _phrase(step)) is not None]


def _phrase(step: Step) -> str | None:
    operation = step.operation
    removes_field, removes_model = (
        (AddField, CreateModel) if step.backward else (RemoveField, DeleteModel)
    )
    if isinstance(operation, removes_model):
        return _deleted_model(step, operation.name)
    if isinstance(operation, removes_field):
        return _deleted_field(step, operation.model_name, operation.name)
    if isinstance(operation, AlterField):
        return _rounded_field(step, operation.model_name, operation.name)
    return None


def _deleted_model(step: Step, name: str) -> str:
    meta = step.before.apps.get_model(step.label, name)._meta
    fields: list[Any] = [meta.fields_map[field] for field in sorted(meta.m2m_fields)]
    links = [str(field.through) for field in fields if not field._generated]
    tables = ", ".join(repr(table) for table in [meta.db_table, *links])
    return f"deletes the rows of {step.label}.{name} (table {tables})"


def _deleted_field(step: Step, model_name: str, name: str) -> str | None:
    model = step.before.apps.get_model(step.label, model_name)
    field: Any = model._meta.fields_map[name]
    place = f"{step.label}.{model_name}.{name}"
    if isinstance(field, ManyToManyFieldInstance):
        return f"deletes the links of {place} (table {field.through!r})"
    if field.generated:
        # The database computes its values from other ones.
        return None
    column = column_of(model, name)
    undo = ""
    if not step.backward and not field.null and not field.has_db_default():
        undo = ", and cannot be undone while the table has rows"
    return (
        f"deletes the values of {place} (column {column!r} of table {model._meta.db_table!r}){undo}"
    )


def _rounded_field(step: Step, model_name: str, name: str) -> str | None:
    old, new = (
        state.models[step.label, model_name].fields[name] for state in (step.before, step.after)
    )
    if not isinstance(old, DecimalField) or not isinstance(new, DecimalField):
        return None
    if new.decimal_places >= old.decimal_places:
        return None
    return (
        f"rounds the values of {step.label}.{model_name}.{name} from {old.decimal_places} to "
        f"{new.decimal_places} decimal places"
    )
