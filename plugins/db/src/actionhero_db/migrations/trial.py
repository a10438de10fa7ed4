"""The trial of a migration before its file is written, on empty tables of a scratch database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.exceptions import OperationalError
from tortoise.migrations.operations import CreateSchema
from tortoise.migrations.schema_generator.state import State

from actionhero_db.migrations.changes import operations_between
from actionhero_db.migrations.description import describe_tables, first_difference
from actionhero_db.migrations.editors import editor_for
from actionhero_db.migrations.errors import MigrationRefused
from actionhero_db.migrations.indexes import create_missing
from actionhero_db.migrations.scratch import open_scratch
from actionhero_db.migrations.steps import (
    Step,
    copy_state,
    empty_state,
    steps_of_operations,
    tables_of,
)
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tortoise.backends.base.client import BaseDBAsyncClient

    from actionhero_db.migrations.session import Session


async def try_steps(session: Session, steps: Sequence[Step], target: State) -> None:
    """Run steps forward, backward and forward again, on empty tables.

    The tables of the application are not touched; see `open_scratch`.

    Args:
        session: The session, with the configured database.
        steps: The steps of the new migration.
        target: The models of the application, whose tables are the expected result.

    Raises:
        MigrationRefused: A step fails, or the tables are not those of the models.
        TrialImpossible: There is no scratch database; nothing is known about the migration.
    """
    label = steps[0].label
    steps = [_without_schemas(step) for step in steps if not _is_schema(step)]
    target = _expected(steps[-1].after, target, label)
    async with open_scratch(session.client) as client:
        await _create(client, target)
        expected = await describe_tables(client, _tables(target))
        await _drop(client, expected)
        await _create(client, steps[0].before)
        await _run(client, steps)
        actual = await describe_tables(client, _tables(target))
        if text := first_difference(actual, expected):
            raise MigrationRefused(
                f"the migration would not result in the tables of the models of {label!r}: {text}; "
                "undo this change of the models, or write the migration by hand"
            )
        await _run(client, [step.reversed for step in reversed(steps)])
        await _run(client, steps)


async def _run(client: BaseDBAsyncClient, steps: Sequence[Step]) -> None:
    editor = editor_for(client, atomic=False)
    editor.model_tables = tables_of(steps)  # type: ignore[attr-defined]
    for step in steps:
        try:
            await step.run(editor)
        except Exception as error:
            place = place_of(step)
            undone = "undone" if step.backward else "made"
            raise MigrationRefused(
                f"the change of {place} cannot be {undone} on "
                f"{client.capabilities.dialect}: {_reason(error)}; undo this change of the models, "
                "or write the migration by hand"
            ) from error
    if steps:
        state = steps[-1].after
        for label, name in state.models:
            try:
                await create_missing(editor, state.apps.get_model(label, name))
            except OperationalError as error:
                raise MigrationRefused(
                    f"the indexes of {label}.{name} cannot be created on "
                    f"{client.capabilities.dialect}: {error}; change them in the model"
                ) from error


def place_of(step: Step) -> str:
    """Return the model, and the field if there is one, that a step changes."""
    operation = step.operation
    model = getattr(operation, "model_name", None)
    name = getattr(operation, "name", None) or getattr(operation, "old_name", None)
    if model is None:
        return f"{step.label}.{name or operation.describe()}"
    index = getattr(operation, "index", None) or getattr(operation, "constraint", None)
    if index is not None:
        return f"{step.label}.{model} (index or constraint on {', '.join(_fields(index))})"
    if not isinstance(name, str):
        return f"{step.label}.{model}"
    return f"{step.label}.{model}.{name}"


def _fields(index: Any) -> list[str]:
    return list(getattr(index, "fields", None) or [str(getattr(index, "name", index))])


def _reason(error: Exception) -> str:
    # The message of Tortoise's own error about types names a class that does not exist.
    return str(error).partition(" Please use")[0].rstrip(".") or type(error).__name__


def _expected(after: State, target: State, label: str) -> State:
    """Return the models of the application, with those of the migrations for other labels."""
    expected = copy_state(after)
    expected.models = {key: model for key, model in after.models.items() if key[0] != label}
    expected.models |= {key: model for key, model in target.models.items() if key[0] == label}
    return without_schemas(expected)


def _without_schemas(step: Step) -> Step:
    before, after = without_schemas(step.before), without_schemas(step.after)
    return Step(step.operation, step.label, before, after, step.backward)


def without_schemas(state: State) -> State:
    """Return a copy of the models, whose tables are all in the default schema."""
    copied = State({key: model.clone() for key, model in state.models.items()}, state.apps)
    for model in copied.models.values():
        model.options.pop("schema", None)
    return copy_state(copied)


# -- tables --------------------------------------------------------------------------------------


async def _create(client: BaseDBAsyncClient, state: State) -> None:
    """Create the tables of models, in the order of their references."""
    current = empty_state(state)
    for label in dict.fromkeys(label for label, _ in state.models):
        operations = operations_between(label, current, state)
        steps = steps_of_operations(label, operations, current)
        await _run(client, [step for step in steps if not _is_schema(step)])


def _is_schema(step: Step) -> bool:
    return isinstance(step.operation, CreateSchema)


def _tables(state: State) -> list[str]:
    tables: dict[str, None] = {}
    for label, name in state.models:
        meta = state.apps.get_model(label, name)._meta
        tables[meta.db_table] = None
        for field in meta.m2m_fields:
            tables[str(meta.fields_map[field].through)] = None  # type: ignore[attr-defined]
    return list(tables)


async def _drop(client: BaseDBAsyncClient, tables: Any) -> None:
    dialect = client.capabilities.dialect
    if dialect == Dialect.POSTGRES:
        for table in tables:
            await client.execute_script(f'DROP TABLE IF EXISTS "{table}" CASCADE')
        return
    check = "SET foreign_key_checks = {}" if dialect == Dialect.MYSQL else "PRAGMA foreign_keys={}"
    await client.execute_script(check.format(0))
    quote = "`" if dialect == Dialect.MYSQL else '"'
    for table in tables:
        await client.execute_script(f"DROP TABLE IF EXISTS {quote}{table}{quote}")
    await client.execute_script(check.format(1))
