"""The operations that turn the models of the migrations into those of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelOptions,
    CreateModel,
    CreateSchema,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from tortoise.migrations.schema_generator.state_diff import StateModelDiff

from actionhero_db.migrations.fields import difference, may_be_renamed
from actionhero_db.migrations.steps import advance, copy_state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.migrations.operations import Operation
    from tortoise.migrations.schema_generator.state import ModelState, State

    from actionhero_db.migrations.decisions import Decisions


def operations_between(
    label: str, old: State, new: State, decisions: Decisions | None = None
) -> list[Operation]:
    """Return the operations that turn the models of a label in `old` into those in `new`.

    Tortoise takes a removed and an added field of the same type for a rename, unasked, and loses
    the values of a renamed field that changed otherwise. Here only decisions rename.

    Args:
        label: The label.
        old: The models of the migrations.
        new: The models of the application.
        decisions: The renamed fields and models; `None` renames nothing.
    """
    return _Comparison(label, old, new, decisions).operations()


class _Comparison:
    """The comparison of two states of the models of one label."""

    def __init__(self, label: str, old: State, new: State, decisions: Decisions | None) -> None:
        self.label = label
        #: The models after the operations so far.
        self.state = copy_state(old)
        self.new = new
        self.decisions = decisions
        self._migration = Migration("new", label)
        self._operations: list[Operation] = []

    def operations(self) -> list[Operation]:
        self._create_schemas()
        self._rename_models()
        common = [name for name in self._names(self.new) if name in self._names(self.state)]
        for name in common:
            self._rename_fields(name)
        for name in common:
            self._remove_indexes(name)
        for name in common:
            for field in self._removed(name):
                self._add(RemoveField(model_name=name, name=field))
        self._delete_models(early=True)
        deferred = self._create_models()
        for name in common:
            for field in sorted(set(self.new.models[self.label, name].fields)):
                self._add_or_alter(name, field)
        for name, field in deferred:
            self._add_field(name, field)
        for name in dict.fromkeys(name for name, _ in deferred):
            self._add_indexes(name)
        self._delete_models(early=False)
        for name in common:
            self._add_indexes(name)
        return self._operations

    # -- models ----------------------------------------------------------------------------------

    def _names(self, state: State) -> list[str]:
        return sorted(name for label, name in state.models if label == self.label)

    def _create_schemas(self) -> None:
        def schemas(state: State) -> set[str]:
            names = {model.options.get("schema") for model in state.models.values()}
            return {str(name) for name in names if name}

        # A schema that no model uses any more stays: it may contain tables of others.
        for schema in sorted(schemas(self.new) - schemas(self.state)):
            self._add(CreateSchema(schema_name=schema))

    def _rename_models(self) -> None:
        if self.decisions is None:
            return
        added = [name for name in self._names(self.new) if name not in self._names(self.state)]
        removed = [name for name in self._names(self.state) if name not in self._names(self.new)]
        for old in removed:
            candidates = [name for name in added if self._is_similar(old, name)]
            if self.decisions.renames.get(old) in added:
                candidates = added
            new = self.decisions.new_name(old, self.label, candidates)
            if new is not None:
                added.remove(new)
                self._add(RenameModel(old_name=old, new_name=new))

    def _is_similar(self, old: str, new: str) -> bool:
        """Return whether two models have at least half of their fields in common."""
        names = set(self.state.models[self.label, old].fields)
        others = set(self.new.models[self.label, new].fields)
        return 2 * len(names & others) >= len(names | others)

    def _create_models(self) -> list[tuple[str, str]]:
        """Create the new models, and return those relations that refer to a later one."""
        added = {name for name in self._names(self.new) if name not in self._names(self.state)}
        deferred = []
        while added:
            free = [name for name in sorted(added) if not self._references(name) & added - {name}]
            name = free[0] if free else min(added)
            model = self.new.models[self.label, name]
            later = added - {name}
            for field, relation in _relations(model):
                if self._target(relation) in {(self.label, other) for other in later}:
                    deferred.append((name, field))
            fields: list[tuple[str, Any]] = [
                (field, value)
                for field, value in model.fields.items()
                if (name, field) not in deferred
            ]
            options = dict(model.options)
            if any(name == other for other, _ in deferred):
                # They may contain a field that is added later.
                for option in ("indexes", "unique_together", "constraints"):
                    options.pop(option, None)
            self._add(CreateModel(name=name, fields=fields, options=options, bases=["Model"]))
            added.remove(name)
        return deferred

    def _delete_models(self, *, early: bool) -> None:
        """Delete the models that no other one refers to; finally also those in a circle."""
        while removed := set(self._names(self.state)) - set(self._names(self.new)):
            free = [name for name in sorted(removed) if not self._referring(name)]
            if not free and early:
                return
            name = free[0] if free else min(removed)
            for model, field in self._referring(name):
                self._add(RemoveField(model_name=model, name=field))
            self._add(DeleteModel(name=name))

    def _referring(self, name: str) -> list[tuple[str, str]]:
        return [
            (other, field)
            for other in self._names(self.state)
            for field, relation in _relations(self.state.models[self.label, other])
            if other != name and self._target(relation) == (self.label, name)
        ]

    def _references(self, name: str) -> set[str]:
        targets = {
            self._target(field) for _, field in _relations(self.new.models[self.label, name])
        }
        return {model for label, model in targets if label == self.label}

    def _target(self, field: Any) -> tuple[str, str]:
        return self.state.apps.split_reference(field.model_name)

    # -- fields ----------------------------------------------------------------------------------

    def _removed(self, name: str) -> list[str]:
        fields = self.new.models[self.label, name].fields
        return sorted(set(self.state.models[self.label, name].fields) - set(fields))

    def _rename_fields(self, name: str) -> None:
        if self.decisions is None:
            return
        old = self.state.models[self.label, name].fields
        new = self.new.models[self.label, name].fields
        added = sorted(set(new) - set(old))
        for removed in self._removed(name):
            candidates = [other for other in added if may_be_renamed(old[removed], new[other])]
            renamed = self.decisions.new_name(f"{name}.{removed}", self.label, candidates)
            if renamed is not None:
                added.remove(renamed)
                self._add(RenameField(model_name=name, old_name=removed, new_name=renamed))

    def _add_or_alter(self, name: str, field: str) -> None:
        old = self.state.models[self.label, name].fields.get(field)
        new: Any = self.new.models[self.label, name].fields[field]
        if old is None:
            self._add_field(name, field)
        elif difference(field, old, new):
            is_computed = old.generated or new.generated
            if is_computed and not old.pk and not new.pk:
                self._add(RemoveField(model_name=name, name=field))
                self._add_field(name, field)
            else:
                self._add(AlterField(model_name=name, name=field, field=new))

    def _add_field(self, name: str, field: str) -> None:
        value = self.new.models[self.label, name].fields[field]
        self._add(AddField(model_name=name, name=field, field=value))

    # -- indexes and options ---------------------------------------------------------------------

    def _differences(self, name: str) -> Iterable[Operation]:
        """Return Tortoise's operations for indexes, constraints and options."""
        old = self.state.models[self.label, name].clone()
        new = self.new.models[self.label, name].clone()
        old.fields = new.fields = {}
        return StateModelDiff(old, new).generate_operations()

    def _remove_indexes(self, name: str) -> None:
        for operation in self._differences(name):
            if isinstance(operation, AlterModelOptions):
                unmanaged = AlterModelOptions.UNMANAGED_OPTION_KEYS
                options = {
                    key: value
                    for key, value in operation.options.items()
                    if key not in unmanaged and key != "schema"
                }
                # There is no operation that moves a table to another schema.
                schema = self.state.models[self.label, name].options.get("schema")
                operation.options = options | ({"schema": schema} if schema else {})
            if not isinstance(operation, AddIndex | AddConstraint):
                self._add(operation)

    def _add_indexes(self, name: str) -> None:
        for operation in self._differences(name):
            if isinstance(operation, AddIndex | AddConstraint):
                self._add(operation)

    def _add(self, operation: Operation) -> None:
        advance(self._migration, operation, self.state)
        self._operations.append(operation)


def _relations(model: ModelState) -> list[tuple[str, Any]]:
    kinds = (ForeignKeyFieldInstance, ManyToManyFieldInstance)
    return [(name, field) for name, field in model.fields.items() if isinstance(field, kinds)]
