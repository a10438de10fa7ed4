"""The plan of a new migration: made, checked and tried in memory, before its file is written."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import RelationalField
from tortoise.migrations.operations import AddField, AlterField, CreateModel

from actionhero_db.migrations.changes import operations_between
from actionhero_db.migrations.destruction import destructive_steps
from actionhero_db.migrations.errors import MigrationRefused
from actionhero_db.migrations.files import check_folder, next_name
from actionhero_db.migrations.refusals import (
    conditions_of,
    reject_impossible_changes,
    reject_other_keys,
    reject_other_tables,
)
from actionhero_db.migrations.rendering import Writer, writable
from actionhero_db.migrations.scratch import TrialImpossible
from actionhero_db.migrations.steps import copy_state, steps_of, steps_of_operations
from actionhero_db.migrations.trial import try_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tortoise.migrations.migration import Migration
    from tortoise.migrations.operations import Operation
    from tortoise.migrations.schema_generator.state import State

    from actionhero_db.migrations.decisions import Decisions
    from actionhero_db.migrations.session import Session


@dataclass(frozen=True)
class Plan:
    """A migration that was tried, and has no file yet."""

    #: The name of its file, without the suffix.
    name: str
    #: The content of its file.
    text: str
    #: A phrase for each step that deletes or rounds values.
    destructive: list[str]
    #: A phrase for each requirement to the rows.
    conditions: list[str]
    #: Why it was not tried on the database; `None` if it was.
    untried: str | None


async def has_changes(session: Session, label: str) -> bool:
    """Return whether the models of a label differ from those of its migrations."""
    old = await session.state_after(session.plan)
    return bool(operations_between(label, old, session.application_state(old)))


async def plan_migration(
    session: Session, label: str, name: str, decisions: Decisions
) -> Plan | None:
    """Plan a migration for the changes of the models of a label; `None` without changes.

    Raises:
        MigrationRefused: A change cannot be made, or it is not decided whether it is a rename.
    """
    config = session.apps[label]
    check_folder(config)
    old = await session.state_after(session.plan)
    new = session.application_state(old)
    _check_references(session, label, new)
    reject_other_keys(label, old, new, decisions)
    operations = operations_between(label, old, new, decisions)
    decisions.check(label)
    if not operations:
        return None
    steps = steps_of_operations(label, operations, copy_state(old))
    reject_impossible_changes(steps)
    reject_other_tables(steps, new, label)
    name = next_name(config, name)
    destructive = destructive_steps(steps)
    text = _text(session, label, name, operations, destructive)
    steps = steps_of(_load(text, label, name), copy_state(old))
    if remaining := operations_between(label, steps[-1].after, new):
        raise MigrationRefused(
            f"a migration of {label!r} would not contain the whole change: "
            f"'{remaining[0].describe()}' would be missing; undo this change of the models, or "
            "write the migration by hand"
        )
    untried = None
    try:
        await try_steps(session, steps, new)
    except TrialImpossible as error:
        untried = str(error)
    return Plan(name, text, destructive, conditions_of(steps), untried)


def _check_references(session: Session, label: str, new: State) -> None:
    for (own, name), model in new.models.items():
        for field_name, field in model.fields.items():
            if own != label or not isinstance(field, RelationalField):
                continue
            other, _ = new.apps.split_reference(field.model_name)  # type: ignore[attr-defined]
            if other != label and "migrations" not in session.apps.get(other, {}):
                raise MigrationRefused(
                    f"{label}.{name}.{field_name} refers to a model of {other!r}, which has no "
                    f"migrations; run first: actionhero db make --label {other} initial"
                )


# -- the text ------------------------------------------------------------------------------------


def _text(
    session: Session,
    label: str,
    name: str,
    operations: Sequence[Operation],
    destructive: list[str],
) -> str:
    is_first = not any(key.app_label == label for key in session.graph.nodes)
    writer = Writer(
        name,
        label,
        [_writable(operation) for operation in operations],
        dependencies=_dependencies(session, label, operations),
        initial=is_first,
    )
    try:
        text = writer.as_string()
        _load(text, label, name)
    except Exception as error:
        raise MigrationRefused(_unwritable(writer, label) or str(error)) from error
    header = [
        # The code is generated by Tortoise, and is not formatted.
        "# Written by 'actionhero db make'; edit it as needed.",
        *(f"# It {phrase}." for phrase in destructive),
        "# ruff: noqa",
        "# fmt: off",
    ]
    return "\n".join([*header, text])


def _writable(operation: Operation) -> Operation:
    """Return an operation whose fields have no default that only Python can compute."""
    changed = copy(operation)
    if isinstance(changed, CreateModel):
        changed.fields = [(name, writable(field)) for name, field in changed.fields]
    elif isinstance(changed, AddField | AlterField):
        changed.field = writable(changed.field)
    return changed


def _unwritable(writer: Writer, label: str) -> str | None:
    """Return a message about the first field that cannot be written."""
    for operation in writer.operations:
        fields: list[tuple[str, str, Any]] = []
        if isinstance(operation, CreateModel):
            fields = [(operation.name, name, field) for name, field in operation.fields]
        elif isinstance(operation, AddField | AlterField):
            fields = [(operation.model_name, operation.name, operation.field)]
        for model, name, field in fields:
            alone = Writer("", label, [AddField(model, name, field)])
            try:
                _load(alone.as_string(), label, name)
            except Exception as error:  # noqa: BLE001 - any kind of value may fail in its own way
                return (
                    f"{label}.{model}.{name} cannot be written to a migration: {error}; use "
                    "values, and classes and functions at the top level of a module"
                )
    return None


def _dependencies(
    session: Session, label: str, operations: Sequence[Operation]
) -> list[tuple[str, str]]:
    labels = {label}
    for operation in operations:
        fields: list[Any] = []
        if isinstance(operation, CreateModel):
            fields = [field for _, field in operation.fields]
        elif isinstance(operation, AddField | AlterField):
            fields = [operation.field]
        labels |= {_label_of(field) for field in fields if isinstance(field, RelationalField)}
    known = {key.app_label for key in session.graph.nodes}
    leaves = [key for each in sorted(labels & known) for key in session.graph.leaf_nodes(each)]
    return sorted((key.app_label, key.name) for key in leaves)


def _label_of(field: Any) -> str:
    reference = field.model_name
    if isinstance(reference, str):
        return reference.partition(".")[0]
    return str(reference._meta.app)


def _load(text: str, label: str, name: str) -> Migration:
    namespace: dict[str, Any] = {"__name__": f"{label}.{name}"}
    exec(compile(text, f"{name}.py", "exec"), namespace)  # noqa: S102 - our own text
    migration: Migration = namespace["Migration"](name, label)
    return migration
