"""The steps of a migration: its operations, with the models before and after each."""

from __future__ import annotations

import sys
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import AlterField, RenameField
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps

from actionhero import PluginError

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
            await self._rename_field(operation, editor)
        elif isinstance(operation, AlterField) and not self._changes_table(operation):
            return
        elif self.backward:
            await operation.database_backward(self.label, before, after, editor)
        else:
            await operation.database_forward(self.label, before, after, editor)

    async def _rename_field(self, operation: RenameField, editor: Any) -> None:
        # Tortoise renames a column of the name of the field, which a many-to-many field does not
        # have, and a foreign key only sometimes.
        names = [operation.old_name, operation.new_name]
        if self.backward:
            names.reverse()
        before, after = self._models(operation.model_name)
        if isinstance(before._meta.fields_map[names[0]], ManyToManyFieldInstance):
            return
        old, new = column_of(before, names[0]), column_of(after, names[1])
        if old != new:
            table = editor._qualify_table_name(after._meta.db_table, after._meta.schema)
            statement = editor.RENAME_FIELD_TEMPLATE
            await editor._run_sql(statement.format(table=table, old_column=old, new_column=new))

    def _changes_table(self, operation: AlterField) -> bool:
        before, after = self._models(operation.model_name)
        return _definition(before, operation.name) != _definition(after, operation.name)

    def _models(self, name: str) -> tuple[type[Model], type[Model]]:
        return self.before.apps.get_model(self.label, name), self.after.apps.get_model(
            self.label, name
        )


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
        if isinstance(operation, RenameField):
            _rename_in_options(operation, migration.app_label, state)
        operation.state_forward(migration.app_label, state)
    except Exception as error:
        raise PluginError(
            f"migration {migration.app_label}.{migration.name} does not fit the migrations before "
            f"it, at '{operation.describe()}': {str(error) or type(error).__name__}; fix or remove "
            f"the file {file_of(migration)}"
        ) from error


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
            model_state.fields[name] = _unbound(field, model)
        state.models[label, model.__name__] = model_state
    _render(state)
    return state


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


def column_of(model: type[Model], name: str) -> str:
    """Return the column of a field; that of a foreign key is the column of its key."""
    field = model._meta.fields_map[name]
    if isinstance(field, ForeignKeyFieldInstance):
        key = field.source_field or f"{name}_id"
        backing = model._meta.fields_map.get(key)
        return (backing.source_field if backing is not None else None) or key
    return field.source_field or name


def _definition(model: type[Model], name: str) -> object:
    """Return everything about a field that its table contains."""
    field: Any = model._meta.fields_map[name]
    if isinstance(field, ManyToManyFieldInstance):
        return (field.through, field.forward_key, field.backward_key, field.model_name)
    relation: object = None
    if isinstance(field, ForeignKeyFieldInstance):
        relation = (field.model_name, field.to_field, str(field.on_delete), field.db_constraint)
        field = model._meta.fields_map[field.source_field or f"{name}_id"]
    description = field.describe(serializable=True)
    for state_only in ("name", "default", "docstring", "python_type", "field_type"):
        description.pop(state_only, None)
    return relation, column_of(model, name), field.pk, description


def _rename_in_options(operation: RenameField, label: str, state: State) -> None:
    """Rename a field in the indexes and constraints of its model, as the database does."""
    model = state.models.get((label, operation.model_name))
    if model is None or operation.old_name not in model.fields:
        return
    old, new = operation.old_name, operation.new_name

    def renamed(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

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
