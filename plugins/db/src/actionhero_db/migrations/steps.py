"""The steps of a migration: its operations, with the models before and after each."""

from __future__ import annotations

import sys
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.migrations.exceptions import IncompatibleStateError
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import (
    AlterField,
    AlterModelOptions,
    RenameField,
    RenameModel,
)
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps

from actionhero import PluginError
from actionhero_db.migrations.alterations import alter_column, column_of, rename_column
from actionhero_db.migrations.errors import MigrationRefused
from actionhero_db.migrations.indexes import is_plain_unique
from actionhero_db.migrations.plain_fields import plain_field, plain_index

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.migrations.operations import Operation
    from tortoise.models import Model


@dataclass(frozen=True)
class Step:
    """An operation, and the models before and after it. Backward, they are exchanged."""

    operation: Any
    label: str
    before: State
    after: State
    backward: bool = False

    @property
    def reversed(self) -> Step:
        """The step that undoes this one."""
        return Step(self.operation, self.label, self.after, self.before, not self.backward)

    async def run(self, editor: Any) -> None:
        """Run the statements of the operation."""
        editor.source, editor.target = self.before, self.after
        operation, before, after = self.operation, self.before, self.after
        if isinstance(operation, RenameField):
            names = [operation.old_name, operation.new_name]
            models = self._models(operation.model_name)
            await rename_column(editor, *models, *(reversed(names) if self.backward else names))
        elif isinstance(operation, AlterField):
            await alter_column(editor, *self._models(operation.model_name), operation.name)
        elif isinstance(operation, AlterModelOptions):
            old, new = self._models(operation.name)
            if old._meta.table_description != new._meta.table_description:
                await editor.alter_description(new)
        elif self.backward:
            await operation.database_backward(self.label, before, after, editor)
        else:
            await operation.database_forward(self.label, before, after, editor)

    def _models(self, name: str) -> tuple[type[Model], type[Model]]:
        states = self.before.apps, self.after.apps
        before, after = (apps.get_model(self.label, name) for apps in states)
        return before, after


def steps_of(migration: Migration, state: State) -> list[Step]:
    """Return the steps of a migration, and change `state` to the models after it.

    Raises:
        PluginError: An operation does not fit the models; the message names the file.
    """
    steps = []
    for operation in migration.operations:
        before = copy_state(state)
        advance(migration, operation, state)
        steps.append(Step(operation, migration.app_label, before, copy_state(state)))
    return steps


def tables_of(steps: Iterable[Step]) -> frozenset[str]:
    """Return the tables that have a model at any time during steps."""
    states = [state for step in steps for state in (step.before, step.after)]
    return frozenset(model.table for state in states for model in state.models.values())


def steps_of_operations(label: str, operations: Iterable[Operation], state: State) -> list[Step]:
    """Return the steps of operations without a file, and change `state` as `steps_of` does."""
    migration = Migration("new", label)
    migration.operations = list(operations)
    return steps_of(migration, state)


def advance(migration: Migration, operation: Operation, state: State) -> None:
    """Change `state` to the models after an operation.

    Raises:
        PluginError: The operation does not fit the models; the message names the file.
    """
    try:
        if isinstance(operation, RenameModel):
            _rename_model(operation, migration.app_label, state)
            return
        if isinstance(operation, RenameField):
            _rename_in_options(operation, migration.app_label, state)
        operation.state_forward(migration.app_label, state)
    except Exception as error:
        if type(migration) is Migration:
            raise MigrationRefused(
                f"the change of the models of {migration.app_label!r} cannot be made: "
                f"{operation.describe()}: {str(error) or type(error).__name__}; undo it, or write "
                "the migration by hand"
            ) from error
        raise PluginError(
            f"migration {migration.app_label}.{migration.name} does not fit the migrations before "
            f"it, at '{operation.describe()}': {str(error) or type(error).__name__}; fix or remove "
            f"the file {file_of(migration)}"
        ) from error


def _rename_model(operation: RenameModel, label: str, state: State) -> None:
    """Rename a model, and render all models.

    Tortoise renders only the renamed one, which then has the relations of others twice.
    """
    model = state.models.pop((label, operation.old_name), None)
    if model is None:
        raise IncompatibleStateError(f"there is no model {operation.old_name}")
    if model.table == operation.old_name.lower():
        model.table = model.options["table"] = operation.new_name.lower()
    model.name = operation.new_name
    state.models[label, operation.new_name] = model
    old, new = (f"{label}.{name}" for name in (operation.old_name, operation.new_name))
    for other in state.models.values():
        for name, field in other.fields.items():
            if getattr(field, "model_name", None) == old:
                changed: Any = copy(field)
                changed.model_name = new
                other.fields[name] = changed
    state.apps.apps.clear()
    _render(state)


