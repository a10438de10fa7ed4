"""Tables created from models directly, and tables that exist before their first migration."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import OperationalError
from tortoise.migrations.operations import CreateModel

from actionhero_db.migrations.editors import editor_for
from actionhero_db.migrations.errors import MigrationFailed
from actionhero_db.migrations.session import columns_in, has_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.migrations.migration import Migration
    from tortoise.migrations.schema_generator.state import State
    from tortoise.models import Model

    from actionhero_db.migrations.session import Session


async def models_without_tables(session: Session) -> list[type[Model]]:
    """Return the models that have neither migrations nor a table."""
    apps = session.context.apps
    models: list[type[Model]] = []
    for label, config in session.apps.items():
        if apps is None or "migrations" in config:
            continue
        models += [
            model
            for model in apps[label].values()
            if not await has_table(session.client, model._meta.db_table, model._meta.schema)
        ]
    return models


def missing_tables(models: Iterable[type[Model]]) -> list[str]:
    """Return a phrase about the missing tables for each label of `models`."""
    labels = dict.fromkeys(model._meta.app for model in models)
    return [f"tables of {label!r}, which has no migrations" for label in labels]


async def create_tables(session: Session, models: Iterable[type[Model]]) -> list[str]:
    """Create the tables of models, and return their names.

    Raises:
        MigrationFailed: The database cannot create one.
    """
    editor: Any = editor_for(session.client)
    apps: Any = session.context.apps or {}
    editor.model_tables = frozenset(
        model._meta.db_table for own in apps.values() for model in own.values()
    )
    names = []
    for model in sort_models(models):
        try:
            await editor.create_model(model)
        except OperationalError as error:
            raise MigrationFailed(
                f"the table {model._meta.db_table!r} of model {model._meta.full_name!r} cannot be "
                f"created: {error}; correct the model, or the settings of the database"
            ) from error
        names.append(model._meta.db_table)
    return names


def sort_models(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Return models sorted so that each follows the models that it refers to."""
    unsorted = list(models)
    sorter: TopologicalSorter[type[Model]] = TopologicalSorter()
    for model in unsorted:
        meta = model._meta
        # A many-to-many table is created with its model, and refers to both models.
        fields = (
            meta.fields_map[name] for name in meta.fk_fields | meta.o2o_fields | meta.m2m_fields
        )
        dependencies = {
            getattr(field, "related_model", None)
            for field in fields
            if not getattr(field, "_generated", False)
        }
        sorter.add(
            model, *(other for other in unsorted if other in dependencies and other is not model)
        )
    try:
        return list(sorter.static_order())
    except CycleError:
        return unsorted


async def tables_exist(session: Session, migration: Migration, state: State) -> bool:
    """Return whether all tables of a first migration exist, created from the models before it.

    Raises:
        MigrationFailed: Some of them exist, or have different columns.
    """
    creations = [item for item in migration.operations if isinstance(item, CreateModel)]
    if not migration.initial or len(creations) != len(migration.operations):
        return False
    missing, different = [], []
    for operation in creations:
        model = state.apps.get_model(migration.app_label, operation.name)
        columns = await columns_in(session.client, model._meta.db_table, model._meta.schema)
        if not columns:
            missing.append(model._meta.db_table)
        elif columns != set(model._meta.fields_db_projection.values()):
            different.append(model._meta.db_table)
    if len(missing) == len(creations):
        return False
    if missing or different:
        fault = (
            f"{missing[0]!r} does not exist" if missing else f"{different[0]!r} has other columns"
        )
        raise MigrationFailed(
            f"migration {migration.app_label}.{migration.name} creates tables of which some exist "
            f"already, and {fault}; change the table to match the migration, or move the existing "
            "tables out of the way"
        )
    return True
