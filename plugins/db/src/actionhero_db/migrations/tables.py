"""Tables made from models as they are, and tables that were there before their migrations."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from tortoise.migrations.operations import CreateModel

from actionhero_db.migrations.editors import editor_for
from actionhero_db.migrations.engine import MigrationFailed
from actionhero_db.migrations.session import columns_in, has_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tortoise.migrations.migration import Migration
    from tortoise.migrations.schema_generator.state import State
    from tortoise.models import Model

    from actionhero_db.migrations.session import Session


async def lacking_tables(session: Session) -> list[type[Model]]:
    """Return the models that have neither migrations nor a table."""
    apps = session.context.apps
    found: list[type[Model]] = []
    for label, config in session.apps.items():
        if apps is None or "migrations" in config:
            continue
        found += [
            model
            for model in apps[label].values()
            if not await has_table(session.client, model._meta.db_table, model._meta.schema)
        ]
    return found


def told(lacking: Iterable[type[Model]]) -> list[str]:
    """Return what is lacking, a phrase for each label."""
    labels = dict.fromkeys(model._meta.app for model in lacking)
    return [f"tables of {label!r}, which has no migrations" for label in labels]


async def make_tables(session: Session, models: Iterable[type[Model]]) -> list[str]:
    """Make the tables of models as they are, and return their names."""
    editor = editor_for(session.client)
    made = []
    for model in in_order(models):
        await editor.create_model(model)
        made.append(model._meta.db_table)
    return made


def in_order(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Return models, each after those that it refers to."""
    given = list(models)
    sorter: TopologicalSorter[type[Model]] = TopologicalSorter()
    for model in given:
        meta = model._meta
        # A table of many-to-many is made with the model, and refers to both.
        fields = (
            meta.fields_map[name] for name in meta.fk_fields | meta.o2o_fields | meta.m2m_fields
        )
        needed = {
            getattr(field, "related_model", None)
            for field in fields
            if not getattr(field, "_generated", False)
        }
        sorter.add(model, *(other for other in given if other in needed and other is not model))
    try:
        return list(sorter.static_order())
    except CycleError:
        return given


async def is_there_already(session: Session, migration: Migration, state: State) -> bool:
    """Whether all tables of a first migration are there, made from the models before it was.

    Raises:
        MigrationFailed: Some are, or they have other columns.
    """
    made = [item for item in migration.operations if isinstance(item, CreateModel)]
    if not migration.initial or len(made) != len(migration.operations):
        return False
    missing, odd = [], []
    for operation in made:
        model = state.apps.get_model(migration.app_label, operation.name)
        columns = await columns_in(session.client, model._meta.db_table, model._meta.schema)
        if not columns:
            missing.append(model._meta.db_table)
        elif columns != set(model._meta.fields_db_projection.values()):
            odd.append(model._meta.db_table)
    if len(missing) == len(made):
        return False
    if missing or odd:
        what = f"{missing[0]!r} is not there" if missing else f"{odd[0]!r} has other columns"
        raise MigrationFailed(
            f"migration {migration.app_label}.{migration.name} makes tables of which some are "
            f"there already, and {what}; make it the same as the migration says, or move those "
            "tables out of the way"
        )
    return True