def file_of(migration: Migration) -> str:
    """Return the path of the file of a migration."""
    module = sys.modules.get(type(migration).__module__)
    return str(getattr(module, "__file__", None) or type(migration).__module__)


def copy_state(state: State) -> State:
    """Return a copy of the models, whose fields are not those of its rendered models.

    Tortoise's own shares them, so a foreign key in the copy forgets its column.
    """
    apps = StateApps(
        default_connections=dict(state.apps._default_connections),
        connections=state.apps._connections,
    )
    copied = State({key: model.clone() for key, model in state.models.items()}, apps)
    _render(copied)
    return copied


def empty_state(like: State) -> State:
    """Return a state without models, with the connections of another one."""
    return State({}, StateApps(dict(like.apps._default_connections), like.apps._connections))


def state_of(models: Iterable[tuple[str, type[Model]]], like: State) -> State:
    """Return the state of models of the application.

    Args:
        models: The models, each with its label.
        like: A state with the connections.
    """
    state = empty_state(like)
    for label, model in models:
        model_state = ModelState.make_from_model(label, model)
        # The bases of the application are not those of the files.
        model_state.bases = _BASES
        for name, field in model_state.fields.items():
            model_state.fields[name] = plain_field(_unbound(field, model))
            if field.pk:
                # That of a relation is the name of its key once Tortoise has resolved it.
                model_state.pk_field_name = model_state.options["pk_attr"] = name
        _normalize(model_state.options)
        state.models[label, model.__name__] = model_state
    _render(state)
    return state


def _normalize(options: dict[str, Any]) -> None:
    """Write the options of a model as operations leave them in the models of the migrations."""
    if options.get("indexes"):
        options["indexes"] = tuple(map(plain_index, options["indexes"]))
    constraints = options.get("constraints") or ()
    unnamed = [item for item in constraints if is_plain_unique(item)]
    if unnamed:
        together = tuple(tuple(item.fields) for item in unnamed)
        options["unique_together"] = (*options.get("unique_together", ()), *together)
        options["constraints"] = tuple(item for item in constraints if item not in unnamed)


def _unbound(field: Any, model: type[Model]) -> Any:
    """Return a copy of a field as it was before Tortoise resolved its relations."""
    unbound = copy(field)
    if isinstance(field, ForeignKeyFieldInstance):
        unbound.source_field = column_of(model, field.model_field_name)
        # Its model would be asked for the column once more when the field is written.
        unbound.model = None
    return unbound


def _render(state: State) -> None:
    for (label, _), model_state in state.models.items():
        state.apps.register_model(label, model_state.render(state.apps))
    state.apps._init_relations()
    state.apps._build_initial_querysets()


def _rename_in_options(operation: RenameField, label: str, state: State) -> None:
    """Rename a field in the indexes and constraints of its model, as the database does."""
    model = state.models.get((label, operation.model_name))
    if model is None or operation.old_name not in model.fields:
        return
    old, new = operation.old_name, operation.new_name

    def renamed(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    field = model.fields[old]
    if isinstance(field, ForeignKeyFieldInstance) and field.source_field == f"{old}_id":
        # A column without a name of its own is renamed with its field.
        key = copy(field)
        key.source_field = f"{new}_id"
        model.fields[old] = key
    options = model.options
    if options.get("unique_together"):
        options["unique_together"] = tuple(map(renamed, options["unique_together"]))
    if options.get("indexes"):
        options["indexes"] = tuple(_renamed_index(index, renamed) for index in options["indexes"])
    if options.get("constraints"):
        options["constraints"] = tuple(
            UniqueConstraint(renamed(item.fields), item.name, item.condition)
            if isinstance(item, UniqueConstraint)
            else item
            for item in options["constraints"]
        )
    if model.pk_field_name == old:
        model.pk_field_name = new
        options["pk_attr"] = new
    reference = f"{label}.{operation.model_name}"
    for other in state.models.values():
        for name, field in other.fields.items():
            if not isinstance(field, ForeignKeyFieldInstance):
                continue
            if field.to_field == old and field.model_name == reference:
                changed = copy(field)
                changed.to_field = new
                other.fields[name] = changed


def _renamed_index(index: Any, renamed: Any) -> Any:
    if not isinstance(index, Index):
        return renamed(index)
    changed = copy(index)
    if index.fields:
        changed.fields = list(renamed(index.fields))
    return changed


def _bases() -> tuple[type, ...]:
    from tortoise.models import Model

    return (Model,)


_BASES = _bases()
