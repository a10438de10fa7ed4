"""Changes that are refused before a migration is written: no database makes them with rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.fields.data import CharField, DecimalField, IntField, TextField
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.migrations.operations import AddField, AlterField, CreateModel

from actionhero_db.migrations.errors import MigrationRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tortoise.migrations.schema_generator.state import State

    from actionhero_db.migrations.decisions import Decisions
    from actionhero_db.migrations.steps import Step

#: The advice for a field whose values cannot be converted.
_REPLACE = (
    "add a field with another name, run this migration, copy the values in one of your own "
    "(ops.RunSQL), and remove the old field afterwards"
)


def reject_impossible_changes(steps: Sequence[Step]) -> None:
    """Reject changes that fail on tables with rows, or that Tortoise does not make.

    Raises:
        MigrationRefused: There is such a change; the message names the model and the field.
    """
    created = {step.operation.name for step in steps if isinstance(step.operation, CreateModel)}
    for step in steps:
        operation = step.operation
        if isinstance(operation, CreateModel):
            _check_new_model(step, steps[0].before)
        elif isinstance(operation, AddField) and operation.model_name not in created:
            _check_new_field(step, operation)
        elif isinstance(operation, AlterField):
            _check_changed_field(step, operation)


def _check_new_field(step: Step, operation: AddField) -> None:
    field: Any = operation.field
    place = f"{step.label}.{operation.model_name}.{operation.name}"
    if isinstance(field, ManyToManyFieldInstance):
        return
    if field.pk:
        raise MigrationRefused(
            f"the new field {place} is a primary key, and no database replaces the primary key of "
            "a table; keep the old one, or create another model"
        )
    if not field.null and not field.generated and not field.has_db_default():
        raise MigrationRefused(
            f"the new field {place} is not nullable and has no db_default, so existing rows "
            "would have no value; set db_default=…, which the database stores in them "
            "(default=… has no effect in the database), or null=True"
        )


def _check_changed_field(step: Step, operation: AlterField) -> None:
    old: Any = step.before.models[step.label, operation.model_name].fields[operation.name]
    new: Any = operation.field
    place = f"{step.label}.{operation.model_name}.{operation.name}"
    if _kind(old) != _kind(new):
        raise MigrationRefused(
            f"{place} was {_kind(old)} and is {_kind(new)} now, and there is no conversion of the "
            f"values; {_REPLACE}"
        )
    if _kind(new) != "a value":
        if old.model_name != new.model_name:
            raise MigrationRefused(
                f"{place} referred to {old.model_name} and refers to {new.model_name} now, whose "
                f"rows are others; {_REPLACE}"
            )
        if isinstance(new, ManyToManyFieldInstance):
            _check_links(place, old, new)
        return
    if old.field_type != new.field_type:
        raise MigrationRefused(
            f"the type of {place} changed from {_name(old)} to {_name(new)}, and there is no "
            f"conversion of the values; {_REPLACE}"
        )
    if old.pk != new.pk:
        raise MigrationRefused(
            f"{place} {'became' if new.pk else 'is no longer'} the primary key, and no database "
            "replaces the primary key of a table; keep the old one, or create another model"
        )
    _check_referred_field(step, place, old, new)


def _check_links(place: str, old: Any, new: Any) -> None:
    for option in ("on_delete", "unique", "db_constraint"):
        value = getattr(old, option)
        if value != getattr(new, option):
            raise MigrationRefused(
                f"{option} of the many-to-many relation {place} changed, which no migration "
                f"changes in its table; set {option}={value!s}, or {_REPLACE}"
            )


def _check_new_model(step: Step, first: State) -> None:
    """Reject a model for the table of a many-to-many field, if it exists before all steps."""
    table = step.after.models[step.label, step.operation.name].table
    place = _link_tables(first).get(table)
    if place is not None and table in _link_tables(step.before):
        raise MigrationRefused(
            f"the table {table!r} of the new model {step.label}.{step.operation.name} exists "
            f"already, with the links of {place}; set another table in its class Meta, copy the "
            "links in a migration of your own (ops.RunSQL), and set through of the relation to "
            "the new table afterwards"
        )


def _link_tables(state: State) -> dict[str, str]:
    """Return the many-to-many field of each table that such a field has created."""
    models = {model.table for model in state.models.values()}
    tables = {}
    for label, name in state.models:
        fields_map = state.apps.get_model(label, name)._meta.fields_map
        for other, field in fields_map.items():
            if isinstance(field, ManyToManyFieldInstance) and not field._generated:
                tables[str(field.through)] = f"{label}.{name}.{other}"
    return {table: place for table, place in tables.items() if table not in models}


def _check_referred_field(step: Step, place: str, old: Any, new: Any) -> None:
    """Reject another type for a field to which other models refer."""
    dialects = ("", "sqlite", "postgres", "mysql")
    if all(
        old.get_for_dialect(d, "SQL_TYPE") == new.get_for_dialect(d, "SQL_TYPE") for d in dialects
    ):
        return
    target, field_name = f"{step.label}.{step.operation.model_name}", step.operation.name
    for (label, name), model in step.after.models.items():
        for other, field in model.fields.items():
            if getattr(field, "model_name", None) != target:
                continue
            if new.pk or getattr(field, "to_field", None) == field_name:
                raise MigrationRefused(
                    f"the type of {place} changed, and {label}.{name}.{other} refers to it, whose "
                    "values would still have the old one; undo this change of the models, or "
                    "write the migration by hand"
                )


def conditions_of(steps: Sequence[Step]) -> list[str]:
    """Return a phrase for each step that fails if rows do not meet its condition."""
    phrases = []
    for step in steps:
        operation = step.operation
        if not isinstance(operation, AlterField):
            continue
        old: Any = step.before.models[step.label, operation.model_name].fields[operation.name]
        new: Any = operation.field
        place = f"{step.label}.{operation.model_name}.{operation.name}"
        if old.null and not new.null and not new.has_db_default():
            phrases.append(f"fails while a row has no value for {place}, as it has no db_default")
        if new.unique and not old.unique:
            phrases.append(f"fails while two rows have the same value for {place}")
        phrases += [
            f"fails while a value of {place} {excess}; SQLite keeps such values, which cannot be "
            "saved again"
            for excess in _excess(old, new)
        ]
    return phrases


def _excess(old: Any, new: Any) -> Iterator[str]:
    """Yield the properties of values that fit into the old column, and not into the new one."""
    if isinstance(new, CharField) and isinstance(old, CharField | TextField):
        if not isinstance(old, CharField) or new.max_length < old.max_length:
            yield f"has more than {new.max_length} characters"
    elif isinstance(new, IntField) and isinstance(old, IntField):
        minimum, maximum = new.constraints["ge"], new.constraints["le"]
        if minimum > old.constraints["ge"] or maximum < old.constraints["le"]:
            yield f"is not from {minimum} to {maximum}"
    elif isinstance(new, DecimalField) and isinstance(old, DecimalField):
        digits, old_digits = (field.max_digits - field.decimal_places for field in (new, old))
        if digits < old_digits:
            yield f"has more than {digits} digits before the decimal point"


def reject_other_keys(label: str, old: State, new: State, decisions: Decisions) -> None:
    """Reject a primary key that is another field.

    Args:
        label: The label of the models.
        old: The models of the migrations.
        new: The models of the application.
        decisions: The renames: a key can have another name.
    """
    for (own, name), model in new.models.items():
        before = old.models.get((own, name))
        if own != label or before is None or before.pk_field_name == model.pk_field_name:
            continue
        key = before.pk_field_name
        if decisions.renames.get(f"{name}.{key}") != model.pk_field_name and key in before.fields:
            raise MigrationRefused(
                f"the primary key of {label}.{name} changed from {key} to {model.pk_field_name}, "
                "and no database replaces the primary key of a table; use --rename "
                f"{name}.{key}:{model.pk_field_name} if it is the same, keep the old one, or "
                "create another model"
            )


def reject_other_tables(steps: Sequence[Step], target: Any, label: str) -> None:
    """Reject a changed `Meta.table` or `Meta.schema`, for which there is no operation.

    Args:
        steps: The steps of the new migration.
        target: The models of the application.
        label: The label of the models.
    """
    after = steps[-1].after
    for (own, name), model in target.models.items():
        if own != label:
            continue
        migrated = after.apps.get_model(own, name)._meta
        for option, old, new in (
            ("table", migrated.db_table, model.table),
            ("schema", migrated.schema, model.options.get("schema")),
        ):
            if (old or None) != (new or None):
                raise MigrationRefused(
                    f"the {option} of {label}.{name} would change from {old!r} to {new!r}, and "
                    f"there is no migration for that; set {option} = {old!r} in its class Meta"
                )


def _kind(field: Any) -> str:
    if isinstance(field, ManyToManyFieldInstance):
        return "a many-to-many relation"
    if isinstance(field, ForeignKeyFieldInstance):
        return "a reference"
    return "a value"


def _name(field: Any) -> str:
    return type(field).__name__.removesuffix("Instance")
